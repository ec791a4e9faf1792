#include "gateway/admission.h"

namespace gatepost::gateway {

Admission::Verdict Admission::enter(const protocol::IpAddress& client, const config::Limits& limits) {
    const std::lock_guard lock(mutex_);
    const std::size_t of_client = ++by_client_[client];
    ++total_;
    if (total_ > limits.sessions) return Verdict::too_many;
    return of_client > limits.sessions_per_client ? Verdict::too_many_of_client : Verdict::welcome;
}

void Admission::leave(const protocol::IpAddress& client) {
    const std::lock_guard lock(mutex_);
    --total_;
    const auto it = by_client_.find(client);
    if (it != by_client_.end() && --it->second == 0) by_client_.erase(it);
}

std::size_t Admission::sessions() const {
    const std::lock_guard lock(mutex_);
    return total_;
}

}  // namespace gatepost::gateway
