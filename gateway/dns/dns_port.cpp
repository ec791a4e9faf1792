#include "gateway/dns/dns_port.h"

#include <openssl/rand.h>

#include <stdexcept>
#include <utility>

namespace gatepost::gateway {

std::uint64_t random_bits() {
    std::uint64_t bits = 0;
    if (RAND_bytes(reinterpret_cast<unsigned char*>(&bits), sizeof bits) != 1)
        throw std::runtime_error("no randomness");
    return bits;
}

DnsPort::DnsPort(asio::io_context& context, const udp::endpoint& server) : socket_(context) {
    ErrorCode error;
    socket_.open(server.protocol(), error);
    if (!error) socket_.connect(server, error);
    if (!error) socket_.non_blocking(true, error);
    is_usable_ = !error;
}

bool DnsPort::is_worn() const {
    return used_ >= kQueries || strays_ >= kStrays || !is_usable_;
}

std::uint16_t DnsPort::fresh_id() const {
    for (;;) {
        const auto id = static_cast<std::uint16_t>(random_bits());
        if (!sent_.contains(id)) return id;
    }
}

bool DnsPort::send(std::uint16_t id, const std::string& packet, const std::shared_ptr<DnsAsker>& asker) {
    ErrorCode error;
    socket_.send(asio::buffer(packet), 0, error);
    ++used_;
    if (error) return false;
    pending_[id] = asker;
    sent_.insert(id);
    if (!is_receiving_) receive();
    return true;
}

void DnsPort::forget(std::uint16_t id) {
    pending_.erase(id);
    if (is_worn()) retire();
}

void DnsPort::retire() {
    if (pending_.empty()) close();
}

void DnsPort::close() {
    ErrorCode ignored;
    socket_.close(ignored);
    is_usable_ = false;
}

void DnsPort::receive() {
    is_receiving_ = true;
    auto self = shared_from_this();
    socket_.async_receive(asio::buffer(buffer_), [self](ErrorCode error, std::size_t size) {
        self->is_receiving_ = false;
        if (!self->socket_.is_open()) return;
        if (error) {
            self->unreachable();
        } else {
            self->deliver(size);
        }
        if (self->socket_.is_open() && !self->pending_.empty() && !self->is_receiving_) self->receive();
    });
}

// ICMP "port unreachable" for all we know about this server: go on with the next one at once.
void DnsPort::unreachable() {
    for (const auto& [id, weak] : std::exchange(pending_, {})) {
        if (const auto asker = weak.lock()) asker->server_unreachable();
    }
}

void DnsPort::deliver(std::size_t size) {
    const auto id = static_cast<std::uint16_t>(buffer_[0] << 8 | buffer_[1]);
    const auto it = pending_.find(id);
    if (size < 2 || it == pending_.end()) {
        const bool is_late_or_copy = size >= 2 && sent_.contains(id);
        if (!is_late_or_copy) stray();
        return;
    }
    const auto asker = it->second.lock();
    if (!asker) {
        pending_.erase(it);
        return;
    }
    // Only a reply that fits the question ends the wait; what an attacker sprays does not.
    if (asker->receive({buffer_.data(), size})) {
        pending_.erase(id);
    } else {
        stray();
    }
}

void DnsPort::stray() {
    if (++strays_ != kStrays) return;
    for (const auto& [id, weak] : std::exchange(pending_, {})) {
        if (const auto asker = weak.lock()) asker->answers_are_guessed();
    }
    close();
}

}  // namespace gatepost::gateway
