#include "simulated_downstream.h"

namespace gatepost::simulation {

using gateway::Fate;
using gateway::Outcome;
namespace reply = protocol::reply;

namespace {

const char* word(Fate fate) {
    constexpr const char* kWords[] = {"accepted", "refused", "deferred", "unreachable", "unknown"};
    return kWords[static_cast<std::size_t>(fate)];
}

}  // namespace

bool SimulatedDownstream::is_away() {
    if (world_.is_calm) return false;
    if (world_.now < away_until_) return true;
    if (world_.goes_wrong(world_.plan.weather.away_for_long)) {
        away_until_ = world_.now + std::chrono::seconds(world_.chance.between(60, 9000));
        world_.trace("the downstream goes away");
        return true;
    }
    return world_.goes_wrong(world_.plan.weather.unreachable);
}

// "m0r1@example.org"; the senders, who get notifications, are all known.
bool SimulatedDownstream::is_unknown_user(std::string_view path) const {
    if (path.size() < 4 || path[0] != 'm') return false;
    const auto number = [&](std::size_t at) { return static_cast<std::size_t>(path[at] - '0'); };
    return world_.plan.messages.at(number(1)).is_unknown_user.at(number(3));
}

Outcome SimulatedDownstream::judge(const Recipient& recipient) {
    if (recipient.is_unknown_user) return {Fate::refused, reply::kUnknownUser};
    if (world_.goes_wrong(world_.plan.weather.deferred)) return {Fate::deferred, reply::kMailboxFull};
    if (world_.goes_wrong(world_.plan.weather.refused)) return {Fate::refused, reply::kUnknownUser};
    return {Fate::accepted, reply::kOk};
}

Outcome SimulatedDownstream::ask(std::string_view id, std::string_view path, bool is_unknown_user) {
    Outcome outcome{Fate::unreachable, reply::kDownstreamDown};
    if (!is_away()) outcome = judge({"", is_unknown_user && !world_.plan.refuses_at_end});
    world_.trace("downstream: RCPT", id, path, word(outcome.fate));
    if (outcome.fate == Fate::refused) world_.ledger.refused(id, path);
    return outcome;
}

// SMTP answers once for all: with the worst of what it has to say. LMTP may vanish between two answers.
std::vector<Outcome> SimulatedDownstream::take(std::string_view id, const std::vector<Recipient>& recipients,
                                               std::string_view content) {
    std::vector<Outcome> outcomes;
    if (is_away()) {
        outcomes.resize(recipients.size(), {Fate::unreachable, reply::kDownstreamDown});
        world_.trace("downstream: gone before the content of", id);
        return outcomes;
    }
    for (const auto& recipient : recipients) outcomes.push_back(judge(recipient));
    std::size_t answers = recipients.size();
    if (!world_.plan.is_lmtp) {
        for (const auto& outcome : outcomes) {
            if (outcome.fate != Fate::accepted) outcomes.front() = outcome;
        }
        outcomes.assign(outcomes.size(), Outcome(outcomes.front()));
    }
    if (world_.goes_wrong(world_.plan.weather.vanishes))
        answers = world_.plan.is_lmtp ? world_.chance.below(answers + 1) : 0;
    for (std::size_t i = 0; i < recipients.size(); ++i) {
        const Outcome meant = outcomes[i];
        if (i >= answers) outcomes[i] = {Fate::unknown, reply::kDownstreamTimeout};
        const bool is_taken = meant.fate == Fate::accepted && (i < answers || world_.chance.percent(50));
        world_.trace("downstream:", id, recipients[i].path, word(outcomes[i].fate),
                     is_taken ? "(has it)" : "");
        if (is_taken) world_.ledger.delivered(id, recipients[i].path, content, i < answers, world_.life);
        if (outcomes[i].fate == Fate::refused) world_.ledger.refused(id, recipients[i].path);
    }
    return outcomes;
}

}  // namespace gatepost::simulation
