#include "auth/dns_facts.h"

#include "protocol/ascii.h"

namespace gatepost::auth {
namespace {

const DnsAnswer kUnaskable{.status = DnsStatus::nx_domain, .why = "not a name that DNS can hold"};
const DnsAnswer kOverBudget{.status = DnsStatus::failed, .why = "too many look-ups for one message"};

std::size_t cost(const DnsAnswer& answer) {
    std::size_t octets = 64 + 24 * answer.addresses.size();
    for (const auto& text : answer.texts) octets += text.size();
    for (const auto& mx : answer.exchanges) octets += mx.host.size();
    for (const auto& name : answer.names) octets += name.size();
    for (const auto& tlsa : answer.tlsas) octets += tlsa.data.size();
    return octets;
}

}  // namespace

bool is_askable(std::string_view name) {
    if (name.empty() || name.size() > 253) return false;
    for (std::size_t at = 0;;) {
        const auto dot = name.find('.', at);
        const auto length = (dot == std::string_view::npos ? name.size() : dot) - at;
        if (length == 0 || length > 63) return false;
        if (dot == std::string_view::npos) return true;
        at = dot + 1;
    }
}

bool DnsFacts::within_budget() const {
    return known_.size() + missing_.size() < budget_.questions && octets_ < budget_.octets;
}

const DnsAnswer* DnsFacts::look_up(const DnsQuestion& question) {
    if (const auto it = known_.find(question); it != known_.end()) return it->second.get();
    if (source_) {
        if (auto answer = source_(question)) {
            learn(question, answer);
            return answer.get();
        }
    }
    return nullptr;
}

const DnsAnswer* DnsFacts::find(RecordType type, std::string_view name) {
    if (name.ends_with('.')) name.remove_suffix(1);
    if (!is_askable(name)) return &kUnaskable;
    DnsQuestion question{type, protocol::lowered(name)};
    if (const auto it = known_.find(question); it != known_.end()) return it->second.get();
    const auto noted = missing_.find(question);
    if (noted == missing_.end() && !within_budget()) return &kOverBudget;
    if (const auto* answer = look_up(question)) return answer;
    if (gave_up_) return gave_up_.get();
    lacks_needed_ = true;
    missing_[std::move(question)] = true;
    return nullptr;
}

void DnsFacts::want(RecordType type, std::string_view name) {
    if (name.ends_with('.')) name.remove_suffix(1);
    if (gave_up_ || !is_askable(name) || !within_budget()) return;
    DnsQuestion question{type, protocol::lowered(name)};
    if (!look_up(question)) missing_.try_emplace(std::move(question), false);
}

void DnsFacts::learn(const DnsQuestion& question, DnsAnswerPtr answer) {
    octets_ += cost(*answer);
    known_.insert_or_assign(question, std::move(answer));
}

void DnsFacts::learn(const DnsQuestion& question, DnsAnswer answer) {
    learn(question, std::make_shared<const DnsAnswer>(std::move(answer)));
}

void DnsFacts::give_up(std::string why) {
    gave_up_ = std::make_unique<DnsAnswer>(DnsAnswer{.status = DnsStatus::failed, .why = std::move(why)});
    missing_.clear();
    lacks_needed_ = false;
}

std::vector<DnsQuestion> DnsFacts::take_missing() {
    std::vector<DnsQuestion> questions;
    questions.reserve(missing_.size());
    for (auto& [question, needed] : missing_) questions.push_back(question);
    missing_.clear();
    lacks_needed_ = false;
    return questions;
}

}  // namespace gatepost::auth
