#include "gateway/server/client_lists.h"

#include "gateway/log.h"

namespace gatepost::gateway {
namespace {

constexpr std::chrono::seconds kPatience{5};  // a list that does not answer by then says nothing

std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (const auto& word : words) text += (text.empty() ? "" : ",") + word;
    return text;
}

}  // namespace

ClientLists::ClientLists(std::shared_ptr<Environment> environment, protocol::IpAddress client)
    : environment_(std::move(environment)), defence_(environment_->settings.defence), client_(client) {}

void ClientLists::begin() {
    if (is_asked()) environment_->resolver.prefetch(policy::list_questions(client_, defence_));
}

awaitable<void> ClientLists::settle() {
    if (!is_asked() || score_) co_return;
    policy::ListScore score;
    auth::DnsFacts facts = environment_->resolver.facts();
    const std::function<void(auth::DnsFacts&)> evaluate = [&](auth::DnsFacts& known) {
        score = policy::score_lists(client_, defence_, known);
    };
    const Deadline deadline = Clock::now() + kPatience;
    co_await gateway::settle(environment_->resolver, deadline, facts, evaluate);
    score_ = std::move(score);
    log_score();
}

void ClientLists::log_score() {
    if (!score_->listed_by.empty()) {
        LogLine line("dnsbl");
        line.add("client", client_.text()).add("score", std::to_string(score_->sum));
        log_info(line.add("listed", joined(score_->listed_by)).maybe("allowed", joined(score_->allowed_by)));
    }
    const auto now = Clock::now();
    if (score_->nonsense_from.empty() || now < environment_->next_list_warning) return;
    environment_->next_list_warning = now + std::chrono::hours(1);
    LogLine line("dnsbl");
    log_warning(
        line.add("zones", joined(score_->nonsense_from))
            .add("why", "answers that no list gives: asked too often, by way of an open resolver, or closed")
            .add("remedy", "ask through a resolver of your own, or take the list out"));
}

awaitable<std::optional<protocol::Reply>> ClientLists::refusal_of(protocol::Path recipient) {
    if (defence_.reject_at == 0 || protocol::is_postmaster(recipient)) co_return std::nullopt;
    co_await settle();
    if (!score_ || !score_->is_refusal(defence_)) co_return std::nullopt;
    protocol::Reply refusal{550, "5.7.1", {client_.text() + " is listed by " + joined(score_->listed_by)}};
    co_return refusal;
}

std::vector<std::string> ClientLists::evidence() const {
    if (!score_ || !score_->is_evidence(defence_)) return {};
    return score_->listed_by;
}

}  // namespace gatepost::gateway
