#include "gateway/relay/kept_connections.h"

#include <algorithm>

#include "gateway/completion.h"

namespace gatepost::gateway {
namespace {

constexpr std::size_t kMaxKeptOfServer = 32;
constexpr std::size_t kMaxKept = 128;
// So that a server behind a balancer is not always the same, and none has to count.
constexpr std::size_t kMaxMessages = 200;

bool is_of_use(DownstreamConnection& connection) {
    return connection.dialogue.is_usable() && connection.dialogue.is_at_rest() &&
           connection.transport.looks_alive();
}

}  // namespace

std::unique_ptr<DownstreamConnection> KeptConnections::take(DownstreamConnection::Place to) {
    for (std::size_t i = kept_.size(); i-- > 0;) {
        if (kept_[i]->place != to) continue;
        std::unique_ptr<DownstreamConnection> connection = std::move(kept_[i]);
        kept_.erase(kept_.begin() + static_cast<std::ptrdiff_t>(i));
        if (is_of_use(*connection)) return connection;
    }
    return nullptr;
}

void KeptConnections::keep(std::unique_ptr<DownstreamConnection> connection) {
    if (!connection->dialogue.is_usable() || !connection->dialogue.is_at_rest()) return;
    if (is_retired_ || connection->messages >= kMaxMessages) return let_go(std::move(connection));
    connection->idle_since = Clock::now();
    connection->transport.set_deadline(Deadline::max());
    make_room_beside(connection->place);
    kept_.push_back(std::move(connection));
    if (!is_armed_) arm();
}

// The one that waited longest goes.
void KeptConnections::make_room_beside(DownstreamConnection::Place place) {
    const auto is_of_server = [&](const auto& connection) { return connection->place == place; };
    const auto of_server = std::count_if(kept_.begin(), kept_.end(), is_of_server);
    auto leaving = kept_.end();
    if (static_cast<std::size_t>(of_server) >= kMaxKeptOfServer) {
        leaving = std::find_if(kept_.begin(), kept_.end(), is_of_server);
    } else if (kept_.size() >= kMaxKept) {
        leaving = kept_.begin();
    }
    if (leaving == kept_.end()) return;
    let_go(std::move(*leaving));
    kept_.erase(leaving);
}

void KeptConnections::let_go(std::unique_ptr<DownstreamConnection> connection) {
    if (!is_of_use(*connection)) return;
    ++*leaving_;
    const auto ended = [leaving = leaving_](std::exception_ptr exception) {
        --*leaving;
        log_exception(exception);
    };
    asio::co_spawn(context_, say_goodbye(std::move(connection)), ended);
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
