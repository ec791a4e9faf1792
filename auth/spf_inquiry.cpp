#include "auth/spf_inquiry.h"

#include <algorithm>

#include "protocol/ascii.h"
#include "protocol/domain.h"

namespace gatepost::auth {
namespace {

const DnsAnswer kNothing{.status = DnsStatus::nx_domain, .why = "not a name that DNS can hold"};

// %{i}: dotted octets, or dotted nibbles (RFC 7208 section 7.3).
std::string dotted(const protocol::IpAddress& ip) {
    static constexpr char kHex[] = "0123456789abcdef";
    if (ip.is_v4()) return ip.text();
    std::string out;
    for (const auto octet : ip.bytes()) out += {kHex[octet >> 4], '.', kHex[octet & 15], '.'};
    out.pop_back();
    return out;
}

bool is_ascii_text(std::string_view text) {
    return std::all_of(text.begin(), text.end(), protocol::is_ascii);
}

}  // namespace

SpfInquiry::SpfInquiry(const SpfClient& client, SpfSender sender, DnsFacts& facts)
    : client_(client), sender_(std::move(sender)), facts_(facts) {
    if (sender_.local_part.empty()) sender_.local_part = "postmaster";
}

const DnsAnswer* SpfInquiry::find(RecordType type, std::string_view name) {
    if (!is_askable(name)) return &kNothing;
    const auto* answer = facts_.find(type, name);
    if (answer) {
        ttl_ = std::min(ttl_, answer->ttl);
    } else {
        is_provisional_ = true;
    }
    return answer;
}

const DnsAnswer* SpfInquiry::find_addresses(std::string_view name) {
    return find(client_.ip.is_v4() ? RecordType::a : RecordType::aaaa, name);
}

SpfReading SpfInquiry::read(std::string_view domain) {
    if (!is_askable(domain) || domain.find('.') == std::string_view::npos) {
        return {.why = "not a domain name of several labels"};  // RFC 7208 section 4.3
    }
    const auto* answer = find(RecordType::txt, domain);
    if (!answer) return {.result = SpfResult::temperror, .why = "not known yet"};
    if (answer->status == DnsStatus::failed) return {.result = SpfResult::temperror, .why = answer->why};
    const auto records = select_spf_records(answer->texts);
    if (records.empty()) return {.why = "no SPF record"};
    if (records.size() > 1) return {.result = SpfResult::permerror, .why = "several SPF records"};
    auto record = SpfRecord::parse(records.front());
    if (!record) return {.result = SpfResult::permerror, .why = record.problem()};
    return {.record = std::move(*record)};
}

std::optional<std::string> SpfInquiry::name(const MacroString& spec, const std::string& domain) {
    return spec.expand_domain([&](char letter) { return value(letter, domain); });
}

std::optional<std::string> SpfInquiry::text(const MacroString& text, const std::string& domain,
                                            std::size_t limit) {
    return text.expand_text([&](char letter) { return value(letter, domain); }, limit);
}

std::optional<std::string> SpfInquiry::value(char letter, const std::string& domain) {
    switch (letter) {
        case 's':
        case 'l':
            used_local_part_ = true;
            if (!is_ascii_text(sender_.local_part)) return {};  // RFC 8616 section 4
            return letter == 'l' ? sender_.local_part : sender_.local_part + '@' + sender_.domain;
        case 'o': return sender_.domain;
        case 'd': return domain;
        case 'i': return dotted(client_.ip);
        case 'v': return client_.ip.is_v4() ? "in-addr" : "ip6";
        case 'h': used_helo_ = true; return client_.helo;
        case 'c': return client_.ip.text();
        case 'r': return client_.receiver.empty() ? "unknown" : client_.receiver;
        case 't': ttl_ = 0; return std::to_string(client_.now);  // a text with the time is not for the cache
        case 'p': break;
        default: return {};
    }
    if (!validated_ || validated_->domain != domain) {
        auto found = validated_name(domain);
        if (is_provisional_) return {};
        validated_ = Validated{domain, found.empty() ? "unknown" : std::move(found)};
    }
    return validated_->name;
}

// The client chooses these names, not the domain owner: no error here is the record's, and none of these
// questions counts as void. Otherwise a client could turn a `fail` into a permerror with its own reverse
// zone.
std::vector<std::string> SpfInquiry::pointers() {
    const auto* answer = find(RecordType::ptr, client_.ip.reverse_name());
    if (!answer || answer->status != DnsStatus::found) return {};
    auto names = answer->names;
    if (names.size() > kMaxSpfPointers) names.resize(kMaxSpfPointers);
    return names;
}

bool SpfInquiry::is_validated(const std::string& name) {
    const auto* answer = find_addresses(name);
    if (!answer || answer->status != DnsStatus::found) return false;
    return std::find(answer->addresses.begin(), answer->addresses.end(), client_.ip) !=
           answer->addresses.end();
}

bool SpfInquiry::has_validated_name(const std::string& target) {
    for (const auto& name : pointers()) {  // on past what is missing, so that it is all asked at once
        if (protocol::is_or_is_below(protocol::lowered(name), target) && is_validated(name)) return true;
    }
    return false;
}

// RFC 7208 section 7.3: <domain> itself first, then a name below it, then any.
std::string SpfInquiry::validated_name(const std::string& domain) {
    auto names = pointers();
    for (auto& name : names) name = protocol::lowered(name);
    std::stable_sort(names.begin(), names.end(), [&](const auto& a, const auto& b) {
        const auto rank = [&](const auto& n) {
            return n == domain ? 0 : protocol::is_or_is_below(n, domain) ? 1 : 2;
        };
        return rank(a) < rank(b);
    });
    for (const auto& name : names) {
        if (is_validated(name)) return name;
    }
    return {};
}

}  // namespace gatepost::auth
