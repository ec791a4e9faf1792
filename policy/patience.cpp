#include "policy/patience.h"

#include <algorithm>

namespace gatepost::policy {

using Time = Patience::Time;

Patience::Patience(const config::Limits& limits, Time now)
    : limits_(&limits), session_end_(now + limits.session_timeout), waiting_since_(now) {}

void Patience::begin_transaction(Time now) {
    transaction_end_ = now + limits_->transaction_timeout;
}

void Patience::begin_content(Time now) {
    content_end_ = now + limits_->data_timeout;
    window_begin_ = now;
    in_window_ = 0;
}

void Patience::end_content() {
    content_end_ = Time::max();
}

void Patience::end_transaction() {
    end_content();
    transaction_end_ = Time::max();
}

Time Patience::window_end() const {
    return limits_->data_rate > 0 ? window_begin_ + limits_->data_rate_window : Time::max();
}

// The session's own end waits for the transaction's: it does not cost a message.
Time Patience::deadline(config::seconds idle_time) const {
    if (is_content()) return std::min({content_end_, window_end(), transaction_end_});
    const Time idle_end = waiting_since_ + idle_time;
    return std::min(idle_end, transaction_end_ != Time::max() ? transaction_end_ : session_end_);
}

bool Patience::is_over(Time now, config::seconds idle_time) {
    if (now < deadline(idle_time)) return false;
    if (!is_content() || now >= std::min(content_end_, transaction_end_)) return true;
    const auto window = static_cast<std::size_t>(limits_->data_rate_window.count());
    if (in_window_ / window < limits_->data_rate) return true;
    window_begin_ = now;
    in_window_ = 0;
    return false;
}

}  // namespace gatepost::policy
