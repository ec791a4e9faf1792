#include "simulated_client.h"

#include <algorithm>

namespace gatepost::simulation {

SimulatedClient::SimulatedClient(World& world, std::size_t message)
    : world_(world), message_(message), sends_at_(world.now + world.plan.messages[message].begins) {
    for (std::size_t i = 0; i < world.plan.messages[message].recipients; ++i) open_.push_back(i);
}

std::optional<Time> SimulatedClient::sends_at() const {
    if (wire_ || open_.empty()) return {};
    return sends_at_;
}

void SimulatedClient::send(SimulatedGateway& gateway) {
    wire_ = std::make_shared<Wire>();
    wire_->id = "m" + std::to_string(message_) + "a" + std::to_string(attempts_++) + "x";
    wire_->message = message_;
    wire_->recipients = open_;
    world_.ledger.begin(wire_->id, message_, content_of(world_.plan.messages[message_], message_));
    world_.trace("client: sends", wire_->id);
    gateway.accept(wire_);
}

void SimulatedClient::wait() {
    wire_.reset();
    sends_at_ = world_.now + std::chrono::seconds(world_.chance.between(60, 900));
}

void SimulatedClient::close(std::size_t recipient) {
    std::erase(open_, recipient);
}

// What it heard of each recipient before the connection broke holds; without the answer behind the content
// nothing of it is final but refusals.
void SimulatedClient::look() {
    if (!wire_ || (wire_->is_open && !wire_->is_over)) return;
    for (std::size_t i = 0; i < wire_->at_recipient.size(); ++i) {
        const Heard at_recipient = wire_->at_recipient[i];
        const bool is_final = wire_->at_end == Heard::positive || wire_->at_end == Heard::permanent;
        const bool is_over =
            at_recipient == Heard::permanent || (at_recipient == Heard::positive && is_final);
        if (is_over) close(wire_->recipients[i]);
    }
    wait();
}

void SimulatedClient::lose_connection() {
    if (!wire_) return;
    wire_->is_open = false;
    look();
}

}  // namespace gatepost::simulation
