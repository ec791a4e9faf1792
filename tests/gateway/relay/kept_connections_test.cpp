#include "gateway/relay/kept_connections.h"

#include <gtest/gtest.h>

#include "tests/gateway/relay/downstream_peer.h"

namespace gatepost::gateway {
namespace {

using std::chrono::milliseconds;

constexpr KeptConnections::Times kSoon{milliseconds(20), milliseconds(5)};
constexpr KeptConnections::Times kLate{milliseconds(3'600'000), milliseconds(5)};

TEST(KeptConnections, GiveBackTheOneUsedLast) {
    asio::io_context context;
    KeptConnections kept(context, kLate);
    DownstreamPeer one(context), other(context);
    const auto* last = other.connection.get();
    kept.keep(std::move(one.connection));
    kept.keep(std::move(other.connection));
    EXPECT_EQ(kept.take().get(), last);
    EXPECT_NE(kept.take(), nullptr);
    EXPECT_EQ(kept.take(), nullptr);
}

TEST(KeptConnections, WithUnaskedOctetsOrClosedAreOfNoUse) {
    asio::io_context context;
    KeptConnections kept(context, kLate);
    DownstreamPeer talking(context), closed(context);
    kept.keep(std::move(talking.connection));
    kept.keep(std::move(closed.connection));
    talking.say("250 2.0.0 Ok\r\n");
    closed.close();
    EXPECT_EQ(kept.take(), nullptr);
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

TEST(KeptConnections, AreNotMoreThanSomeDozens) {
    asio::io_context context;
    KeptConnections kept(context, kLate);
    std::vector<std::unique_ptr<DownstreamPeer>> servers;
    for (int i = 0; i < 40; ++i) {
        servers.push_back(std::make_unique<DownstreamPeer>(context));
        kept.keep(std::move(servers.back()->connection));
    }
    EXPECT_EQ(kept.size(), 32u);
    EXPECT_EQ(servers.front()->wait_for_something(context), "QUIT\r\n") << "the one that waited longest goes";
}

}  // namespace
}  // namespace gatepost::gateway
