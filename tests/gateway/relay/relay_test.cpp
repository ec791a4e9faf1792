#include "gateway/relay/relay.h"

#include <gtest/gtest.h>

#include <asio/write.hpp>

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

awaitable<void> take_one(DownstreamRoute& route, Taken& taken) {
    DownstreamRoute::Tries tries = route.fresh_tries(Deadline::max());
    std::unique_ptr<DownstreamConnection> connection = co_await route.obtain(tries);
    taken.connection = std::move(connection);
    taken.is_done = true;
}

class RelayTest : public testing::Test {
  protected:
    static config::Settings made() {
        config::Settings settings;
        settings.downstream.servers.resize(1);
        settings.downstream.servers.front().host = "127.0.0.1";
        settings.downstream.servers.front().port = 1;  // nobody is there
        settings.limits.downstream_timeout = 1s;
        return settings;
    }
    void keep_interrupted(DownstreamPeer& peer) {
        peer.connection->needs_reset = true;
        route.keep(std::move(peer.connection));
    }
    void begin_taking() { asio::co_spawn(context, take_one(route, taken), log_exception); }
    void run(std::chrono::milliseconds time) {
        const auto end = Clock::now() + time;
        while (!taken.is_done && Clock::now() < end) {
            context.restart();
            context.run_for(10ms);
        }
    }

    asio::io_context context;
    asio::thread_pool disk{1};
    config::Settings settings = made();
    Resolver resolver{context, {{*protocol::IpAddress::parse("127.0.0.1"), 53}}, settings.dns};
    Relay relay{context, disk, resolver, settings};
    DownstreamRoute& route = *relay.routes().front();
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
    EXPECT_EQ(taken.connection, nullptr) << "a new one was tried";
    EXPECT_EQ(third.heard(), "RSET\r\n");
    EXPECT_EQ(other.heard(), "") << "not asked";
    EXPECT_EQ(one.heard(), "");
}

TEST_F(RelayTest, AsksAKeptConnectionForASignOfLifeAfterAWhile) {
    DownstreamPeer peer(context);
    auto* connection = peer.connection.get();
    route.keep(std::move(peer.connection));
    connection->idle_since = Clock::now() - 30s;
    begin_taking();
    EXPECT_EQ(peer.wait_for_something(context), "RSET\r\n");
    peer.say("250 2.0.0 Ok\r\n");
    run(5s);
    EXPECT_EQ(taken.connection.get(), connection);
    EXPECT_TRUE(taken.connection->is_reused);
}

// A server that listens, and greets when it is told to.
class RestingServerTest : public RelayTest {
  protected:
    RestingServerTest() {
        settings.downstream.servers.front().port = acceptor.local_endpoint().port();
        settings.downstream.tls = config::DownstreamTls::none;
        settings.limits.downstream_timeout = 30s;
        for (int i = 0; i < 5; ++i) resting.servers().note_failure(0, 10s, Clock::now() - 3s);
    }
    void begin(Taken& one) { asio::co_spawn(context, take_one(resting, one), log_exception); }
    void run_while(const auto& condition, std::chrono::milliseconds time) {
        const auto end = Clock::now() + time;
        while (condition() && Clock::now() < end) {
            context.restart();
            context.run_for(10ms);
        }
    }
    // Whoever connects next, within ten seconds.
    void greet() {
        ErrorCode error = asio::error::would_block;
        tcp::socket socket(context);
        acceptor.non_blocking(true);
        const auto is_waiting = [&] {
            acceptor.accept(socket, error);
            return error == asio::error::would_block;
        };
        run_while(is_waiting, 10s);
        ASSERT_FALSE(error);
        asio::write(socket, asio::buffer(std::string_view("220 here\r\n")));
        run_while([&] { return socket.available() == 0; }, 10s);
        asio::write(socket, asio::buffer(std::string_view("250 here\r\n")));
        accepted.push_back(std::move(socket));
    }

    tcp::acceptor acceptor{context, {asio::ip::address_v4::loopback(), 0}};
    std::vector<tcp::socket> accepted;
    Relay of_it{context, disk, resolver, settings};
    DownstreamRoute& resting = *of_it.routes().front();
    Taken second;
};

TEST_F(RestingServerTest, IsTriedAnywayWhenThereIsNoOther) {
    begin(taken);
    context.run_for(10ms);
    greet();
    run_while([&] { return !taken.is_done; }, 10s);
    EXPECT_NE(taken.connection, nullptr);
    EXPECT_TRUE(resting.servers().is_there(0));
}

TEST_F(RestingServerTest, CostsOneClientItsTimeAndTheOthersAShortWait) {
    begin(taken);
    context.run_for(10ms);
    begin(second);
    const auto began = Clock::now();
    run_while([&] { return !second.is_done; }, 20s);
    EXPECT_TRUE(second.is_done);
    EXPECT_EQ(second.connection, nullptr);
    EXPECT_LT(Clock::now() - began, 10s);
    EXPECT_FALSE(taken.is_done) << "it waits for the greeting, for 30 s";
    greet();
    run_while([&] { return !taken.is_done; }, 10s);
    EXPECT_NE(taken.connection, nullptr);
    ErrorCode error;
    acceptor.accept(error);
    EXPECT_EQ(error, asio::error::would_block) << "nobody else has connected";
}

TEST_F(RestingServerTest, ServesTwoWhenTheFirstHasFoundItBack) {
    begin(taken);
    context.run_for(10ms);
    begin(second);
    context.run_for(10ms);
    greet();
    run_while([&] { return !taken.is_done; }, 10s);
    EXPECT_NE(taken.connection, nullptr);
    greet();
    run_while([&] { return !second.is_done; }, 10s);
    EXPECT_NE(second.connection, nullptr) << "on a connection of its own";
}

TEST_F(RelayTest, HasOneRouteForEachOfTheSettingsAndOneForNotifications) {
    settings.downstream.routes.resize(2);
    for (auto& each : settings.downstream.routes) {
        each.servers.resize(1);
        each.servers[0].kind = config::DownstreamKind::maildir;
    }
    settings.downstream.routes[0].servers[0].path = "/one";
    settings.downstream.routes[1].servers[0].path = "/two";
    const Relay without(context, disk, resolver, settings);
    EXPECT_EQ(without.routes().size(), 3u);
    settings.notifications.relay = settings.downstream.routes[1].servers;
    settings.notifications.relay[0].path = "/ours";
    Relay with(context, disk, resolver, settings);
    EXPECT_EQ(with.begin({}, 1)->where(), "/one");
    EXPECT_EQ(with.begin({}, 2)->where(), "/two");
    EXPECT_EQ(with.begin({}, kNotificationRoute)->where(), "/ours");
}

TEST_F(RelayTest, OffersWhatTheServersOfAllRoutesCanDo) {
    settings.downstream.routes.resize(1);
    settings.downstream.routes[0].servers = settings.downstream.servers;
    settings.notifications.relay = settings.downstream.servers;
    Relay all(context, disk, resolver, settings);
    protocol::Capabilities can;
    can.is_extended = can.eight_bit_mime = can.dsn = can.smtputf8 = true;
    const auto greet = [&](std::size_t number, bool dsn, bool smtputf8) {
        can.dsn = dsn;
        can.smtputf8 = smtputf8;
        all.routes()[number]->servers().note_greeting(0, can, Clock::now());
    };
    EXPECT_FALSE(all.offered().dsn) << "nobody has said anything yet";
    greet(0, true, true);
    EXPECT_TRUE(all.offered().dsn);
    greet(1, false, true);
    EXPECT_FALSE(all.offered().dsn);
    EXPECT_TRUE(all.offered().smtputf8);
    greet(2, false, false);
    EXPECT_TRUE(all.offered().smtputf8) << "no client's mail goes where notifications go";
}

}  // namespace
}  // namespace gatepost::gateway
