#include "gateway/server/reserve.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace gatepost::gateway {
namespace {

constexpr std::size_t kMostAtOnce = 256;  // so that sessions get their turn

// Nothing here waits. What the client has sent already is read, or closing would take the reply from it.
void refuse(int client, std::string_view reply) {
    ::send(client, reply.data(), reply.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    ::shutdown(client, SHUT_WR);
    std::array<char, 4096> dropped;
    [[maybe_unused]] const auto got = ::recv(client, dropped.data(), dropped.size(), MSG_DONTWAIT);
    ::close(client);
}

}  // namespace

bool is_without_descriptors(int error) {
    return error == EMFILE || error == ENFILE;
}

Reserve::Reserve() {
    spares_.reserve(kSpares);  // nothing is allocated later, when memory may be short too
    is_kept();
}

Reserve::~Reserve() {
    for (const int spare : spares_) ::close(spare);
}

bool Reserve::is_kept() {
    while (spares_.size() < kSpares) {
        const int spare = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
        if (spare < 0) break;
        spares_.push_back(spare);
    }
    return !spares_.empty();
}

std::size_t Reserve::turn_away(int listening, std::string_view reply) {
    if (!spares_.empty()) {
        ::close(spares_.back());
        spares_.pop_back();
    }
    std::size_t count = 0;
    while (count < kMostAtOnce) {
        const int client = ::accept4(listening, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (client < 0 && (errno == ECONNABORTED || errno == EINTR)) continue;
        if (client < 0) break;
        refuse(client, reply);
        ++count;
    }
    is_kept();
    return count;
}

}  // namespace gatepost::gateway
