#include "gateway/relay/downstream_connection.h"

namespace gatepost::gateway {
namespace {

constexpr std::chrono::seconds kGoodbyeTime{5};

}  // namespace

protocol::Capabilities DownstreamConnection::capabilities() const {
    protocol::Capabilities can = dialogue.capabilities();
    can.requiretls = can.requiretls && is_authenticated;
    return can;
}

awaitable<protocol::ClientAction> finish_request(DownstreamConnection& connection, Deadline deadline) {
    auto& transport = connection.transport;
    auto& dialogue = connection.dialogue;
    transport.set_deadline(deadline);
    for (;;) {
        protocol::ClientAction action = dialogue.next();
        if (const auto* send = std::get_if<protocol::ClientSend>(&action)) {
            const bool sent = co_await transport.write(send->bytes);
            if (!sent) dialogue.connection_lost();
        } else if (std::get_if<protocol::ClientReceive>(&action)) {
            const std::size_t got = co_await transport.read_some(dialogue.input_buffer());
            if (got > 0) {
                dialogue.received(got);
            } else if (transport.timed_out()) {
                dialogue.out_of_time();
            } else {
                dialogue.connection_lost();
            }
        } else if (std::get_if<protocol::ClientBeginTls>(&action)) {
            const bool is_safe = co_await transport.start_tls(*connection.tls, connection.expected);
            if (is_safe) {
                dialogue.tls_begun();
            } else {
                connection.tls_failed = true;
                dialogue.connection_lost();
            }
        } else {
            co_return action;
        }
    }
}

awaitable<void> say_goodbye(std::unique_ptr<DownstreamConnection> connection) {
    connection->dialogue.quit();
    const protocol::ClientAction ended = co_await finish_request(*connection, Clock::now() + kGoodbyeTime);
    if (std::get_if<protocol::ClientDone>(&ended)) co_await connection->transport.close();
}

}  // namespace gatepost::gateway
