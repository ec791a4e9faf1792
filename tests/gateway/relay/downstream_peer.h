// A downstream server's end of a connection, played by the test over a pair of sockets.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "gateway/relay/downstream_connection.h"

namespace gatepost::gateway {

// The server's end of a connection that waits for a message.
class DownstreamPeer {
  public:
    explicit DownstreamPeer(asio::io_context& context) {
        int ends[2];
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
        Transport::Socket socket(context, asio::generic::stream_protocol(AF_UNIX, 0), ends[0]);
        socket_ = ends[1];
        connection = std::make_unique<DownstreamConnection>(std::move(socket), protocol::ClientSettings{},
                                                            make_client_tls(config::DownstreamTls::none));
    }
    ~DownstreamPeer() { close(); }
    DownstreamPeer(const DownstreamPeer&) = delete;

    void close() {
        if (socket_ >= 0) ::close(std::exchange(socket_, -1));
    }
    void say(std::string_view octets) const {
        EXPECT_EQ(::send(socket_, octets.data(), octets.size(), MSG_NOSIGNAL),
                  static_cast<ssize_t>(octets.size()));
    }
    // What has come, and "<end>" when the other side has closed.
    std::string heard() const {
        char octets[1000];
        const auto got = ::recv(socket_, octets, sizeof octets, MSG_DONTWAIT);
        if (got == 0) return "<end>";
        return got < 0 ? "" : std::string(octets, static_cast<std::size_t>(got));
    }
    std::string wait_for_something(asio::io_context& context) const {
        std::string text;
        for (int i = 0; i < 2000 && text.empty(); ++i) {
            context.restart();
            context.run_for(std::chrono::milliseconds(5));
            text = heard();
        }
        return text;
    }

    std::unique_ptr<DownstreamConnection> connection;

  private:
    int socket_ = -1;
};

}  // namespace gatepost::gateway
