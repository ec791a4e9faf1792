#include "gateway/relay/relay.h"

#include <gtest/gtest.h>

#include "gateway/completion.h"
#include "gateway/dns/resolver.h"
#include "tests/gateway/relay/downstream_peer.h"

namespace gatepost::gateway {
namespace {

using namespace std::chrono_literals;

struct Taken {
    std::unique_ptr<DownstreamConnection> connection;
    bool is_done = false;
};

awaitable<void> take_one(Relay& relay, Taken& taken) {
    std::unique_ptr<DownstreamConnection> connection = co_await relay.take_kept();
    taken.connection = std::move(connection);
    taken.is_done = true;
}

class RelayTest : public testing::Test {
  protected:
    RelayTest() {
        settings.downstream.servers.resize(1);
        settings.downstream.servers.front().host = "127.0.0.1";
        settings.limits.downstream_timeout = 1s;
    }
    void keep_interrupted(DownstreamPeer& peer) {
        peer.connection->needs_reset = true;
        relay.keep(std::move(peer.connection));
    }
    void begin_taking() { asio::co_spawn(context, take_one(relay, taken), log_exception); }
    void run(std::chrono::milliseconds time) {
        const auto end = Clock::now() + time;
        while (!taken.is_done && Clock::now() < end) {
            context.restart();
            context.run_for(10ms);
        }
    }

    asio::io_context context;
    asio::thread_pool disk{1};
    config::Settings settings;
    Resolver resolver{context, {{*protocol::IpAddress::parse("127.0.0.1"), 53}}, settings.dns};
    Relay relay{context, disk, resolver, settings};
    Taken taken;
};

// It has left off in the middle of a transaction, and is taken out of it before it is used again.
TEST_F(RelayTest, ResetsAKeptConnection) {
    DownstreamPeer peer(context);
    keep_interrupted(peer);
    begin_taking();
    EXPECT_EQ(peer.wait_for_something(context), "RSET\r\n");
    peer.say("250 2.0.0 Ok\r\n");
    run(5s);
    ASSERT_TRUE(taken.is_done);
    ASSERT_NE(taken.connection, nullptr);
    EXPECT_FALSE(taken.connection->needs_reset);
}

// The client at RCPT would wait for one after the other, hours in all.
TEST_F(RelayTest, WaitsForOneKeptConnectionOnlyWhenTheServerHangs) {
    DownstreamPeer one(context), other(context), third(context);
    for (auto* peer : {&one, &other, &third}) keep_interrupted(*peer);
    begin_taking();
    run(30s);
    ASSERT_TRUE(taken.is_done);
    EXPECT_EQ(taken.connection, nullptr) << "a new one is to be made";
    EXPECT_EQ(third.heard(), "RSET\r\n");
    EXPECT_EQ(other.heard(), "") << "not asked";
    EXPECT_EQ(one.heard(), "");
}

}  // namespace
}  // namespace gatepost::gateway
