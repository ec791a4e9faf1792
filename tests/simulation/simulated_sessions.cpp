// The sessions of the simulated gateway: what Intake does with one client's message.
#include <cerrno>

#include "simulated_gateway.h"

namespace gatepost::simulation {

using config::SpoolMode;
using gateway::Fate;
using gateway::Handover;
using gateway::Outcome;
namespace reply = protocol::reply;

namespace {

Heard heard(const protocol::Reply& answer) {
    return answer.is_positive()    ? Heard::positive
           : answer.is_permanent() ? Heard::permanent
                                   : Heard::temporary;
}

protocol::Path path_of(const std::string& text) {
    return protocol::parse_forward_path("<" + text + ">")->path;
}

}  // namespace

const protocol::Recipient& recipient_of(std::size_t message, std::size_t recipient) {
    static const auto kAll = [] {
        std::vector<protocol::Recipient> all;
        for (std::size_t i = 0; i < kMaxMessages * kMaxRecipients; ++i)
            all.push_back({path_of("m" + std::to_string(i / kMaxRecipients) + "r" +
                                   std::to_string(i % kMaxRecipients) + "@example.org"),
                           "", ""});
        return all;
    }();
    return kAll.at(message * kMaxRecipients + recipient);
}

const protocol::Path& sender_of(std::size_t message) {
    static const auto kAll = [] {
        std::vector<protocol::Path> all;
        for (std::size_t i = 0; i < kMaxMessages; ++i)
            all.push_back(path_of("s" + std::to_string(i) + "@example.net"));
        return all;
    }();
    return kAll.at(message);
}

std::string content_of(const MessagePlan& plan, std::size_t message) {
    std::string content = "Message: m" + std::to_string(message) + "\r\n\r\n";
    for (std::size_t i = 0; i < plan.octets; ++i)
        content += static_cast<char>('!' + (i * (message + 3)) % 90);
    return content + "\r\n";
}

// The answer may get lost; then the client has heard nothing.
void SimulatedGateway::answer(Wire& wire, const protocol::Reply& said) {
    wire.is_over = true;
    if (world_.goes_wrong(world_.plan.weather.client_leaves)) wire.is_open = false;
    world_.trace("session:", wire.id, said.text(), wire.is_open ? "" : "(not heard)");
    if (!wire.is_open) return;
    wire.at_end = heard(said);
    world_.ledger.heard(wire.id, wire.at_end);
}

Activity SimulatedGateway::serve(std::shared_ptr<Wire> wire) {
    Accepted accepted;
    Activity asking = ask(*wire, accepted);
    while (!asking.is_over()) {
        asking.resume();
        co_await rest_of(asking);
    }
    wire->is_over = accepted.recipients.empty() || !wire->is_open;
    if (wire->is_over) co_return;
    if (world_.plan.messages[wire->message].is_refused) {  // by the verdict
        answer(*wire, reply::kSpfFail);
        co_return;
    }
    Activity handing_over = hand_over(*wire, accepted);
    while (!handing_over.is_over()) {
        handing_over.resume();
        co_await rest_of(handing_over);
    }
}

Activity SimulatedGateway::ask(Wire& wire, Accepted& accepted) {
    for (const std::size_t recipient : wire.recipients) {
        const bool is_alone = world_.plan.mode == SpoolMode::never && downstream_.answers_each();
        if (is_alone && !accepted.recipients.empty()) {
            wire.at_recipient.push_back(Heard::temporary);
            continue;
        }
        Outcome outcome;
        const std::string path = recipient_of(wire.message, recipient).path.text();
        if (!accepted.is_away) outcome = downstream_.ask(wire.id, path, downstream_.is_unknown_user(path));
        co_await turn();
        if (world_.goes_wrong(world_.plan.weather.client_leaves)) wire.is_open = false;
        if (!wire.is_open) co_return;
        hear(wire, recipient, outcome, accepted);
    }
}

void SimulatedGateway::hear(Wire& wire, std::size_t recipient, const Outcome& outcome, Accepted& accepted) {
    const bool is_answer = outcome.fate == Fate::refused || outcome.fate == Fate::deferred;
    const bool is_spooling = world_.plan.mode != SpoolMode::never && !is_answer;
    const bool is_accepted = outcome.fate == Fate::accepted || is_spooling;
    if (outcome.fate != Fate::accepted && is_spooling) accepted.is_away = true;
    const bool is_refused = outcome.fate == Fate::refused;
    wire.at_recipient.push_back(is_accepted  ? Heard::positive
                                : is_refused ? Heard::permanent
                                             : Heard::temporary);
    Place place;
    place.path = recipient_of(wire.message, recipient).path.text();
    place.is_accepted = is_accepted;
    place.heard_refusal = is_refused;
    world_.ledger.find(wire.id)->places.push_back(std::move(place));
    if (is_accepted) accepted.recipients.push_back(recipient);
}

Activity SimulatedGateway::hand_over(Wire& wire, const Accepted& accepted) {
    const bool is_connected = !accepted.is_away && world_.plan.mode != SpoolMode::always;
    Handover handover(world_.plan.mode, accepted.recipients.size(), is_connected);
    for (;;) {
        auto action = handover.next();
        if (const auto* spooling = std::get_if<Handover::Spool>(&action)) {
            const auto job = spool(wire, accepted, spooling->recipients);
            co_await until(job->is_done);
            std::optional<protocol::Reply> problem;
            if (job->error != 0) problem = job->error == ENOSPC ? reply::kNoStorage : reply::kLocalError;
            handover.spooled(problem);
        } else if (const auto* answered = std::get_if<Handover::Answer>(&action)) {
            answer(wire, answered->reply);
            co_return;
        } else {
            auto outcomes = deliver(wire, accepted);
            co_await turn();  // the answers are on their way
            handover.delivered(outcomes);
        }
    }
}

std::vector<Outcome> SimulatedGateway::deliver(const Wire& wire, const Accepted& accepted) {
    std::vector<SimulatedDownstream::Recipient> recipients;
    for (const std::size_t recipient : accepted.recipients) {
        const std::string path = recipient_of(wire.message, recipient).path.text();
        recipients.push_back({path, downstream_.is_unknown_user(path)});
    }
    auto outcomes = downstream_.take(wire.id, recipients, world_.ledger.find(wire.id)->content);
    Attempt& attempt = *world_.ledger.find(wire.id);
    for (auto& outcome : outcomes) {
        if (outcome.fate == Fate::accepted) attempt.is_partly_delivered = true;
        if (outcome.fate == Fate::unknown && world_.breaks(Break::unknown_is_accepted))
            outcome.fate = Fate::accepted;
    }
    return outcomes;
}

std::shared_ptr<Job> SimulatedGateway::spool(const Wire& wire, const Accepted& accepted,
                                             const std::vector<std::size_t>& which) {
    auto job = std::make_shared<Job>();
    job->id = job->message.id = wire.id;
    job->content = world_.ledger.find(wire.id)->content;
    job->message.sender.reverse_path = sender_of(wire.message);
    job->message.sender.client.helo = "client.example.net";
    job->message.sender.client.is_extended = true;
    job->message.sender.client.address = *protocol::IpAddress::parse("192.0.2.1");
    for (const std::size_t index : which)
        job->message.recipients.push_back(recipient_of(wire.message, accepted.recipients[index]));
    job->message.may_notify = world_.plan.messages[wire.message].may_notify;
    job->message.content_octets = job->content.size();
    spool_.add(job);
    return job;
}

}  // namespace gatepost::simulation
