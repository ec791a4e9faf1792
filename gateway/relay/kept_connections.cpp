#include "gateway/relay/kept_connections.h"

#include "gateway/completion.h"

namespace gatepost::gateway {
namespace {

constexpr std::size_t kMaxKept = 32;

bool is_of_use(DownstreamConnection& connection) {
    return connection.dialogue.is_usable() && connection.dialogue.is_at_rest() &&
           connection.transport.looks_alive();
}

}  // namespace

std::unique_ptr<DownstreamConnection> KeptConnections::take() {
    while (!kept_.empty()) {
        std::unique_ptr<DownstreamConnection> connection = std::move(kept_.back());
        kept_.pop_back();
        if (is_of_use(*connection)) return connection;
    }
    return nullptr;
}

void KeptConnections::keep(std::unique_ptr<DownstreamConnection> connection) {
    if (!connection->dialogue.is_usable() || !connection->dialogue.is_at_rest()) return;
    if (is_retired_) return let_go(std::move(connection));
    connection->idle_since = Clock::now();
    connection->transport.set_deadline(Deadline::max());
    kept_.push_back(std::move(connection));
    if (kept_.size() > kMaxKept) {
        let_go(std::move(kept_.front()));
        kept_.pop_front();
    }
    if (!is_armed_) arm();
}

void KeptConnections::let_go(std::unique_ptr<DownstreamConnection> connection) {
    if (is_of_use(*connection)) asio::co_spawn(context_, say_goodbye(std::move(connection)), log_exception);
}

void KeptConnections::retire() {
    is_retired_ = true;
    for (auto& connection : kept_) let_go(std::move(connection));
    kept_.clear();
}

void KeptConnections::arm() {
    is_armed_ = true;
    timer_.expires_after(times_.sweep);
    timer_.async_wait([this, presence = std::weak_ptr<bool>(presence_)](ErrorCode error) {
        if (error || presence.expired()) return;
        is_armed_ = false;
        sweep();
    });
}

void KeptConnections::sweep() {
    std::deque<std::unique_ptr<DownstreamConnection>> kept;
    for (auto& connection : kept_) {
        const bool is_fresh = Clock::now() - connection->idle_since < times_.idle;
        if (is_fresh && is_of_use(*connection)) {
            kept.push_back(std::move(connection));
        } else {
            let_go(std::move(connection));
        }
    }
    kept_ = std::move(kept);
    if (!kept_.empty()) arm();
}

}  // namespace gatepost::gateway
