#include "auth/spf_record.h"

#include <arpa/inet.h>

#include <algorithm>

#include "protocol/ascii.h"

namespace gatepost::auth {
namespace {

using protocol::equals_ignoring_case;
using protocol::is_alnum;
using protocol::is_alpha;
using protocol::is_digit;

constexpr std::string_view kVersion = "v=spf1";

// What may follow the name of a mechanism (RFC 7208 section 5).
struct MechanismRow {
    std::string_view name;
    SpfMechanism mechanism;
    enum { none, optional_domain, domain, network } argument;
    bool takes_dual_cidr;
};
constexpr MechanismRow kMechanisms[] = {
    {"all", SpfMechanism::all, MechanismRow::none, false},
    {"include", SpfMechanism::include, MechanismRow::domain, false},
    {"a", SpfMechanism::a, MechanismRow::optional_domain, true},
    {"mx", SpfMechanism::mx, MechanismRow::optional_domain, true},
    {"ptr", SpfMechanism::ptr, MechanismRow::optional_domain, false},
    {"ip4", SpfMechanism::ip4, MechanismRow::network, false},
    {"ip6", SpfMechanism::ip6, MechanismRow::network, false},
    {"exists", SpfMechanism::exists, MechanismRow::domain, false},
};

std::optional<SpfResult> qualifier_of(char c) {
    switch (c) {
        case '+': return SpfResult::pass;
        case '-': return SpfResult::fail;
        case '~': return SpfResult::softfail;
        case '?': return SpfResult::neutral;
        default: return {};
    }
}

std::size_t name_length(std::string_view word) {
    if (word.empty() || !is_alpha(word[0])) return 0;
    std::size_t length = 1;
    while (length < word.size() &&
           (is_alnum(word[length]) || std::string_view("-_.").find(word[length]) != std::string_view::npos)) {
        ++length;
    }
    return length;
}

// "0" to `highest`, without leading zeros.
std::optional<std::uint8_t> read_prefix(std::string_view digits, unsigned highest) {
    if (digits.empty() || digits.size() > 3 || (digits[0] == '0' && digits.size() > 1)) return {};
    unsigned value = 0;
    for (char c : digits) {
        if (!is_digit(c)) return {};
        value = value * 10 + static_cast<unsigned>(c - '0');
    }
    if (value > highest) return {};
    return static_cast<std::uint8_t>(value);
}

// Where the digits at the end begin if `slashes` stands before them.
std::size_t prefix_start(std::string_view text, std::string_view slashes) {
    std::size_t begin = text.size();
    while (begin > 0 && is_digit(text[begin - 1])) --begin;
    if (begin == text.size() || !text.substr(0, begin).ends_with(slashes)) return std::string_view::npos;
    return begin - slashes.size();
}

// dual-cidr-length = [ "/" ip4 ] [ "//" ip6 ], taken off the end of `text`: a domain-spec may hold slashes
// itself.
bool take_dual_cidr(std::string_view& text, SpfTerm& term) {
    if (const auto at = prefix_start(text, "//"); at != std::string_view::npos) {
        const auto prefix = read_prefix(text.substr(at + 2), 128);
        if (!prefix) return false;
        term.prefix6 = *prefix;
        text = text.substr(0, at);
    }
    if (const auto at = prefix_start(text, "/"); at != std::string_view::npos) {
        const auto prefix = read_prefix(text.substr(at + 1), 32);
        if (!prefix) return false;
        term.prefix4 = *prefix;
        text = text.substr(0, at);
    }
    return true;
}

bool read_network(std::string_view text, SpfTerm& term) {
    const bool is_v4 = term.mechanism == SpfMechanism::ip4;
    const auto slash = text.find('/');
    const auto address = text.substr(0, slash);
    if (address.size() >= INET6_ADDRSTRLEN) return false;
    const std::string terminated(address);  // inet_pton refuses leading zeros and short forms of IPv4
    if (inet_pton(is_v4 ? AF_INET : AF_INET6, terminated.c_str(), term.network.data()) != 1) return false;
    if (slash == std::string_view::npos) return true;
    const auto prefix = read_prefix(text.substr(slash + 1), is_v4 ? 32 : 128);
    if (prefix) (is_v4 ? term.prefix4 : term.prefix6) = *prefix;
    return prefix.has_value();
}

bool read_domain(std::string_view text, SpfTerm& term) {
    term.domain = MacroString::parse(text, MacroUse::domain_spec);
    return term.domain.has_value();
}

// `rest` is what follows the mechanism's name.
bool read_argument(const MechanismRow& row, std::string_view rest, SpfTerm& term) {
    if (row.takes_dual_cidr && !take_dual_cidr(rest, term)) return false;
    if (rest.empty())
        return row.argument == MechanismRow::none || row.argument == MechanismRow::optional_domain;
    if (rest[0] != ':' || row.argument == MechanismRow::none) return false;
    rest.remove_prefix(1);
    return row.argument == MechanismRow::network ? read_network(rest, term) : read_domain(rest, term);
}

}  // namespace

bool SpfTerm::holds(const protocol::IpAddress& client) const {
    if (client.is_v4() != (mechanism == SpfMechanism::ip4)) return false;
    const unsigned prefix = client.is_v4() ? prefix4 : prefix6, whole = prefix / 8, rest = prefix % 8;
    const auto bytes = client.bytes();
    if (!std::equal(bytes.begin(), bytes.begin() + whole, network.begin())) return false;
    return rest == 0 || ((bytes[whole] ^ network[whole]) >> (8 - rest)) == 0;
}

bool SpfRecord::add_modifier(std::string_view name, std::string_view value) {
    auto* known = equals_ignoring_case(name, "redirect") ? &redirect_
                  : equals_ignoring_case(name, "exp")    ? &explanation_
                                                         : nullptr;
    if (!known) return MacroString::parse(value, MacroUse::unknown_modifier).has_value();
    if (*known) return false;  // RFC 7208 section 6: not more than once
    *known = MacroString::parse(value, MacroUse::domain_spec);
    return known->has_value();
}

bool SpfRecord::add(std::string_view word) {
    SpfTerm term;
    const auto qualifier = qualifier_of(word[0]);
    if (qualifier) {
        term.qualifier = *qualifier;
        word.remove_prefix(1);
    }
    const auto name = word.substr(0, name_length(word));
    const auto rest = word.substr(name.size());
    if (!name.empty() && rest.starts_with('=')) return !qualifier && add_modifier(name, rest.substr(1));
    const auto* row = std::find_if(std::begin(kMechanisms), std::end(kMechanisms),
                                   [&](const auto& r) { return equals_ignoring_case(r.name, name); });
    if (row == std::end(kMechanisms)) return false;
    term.mechanism = row->mechanism;
    term.written = word;
    if (!read_argument(*row, rest, term)) return false;
    keep(std::move(term));
    return true;
}

void SpfRecord::keep(SpfTerm term) {
    const bool is_reachable = !has_all_ && dns_terms_ <= kMaxSpfTerms;
    if (term.mechanism == SpfMechanism::all) has_all_ = true;
    if (!is_reachable) return;
    if (asks_dns(term.mechanism)) ++dns_terms_;
    terms_.push_back(std::move(term));
}

protocol::Result<SpfRecord> SpfRecord::parse(std::string_view text) {
    if (text.size() > kMaxOctets) return protocol::Problem{"the record is too long"};
    const auto is_allowed = [](char c) { return c >= ' ' && c < 0x7f; };
    if (!std::all_of(text.begin(), text.end(), is_allowed))
        return protocol::Problem{"an octet that no record may hold"};
    SpfRecord record;
    record.text_.assign(text.begin(), text.end());
    std::string_view rest(record.text_.data(), record.text_.size());
    rest.remove_prefix(std::min(kVersion.size(), rest.size()));
    for (std::size_t number = 1; !rest.empty(); ++number) {
        rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
        const auto word = rest.substr(0, rest.find(' '));
        if (!word.empty() && !record.add(word))
            return protocol::Problem{"syntax error in term " + std::to_string(number)};
        rest.remove_prefix(word.size());
    }
    return record;
}

std::vector<std::string_view> select_spf_records(const std::vector<std::string>& texts) {
    std::vector<std::string_view> records;
    for (std::string_view text : texts) {
        if (!protocol::starts_with_ignoring_case(text, kVersion)) continue;
        if (text.size() == kVersion.size() || text[kVersion.size()] == ' ') records.push_back(text);
    }
    return records;
}

}  // namespace gatepost::auth
