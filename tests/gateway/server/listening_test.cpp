#include "gateway/server/listening.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

namespace gatepost::gateway {
namespace {

config::Listener listener(const std::string& address, std::uint16_t port, config::Place place = {}) {
    return {{*protocol::IpAddress::parse(address), port}, place};
}

// A descriptor that closes itself.
struct Socket {
    explicit Socket(protocol::Result<int> made) : result(std::move(made)) {}
    ~Socket() {
        if (result) ::close(*result);
    }
    Socket(const Socket&) = delete;
    std::uint16_t port() const {
        sockaddr_in address{};
        socklen_t size = sizeof address;
        ::getsockname(*result, reinterpret_cast<sockaddr*>(&address), &size);
        return ntohs(address.sin_port);
    }
    protocol::Result<int> result;
};

TEST(Listening, SharesAPortWithItsOwnOnly) {
    const Socket first(listen_on(listener("127.0.0.1", 0), "", Sharing::first));
    ASSERT_TRUE(first.result) << first.result.problem();
    const Socket second(listen_on(listener("127.0.0.1", first.port()), "", Sharing::with_our_own));
    EXPECT_TRUE(second.result) << second.result.problem();
    const Socket stranger(listen_on(listener("127.0.0.1", first.port()), "", Sharing::first));
    EXPECT_FALSE(stranger.result) << "a second gatepost would take half of the first one's clients";
}

TEST(Listening, SaysWhatIsWrongWhereAndWhatToDo) {
    const Socket taken(listen_on(listener("127.0.0.1", 0), "", Sharing::first));
    ASSERT_TRUE(taken.result);
    const std::string port = std::to_string(taken.port());
    const Socket again(
        listen_on(listener("127.0.0.1", taken.port(), {12, 5}), "/etc/gatepost.yaml", Sharing::first));
    EXPECT_EQ(again.result.problem(),
              "/etc/gatepost.yaml:12:5: error: cannot listen on 127.0.0.1:" + port +
                  ": Address already in use; another server has it: `ss -ltnp sport = :" + port +
                  "` shows which");
    const Socket nowhere(listen_on(listener("192.0.2.1", 0), "", Sharing::first));
    EXPECT_EQ(nowhere.result.problem(),
              "error: cannot listen on 192.0.2.1:0: Cannot assign requested address; this machine has no "
              "such address");
}

TEST(Listening, TakesClientsOfBothFamiliesOnTheWildcard) {
    const Socket both(listen_on(listener("::", 0), "", Sharing::first));
    if (!both.result) GTEST_SKIP() << "no IPv6 here: " << both.result.problem();
    sockaddr_in6 bound{};
    socklen_t size = sizeof bound;
    ::getsockname(*both.result, reinterpret_cast<sockaddr*>(&bound), &size);
    const int client = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = bound.sin6_port;
    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(client, reinterpret_cast<sockaddr*>(&v4), sizeof v4), 0);
    ::close(client);
}

TEST(Listening, InheritsNothingWhereNothingWasHandedOver) {
    ::unsetenv("LISTEN_FDS");
    EXPECT_TRUE(inherited_sockets().empty());
}

}  // namespace
}  // namespace gatepost::gateway
