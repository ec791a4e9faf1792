#include "gateway/spool/attempt.h"

#include <array>
#include <map>
#include <set>

#include "gateway/log.h"
#include "gateway/relay/envelope_fit.h"

namespace gatepost::gateway {
namespace {

namespace reply = protocol::reply;

const char* name_of(Fate fate) {
    switch (fate) {
        case Fate::accepted: return "delivered";
        case Fate::refused: return "refused";
        case Fate::deferred: return "deferred";
        case Fate::unreachable: return "unreachable";
        case Fate::unknown: return "unknown";
    }
    return "";
}

// A line for those who got the same answer from the same server.
void log_outcomes(const Spooled& spooled, const Attempt& attempt, std::size_t first, Clock::duration took) {
    std::map<std::array<std::string, 4>, std::string> lines;  // server, result, answer and why: to
    for (std::size_t i = first; i < attempt.tried.size(); ++i) {
        const Tried& each = attempt.tried[i];
        const Outcome& outcome = each.outcome;
        auto& to = lines[{each.server, name_of(outcome.fate), outcome.reply.text(), outcome.why}];
        if (!to.empty()) to += ',';
        to += spooled.message.recipients[each.recipient].path.text();
    }
    const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(took).count();
    for (const auto& [answer, to] : lines) {
        const auto& [server, result, reply, why] = answer;
        LogLine line("delivery");
        line.add("id", spooled.message.id).add("to", to).maybe("server", server);
        line.add("attempt", attempt.number).add("result", result).add("answer", reply);
        line.maybe("why", why);
        log_info(line.add("took", std::to_string(milliseconds) + "ms"));
    }
}

awaitable<void> deliver_by(Environment& environment, std::size_t route, const Spooled& spooled,
                           Content& content, Attempt& attempt) {
    Sender sender = spooled.message.sender;
    sender.notifies = true;
    const std::unique_ptr<Delivery> delivery = environment.relay.begin(sender, route);
    std::vector<std::size_t> accepted;
    Outcome outcome;
    bool is_away = false;  // each further look for a server could take half a minute
    for (const std::size_t recipient : attempt.routes.at(route)) {
        if (!is_away) outcome = co_await delivery->add_recipient(spooled.message.recipients[recipient]);
        is_away = outcome.fate == Fate::unreachable;
        if (outcome.fate == Fate::accepted) {
            accepted.push_back(recipient);
        } else {
            attempt.tried.push_back({recipient, outcome, delivery->where()});
        }
    }
    if (accepted.empty()) co_return;
    std::vector<Outcome> outcomes = co_await delivery->deliver(content);
    const Outcome nothing_heard{Fate::unknown, reply::kDownstreamTimeout};
    outcomes.resize(accepted.size(), nothing_heard);
    for (std::size_t i = 0; i < accepted.size(); ++i) {
        const bool is_last_word = outcomes[i].fate == Fate::accepted && !delivery->confirms() &&
                                  wants_success(spooled.message.recipients[accepted[i]]);
        attempt.tried.push_back({accepted[i], outcomes[i], delivery->where(), is_last_word});
    }
}

// Our own notifications go to senders, whom no route of our domains leads to.
std::size_t route_of(const SpooledMessage& message, std::size_t recipient, const config::Settings& settings) {
    if (message.origin == Origin::notification) return kNotificationRoute;
    return settings.route_of(message.recipients[recipient].path.domain);
}

std::string destination_of(const std::set<std::size_t>& routes) {
    std::string destination;
    for (const std::size_t route : routes) destination += std::to_string(route) + " ";
    return destination;
}

}  // namespace

std::vector<std::size_t> open_recipients(const Spooled& spooled) {
    std::vector<std::size_t> open;
    const auto& done = spooled.journal.done;
    for (std::size_t i = 0; i < spooled.message.recipients.size(); ++i)
        if (i >= done.size() || !done[i]) open.push_back(i);
    return open;
}

QueueEntry entry_of(const Spooled& spooled, const config::Settings& settings) {
    const SpooledMessage& message = spooled.message;
    const JournalEntry& last = spooled.journal.last;
    QueueEntry entry;
    entry.id = message.id;
    std::set<std::size_t> routes;
    for (const std::size_t recipient : open_recipients(spooled))
        routes.insert(route_of(message, recipient, settings));
    entry.destination = destination_of(routes);
    entry.octets = message.content_octets;
    entry.attempts = last.attempts;
    entry.age = last.age;
    entry.is_held = spooled.is_held;
    entry.is_delay_told = last.is_delay_told;
    return entry;
}

std::string destination_after(const Attempt& attempt) {
    std::set<std::size_t> done, routes;
    for (const Tried& each : attempt.tried) {
        const Fate fate = each.outcome.fate;
        if (fate == Fate::accepted || fate == Fate::refused) done.insert(each.recipient);
    }
    for (const auto& [route, recipients] : attempt.routes) {
        for (const std::size_t recipient : recipients)
            if (!done.contains(recipient)) routes.insert(route);
    }
    return destination_of(routes);
}

void find_routes(const SpooledMessage& message, const config::Settings& settings, Attempt& attempt) {
    for (const std::size_t recipient : attempt.open)
        attempt.routes[route_of(message, recipient, settings)].push_back(recipient);
}

awaitable<void> try_to_deliver(Environment& environment, std::size_t route, const Spooled& spooled,
                               Content& content, Attempt& attempt) {
    const std::size_t first = attempt.tried.size();
    const auto began = Clock::now();
    co_await deliver_by(environment, route, spooled, content, attempt);
    log_outcomes(spooled, attempt, first, Clock::now() - began);
}

}  // namespace gatepost::gateway
