// The keys that seal session tickets (RFC 5077, RFC 8446 section 4.6.1). OpenSSL keeps one as long as a
// context lives: who gets hold of it reads all TLS 1.2 sessions of that time. Ours seal for an hour, open for
// another one, and are wiped then. For all threads.
#pragma once

#include <array>
#include <chrono>
#include <mutex>
#include <optional>
#include <span>

struct ssl_ctx_st;

namespace gatepost::gateway {

class TicketKeys {
  public:
    using Time = std::chrono::steady_clock::time_point;
    static constexpr std::chrono::hours kLife{1};  // of a key that seals, and of a ticket
    static constexpr std::size_t kNameSize = 16;

    struct Key {
        std::array<unsigned char, kNameSize> name;
        std::array<unsigned char, 32> cipher, mac;
        Time made;
    };

    TicketKeys() = default;
    ~TicketKeys();
    TicketKeys(const TicketKeys&) = delete;

    // The one to seal with; nothing if there is no randomness.
    std::optional<Key> current(Time now);
    // The one that sealed a ticket, if it is not too old.
    std::optional<Key> find(std::span<const unsigned char, kNameSize> name, Time now);

    // Makes the context use these keys; they must outlive its handshakes.
    void install(ssl_ctx_st* context);

  private:
    void age(Time now);

    std::mutex mutex_;
    std::optional<Key> current_, previous_;
};

}  // namespace gatepost::gateway
