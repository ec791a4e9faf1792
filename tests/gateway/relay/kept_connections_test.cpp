#include "gateway/relay/kept_connections.h"

#include <gtest/gtest.h>

#include "tests/gateway/relay/downstream_peer.h"

namespace gatepost::gateway {
namespace {

using std::chrono::milliseconds;

constexpr DownstreamConnection::Place kServer{0, 0};
constexpr KeptConnections::Times kSoon{milliseconds(20), milliseconds(5)};
constexpr KeptConnections::Times kLate{milliseconds(3'600'000), milliseconds(5)};

TEST(KeptConnections, GiveBackTheOneUsedLast) {
    asio::io_context context;
    KeptConnections kept(context, kLate);
    DownstreamPeer one(context), other(context);
    const auto* last = other.connection.get();
    kept.keep(std::move(one.connection));
    kept.keep(std::move(other.connection));
    EXPECT_EQ(kept.take(kServer).get(), last);
    EXPECT_NE(kept.take(kServer), nullptr);
    EXPECT_EQ(kept.take(kServer), nullptr);
}

TEST(KeptConnections, WithUnaskedOctetsOrClosedAreOfNoUse) {
    asio::io_context context;
    KeptConnections kept(context, kLate);
    DownstreamPeer talking(context), closed(context);
    kept.keep(std::move(talking.connection));
    kept.keep(std::move(closed.connection));
    talking.say("250 2.0.0 Ok\r\n");
    closed.close();
    EXPECT_EQ(kept.take(kServer), nullptr);
    EXPECT_EQ(kept.size(), 0u);
}

TEST(KeptConnections, ThatWaitTooLongEndWithQuit) {
    asio::io_context context;
    KeptConnections kept(context, kSoon);
    DownstreamPeer server(context);
    kept.keep(std::move(server.connection));
    EXPECT_EQ(server.wait_for_something(context), "QUIT\r\n");
    EXPECT_EQ(kept.size(), 0u);
    server.say("221 2.0.0 Bye\r\n");
    EXPECT_EQ(server.wait_for_something(context), "<end>");
}

TEST(KeptConnections, ThatTheServerClosedAreLetGo) {
    asio::io_context context;
    KeptConnections kept(context, kLate);
    DownstreamPeer closed(context), open(context);
    kept.keep(std::move(closed.connection));
    kept.keep(std::move(open.connection));
    closed.close();
    for (int i = 0; i < 2000 && kept.size() > 1; ++i) context.run_for(milliseconds(5));
    EXPECT_EQ(kept.size(), 1u);
    EXPECT_EQ(open.heard(), "");
}

TEST(KeptConnections, RetireWithQuitNowAndLater) {
    asio::io_context context;
    KeptConnections kept(context, kLate);
    DownstreamPeer one(context), later(context);
    kept.keep(std::move(one.connection));
    kept.retire();
    kept.keep(std::move(later.connection));
    EXPECT_EQ(kept.size(), 0u);
    EXPECT_EQ(one.wait_for_something(context), "QUIT\r\n");
    EXPECT_EQ(later.wait_for_something(context), "QUIT\r\n");
}

TEST(KeptConnections, AreTheirOwnServersOnly) {
    asio::io_context context;
    KeptConnections kept(context, kLate);
    DownstreamPeer one(context), other(context), third(context);
    one.connection->place = {1, 0};
    other.connection->place = {0, 1};
    third.connection->place = {1, 0};
    const auto* first = one.connection.get();
    const auto* last = third.connection.get();
    kept.keep(std::move(one.connection));
    kept.keep(std::move(third.connection));
    kept.keep(std::move(other.connection));
    EXPECT_EQ(kept.take(kServer), nullptr) << "of neither";
    EXPECT_EQ(kept.take({1, 0}).get(), last);
    EXPECT_EQ(kept.take({1, 0}).get(), first);
    EXPECT_EQ(kept.take({1, 0}), nullptr);
    EXPECT_EQ(kept.size(), 1u);
}

TEST(KeptConnections, AreBoundedForEachServerAndInAll) {
    asio::io_context context;
    KeptConnections kept(context, kLate);
    std::vector<std::unique_ptr<DownstreamPeer>> servers;
    const auto keep_one = [&](DownstreamConnection::Place place) {
        servers.push_back(std::make_unique<DownstreamPeer>(context));
        servers.back()->connection->place = place;
        kept.keep(std::move(servers.back()->connection));
        return servers.back().get();
    };
    const auto* oldest = keep_one({7, 0});
    const auto* second = keep_one(kServer);
    for (int i = 0; i < 32; ++i) keep_one(kServer);
    EXPECT_EQ(kept.size(), 33u);
    EXPECT_EQ(second->wait_for_something(context), "QUIT\r\n") << "the one of it that waited longest";
    EXPECT_EQ(oldest->heard(), "") << "another's is left in peace";
    for (std::size_t server = 1; server <= 3; ++server) {
        for (int i = 0; i < 32; ++i) keep_one({0, server});
    }
    EXPECT_EQ(kept.size(), 128u);
    EXPECT_EQ(oldest->wait_for_something(context), "QUIT\r\n") << "the one that waited longest of all";
}

TEST(KeptConnections, ThatCarriedManyMessagesEndWithQuit) {
    asio::io_context context;
    KeptConnections kept(context, kLate);
    DownstreamPeer busy(context);
    busy.connection->messages = 200;
    kept.keep(std::move(busy.connection));
    EXPECT_EQ(kept.size(), 0u);
    EXPECT_EQ(kept.leaving(), 1u);
    EXPECT_EQ(busy.wait_for_something(context), "QUIT\r\n");
    busy.say("221 2.0.0 Bye\r\n");
    for (int i = 0; i < 2000 && kept.leaving() > 0; ++i) context.run_for(milliseconds(5));
    EXPECT_EQ(kept.leaving(), 0u) << "heard and gone";
}

}  // namespace
}  // namespace gatepost::gateway
