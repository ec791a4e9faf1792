#include "auth/spf.h"

#include <algorithm>

#include "auth/spf_foresight.h"
#include "auth/spf_walk.h"
#include "protocol/ascii.h"
#include "protocol/domain.h"

namespace gatepost::auth {
namespace {

constexpr std::size_t kMaxExplanation = 1024;

bool is_printable(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c < 0x7f; });
}

// RFC 7208 section 6.2: whatever is wrong with it, there is none.
std::string explanation(SpfInquiry& inquiry, const SpfRecord& record, const std::string& domain) {
    if (!record.explanation()) return {};
    const auto name = inquiry.name(*record.explanation(), domain);
    const auto* answer = name ? inquiry.find(RecordType::txt, *name) : nullptr;
    if (!answer || answer->status != DnsStatus::found || answer->texts.size() != 1) return {};
    if (answer->texts.front().size() > SpfRecord::kMaxOctets) return {};
    const auto macros = MacroString::parse(answer->texts.front(), MacroUse::explanation);
    const auto text = macros ? inquiry.text(*macros, domain, kMaxExplanation) : std::nullopt;
    return text && is_printable(*text) ? *text : std::string();
}

SpfOutcome evaluate(SpfInquiry& inquiry, const std::string& domain) {
    auto reading = inquiry.read(domain);
    if (!reading.record) return {.result = reading.result, .why = reading.why};
    SpfWalk walk(inquiry, domain, std::move(*reading.record));
    auto outcome = walk.run(spf_engine_of_this_thread());
    if (outcome.result == SpfResult::fail) {
        outcome.explanation = explanation(inquiry, walk.deciding_record(), walk.deciding_domain());
    }
    return outcome;
}

struct ReversePath {
    std::string_view local_part, domain;
};

// Splits at the last @ that is not inside a quoted local part.
ReversePath split(std::string_view path) {
    std::size_t begin = 0;
    if (path.starts_with('"')) {
        for (begin = 1; begin < path.size() && path[begin] != '"'; ++begin) {
            if (path[begin] == '\\') ++begin;
        }
    }
    const auto at = path.rfind('@');
    if (at == std::string_view::npos || at < begin) return {path, {}};
    return {path.substr(0, at), path.substr(at + 1)};
}

}  // namespace

SpfOutcome check_host(const SpfClient& client, const SpfSender& sender, DnsFacts& facts, SpfCache* cache) {
    const auto domain = protocol::Domain::parse(sender.domain);
    if (!domain || domain->labels() < 2) return {.why = "not a domain name of several labels"};
    const SpfIdentity identity{client.ip, domain->text(), sender.local_part, client.helo};
    if (cache) {
        if (const auto* known = cache->find(identity, client.now)) return *known;
    }
    SpfInquiry inquiry(client, {sender.local_part, domain->text()}, facts);
    auto outcome = evaluate(inquiry, domain->text());
    outcome.domain = domain->text();
    if (inquiry.is_provisional()) {
        foresee(inquiry, domain->text());
    } else if (cache) {
        cache->keep(identity, {inquiry.ttl(), inquiry.used_local_part(), inquiry.used_helo()}, outcome,
                    client.now);
    }
    return outcome;
}

SpfOutcome check_helo(const SpfClient& client, DnsFacts& facts, SpfCache* cache) {
    const bool is_ascii = std::all_of(client.helo.begin(), client.helo.end(), protocol::is_ascii);
    if (!is_ascii) return {.why = "HELO is not in A-labels"};
    return check_host(client, {"postmaster", client.helo}, facts, cache);
}

SpfOutcome check_mail_from(const SpfClient& client, std::string_view reverse_path, DnsFacts& facts,
                           SpfCache* cache) {
    if (reverse_path.empty()) return check_helo(client, facts, cache);
    const auto path = split(reverse_path);
    return check_host(client, {std::string(path.local_part), std::string(path.domain)}, facts, cache);
}

}  // namespace gatepost::auth
