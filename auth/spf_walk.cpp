#include "auth/spf_walk.h"

#include <algorithm>

namespace gatepost::auth {
namespace {

constexpr std::size_t kMaxMechanismText = 128;

unsigned prefix_for(const protocol::IpAddress& client, const SpfTerm& term) {
    return client.is_v4() ? term.prefix4 : term.prefix6;
}

}  // namespace

SpfWalk::SpfWalk(SpfInquiry& inquiry, std::string domain, SpfRecord record) : inquiry_(inquiry) {
    pages_.push_back({std::move(domain), std::move(record)});
    aliases_.push_back({});
}

SpfOutcome SpfWalk::run(SpfEngine& engine) {
    const auto verdict = engine.walk(*this);
    if (error_) return *error_;
    if (inquiry_.is_provisional()) return {.result = SpfResult::temperror, .why = "not known yet"};
    if (verdict.result == SpfResult::none || verdict.result == SpfResult::permerror ||
        verdict.result == SpfResult::temperror) {
        return {.result = SpfResult::temperror,
                .why = "the engine failed"};  // never seen: such words are ours
    }
    return {.result = verdict.result, .mechanism = verdict.has_match ? mechanism() : "default"};
}

std::string SpfWalk::mechanism() const {
    const auto& page = pages_[main_page_];
    if (page.last_term >= page.record.terms().size()) return "default";
    return std::string(page.record.terms()[page.last_term].written.substr(0, kMaxMechanismText));
}

void SpfWalk::end(SpfResult result, std::string why) {
    if (!error_) error_ = SpfOutcome{.result = result, .why = std::move(why)};
}

bool SpfWalk::count_term() {
    if (++terms_ > kMaxSpfTerms) end(SpfResult::permerror, "more than 10 terms that need DNS");
    return terms_ <= kMaxSpfTerms;
}

// RFC 7208 section 4.6.4: NXDOMAIN or an answer without records.
bool SpfWalk::is_void(const DnsAnswer& answer) {
    if (answer.status == DnsStatus::found) return false;
    if (++voids_ > kMaxSpfVoids) end(SpfResult::permerror, "more than 2 void lookups");
    return true;
}

bool SpfWalk::come_to(const Alias& alias) {
    auto& page = pages_[alias.page];
    page.last_term = alias.term;
    const auto& terms = page.record.terms();
    return alias.term >= terms.size() || !asks_dns(terms[alias.term].mechanism) || count_term();
}

SpfWalk::Target SpfWalk::target(const Alias& alias) {
    const auto& page = pages_[alias.page];
    const auto& terms = page.record.terms();
    Target target;
    if (alias.term < terms.size()) target.term = &terms[alias.term];
    const auto& spec = target.term ? target.term->domain : page.record.redirect();
    target.name = spec ? inquiry_.name(*spec, page.domain) : page.domain;
    return target;
}

std::string SpfWalk::open(std::size_t page) {
    const auto canon = canonical(pages_[page].record, inquiry_.client().ip, aliases_.size());
    for (const auto term : canon.terms) aliases_.push_back({page, term, {}});
    return canon.text;
}

std::string SpfWalk::record(std::size_t alias) {
    if (has_ended() || alias >= aliases_.size()) return {};
    if (alias == 0) return open(0);
    return follow(Alias(aliases_[alias]));
}

std::string SpfWalk::follow(const Alias& alias) {
    const bool is_redirect = alias.term == CanonicalRecord::kRedirect;
    if (is_redirect && !count_term()) return {};
    if (!is_redirect && !come_to(alias)) return {};
    const auto where = target(alias);
    if (inquiry_.is_provisional()) return {};
    if (!where.name) {
        if (!is_redirect) return "v=spf1 ?all";  // an include that matches nothing (RFC 8616 section 4)
        end(SpfResult::permerror, "redirect= cannot be expanded");
        return {};
    }
    auto reading = inquiry_.read(*where.name);
    if (inquiry_.is_provisional()) return {};
    if (!reading.record) {  // RFC 7208 sections 5.2 and 6.1: none is a permerror, too
        const auto result =
            reading.result == SpfResult::temperror ? SpfResult::temperror : SpfResult::permerror;
        end(result, (is_redirect ? "redirect=: " : "include: ") + reading.why);
        return {};
    }
    pages_.push_back({*where.name, std::move(*reading.record)});
    if (is_redirect && alias.page == main_page_) main_page_ = pages_.size() - 1;
    return open(pages_.size() - 1);
}

SpfZone::Answer SpfWalk::match_address(const std::string& name, const SpfTerm& term) {
    if (!is_askable(name)) return Answer::none;
    const auto* answer = inquiry_.find_addresses(name);
    if (!answer) return Answer::none;
    if (answer->status == DnsStatus::failed) end(SpfResult::temperror, answer->why);
    if (answer->status == DnsStatus::failed || is_void(*answer)) return Answer::none;
    const auto& client = inquiry_.client().ip;
    const bool matches = std::any_of(
        answer->addresses.begin(), answer->addresses.end(),
        [&](const auto& address) { return address.shares_prefix(client, prefix_for(client, term)); });
    return matches ? Answer::the_client : Answer::another_address;
}

// Whether there is any such record; RFC 7208 section 5.7 asks for A, also for IPv6 clients.
bool SpfWalk::finds(const std::string& name, RecordType type) {
    if (!is_askable(name)) return false;
    const auto* answer = inquiry_.find(type, name);
    if (!answer) return false;
    if (answer->status == DnsStatus::failed) end(SpfResult::temperror, answer->why);
    return answer->status != DnsStatus::failed && !is_void(*answer);
}

SpfZone::Answer SpfWalk::address(std::size_t number) {
    if (has_ended() || number >= aliases_.size()) return Answer::none;
    const auto alias = aliases_[number];
    if (!alias.host.empty()) return match_address(alias.host, pages_[alias.page].record.terms()[alias.term]);
    if (!come_to(alias)) return Answer::none;
    const auto where = target(alias);
    if (!where.term || !where.name) return Answer::none;
    switch (where.term->mechanism) {
        case SpfMechanism::all:
        case SpfMechanism::ip4:
        case SpfMechanism::ip6: return Answer::the_client;  // only a certain match is in the canonical text
        case SpfMechanism::a: return match_address(*where.name, *where.term);
        case SpfMechanism::exists:
            return finds(*where.name, RecordType::a) ? Answer::the_client : Answer::none;
        case SpfMechanism::ptr:
            return inquiry_.has_validated_name(*where.name) ? Answer::the_client : Answer::none;
        default: return Answer::none;
    }
}

std::vector<std::size_t> SpfWalk::exchanges(std::size_t number) {
    if (has_ended() || number >= aliases_.size()) return {};
    const auto alias = aliases_[number];
    if (!come_to(alias)) return {};
    const auto where = target(alias);
    if (!where.name || !finds(*where.name, RecordType::mx)) return {};
    const auto& hosts = inquiry_.find(RecordType::mx, *where.name)->exchanges;
    if (hosts.size() > kMaxSpfExchanges) {
        end(SpfResult::permerror, "more than 10 mail exchangers");
        return {};
    }
    std::vector<std::size_t> numbers;
    for (const auto& mx : hosts) {
        if (mx.host.empty()) continue;  // a null MX (RFC 7505)
        numbers.push_back(aliases_.size());
        aliases_.push_back({alias.page, alias.term, mx.host});
    }
    return numbers;
}

}  // namespace gatepost::auth
