#include "gateway/server/reserve.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <vector>

namespace gatepost::gateway {
namespace {

struct Listening {
    Listening() {
        socket = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        const auto any = reinterpret_cast<sockaddr*>(&address);
        if (::bind(socket, any, size) || ::listen(socket, 16) || ::getsockname(socket, any, &size))
            ADD_FAILURE();
    }
    ~Listening() { ::close(socket); }
    int connect() const {
        const int client = ::socket(AF_INET, SOCK_STREAM, 0);
        EXPECT_EQ(::connect(client, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
        return client;
    }
    int socket;
    sockaddr_in address{};
};

// Takes all descriptors that are left, and gives them back.
struct Shortage {
    Shortage() {
        ::getrlimit(RLIMIT_NOFILE, &before);
        rlimit low = before;
        low.rlim_cur = 128;
        ::setrlimit(RLIMIT_NOFILE, &low);
        for (int taken; (taken = ::open("/dev/null", O_RDONLY)) >= 0;) descriptors.push_back(taken);
    }
    ~Shortage() {
        for (const int taken : descriptors) ::close(taken);
        ::setrlimit(RLIMIT_NOFILE, &before);
    }
    rlimit before{};
    std::vector<int> descriptors;
};

std::string all_of(int client) {
    std::string text(200, '\0');
    std::size_t size = 0;
    for (ssize_t got; (got = ::recv(client, text.data() + size, text.size() - size, 0)) > 0;)
        size += static_cast<std::size_t>(got);
    text.resize(size);
    ::close(client);
    return text;
}

TEST(Reserve, TellsAllWhoWaitAndIsKeptAgain) {
    const Listening listening;
    Reserve reserve;
    std::vector<int> clients;
    for (int i = 0; i < 5; ++i) clients.push_back(listening.connect());
    const std::string hello = "EHLO x\r\n";  // one talks early: the reply must reach it all the same
    ASSERT_EQ(::send(clients[0], hello.data(), hello.size(), 0), static_cast<ssize_t>(hello.size()));
    {
        const Shortage shortage;
        EXPECT_LT(::accept(listening.socket, nullptr, nullptr), 0);
        EXPECT_TRUE(is_without_descriptors(errno));
        EXPECT_EQ(reserve.turn_away(listening.socket, "421 no\r\n"), 5u);
        EXPECT_TRUE(reserve.is_kept());
        EXPECT_EQ(reserve.turn_away(listening.socket, "421 no\r\n"), 0u) << "nobody waits";
    }
    for (const int client : clients) EXPECT_EQ(all_of(client), "421 no\r\n");
}

TEST(Reserve, IsTakenBackWhenThereIsRoomAgain) {
    const Listening listening;
    Reserve reserve;
    const int client = listening.connect();
    {
        Shortage shortage;
        ::close(shortage.descriptors.back());
        shortage.descriptors.pop_back();
        EXPECT_EQ(reserve.turn_away(listening.socket, "421 no\r\n"), 1u);
        EXPECT_TRUE(reserve.is_kept());
    }
    EXPECT_EQ(all_of(client), "421 no\r\n");
    EXPECT_FALSE(is_without_descriptors(ECONNABORTED));
}

}  // namespace
}  // namespace gatepost::gateway
