#include "auth/dkim_signature.h"

#include <algorithm>
#include <limits>

#include "protocol/ascii.h"

namespace gatepost::auth {
namespace {

using protocol::Domain;
using protocol::equals_ignoring_case;

constexpr std::string_view kSound;  // what a reader returns when the value is fine
constexpr std::size_t kMaxTimeDigits = 12;
constexpr std::size_t kMaxLengthDigits = 76;
constexpr std::size_t kMaxSignedNames = 1000;  // ours: as many as a header has fields

// Names end up in DNS questions, header fields and logs: labels of letters, digits, hyphen and underscore or
// nothing.
std::optional<Domain> parse_labels(std::string_view text) {
    return text.ends_with('.') ? std::nullopt : Domain::parse(text);
}

std::string_view read_domain(const Tag& tag, DkimSignature& signature) {
    auto domain = parse_labels(tag.value);
    if (!domain) return "d= is not a domain name";
    if (domain->labels() < 2) return "d= has a single label";
    signature.domain = std::move(domain);
    return kSound;
}

std::string_view read_selector(const Tag& tag, DkimSignature& signature) {
    const auto selector = parse_labels(tag.value);
    if (!selector) return "malformed s=";
    signature.selector = selector->text();
    return kSound;
}

std::string_view read_version(const Tag& tag, DkimSignature&) {
    return tag.value == "1" ? kSound : "unknown signature version";
}

std::string_view read_algorithm(const Tag& tag, DkimSignature& signature) {
    std::string algorithm = protocol::lowered(tag.value);
    if (algorithm != "rsa-sha256" && algorithm != "ed25519-sha256" && algorithm != "rsa-sha1")
        return "unknown algorithm";
    signature.key_type = algorithm == "ed25519-sha256" ? KeyType::ed25519 : KeyType::rsa;
    signature.algorithm = std::move(algorithm);
    return kSound;
}

std::string_view read_signature(const Tag& tag, DkimSignature& signature) {
    std::string text = without_white_space(tag.value);
    auto octets = decode_base64(text);
    if (!octets || octets->empty()) return "malformed b=";
    if (octets->size() > kMaxSignatureOctets) return "b= is too long";
    signature.signature = std::move(*octets);
    signature.signature_text = std::move(text);
    return kSound;
}

std::string_view read_body_hash(const Tag& tag, DkimSignature& signature) {
    const auto octets = decode_base64(without_white_space(tag.value));
    if (!octets || octets->size() != signature.body_hash.size()) return "malformed bh=";
    std::copy(octets->begin(), octets->end(), signature.body_hash.begin());
    return kSound;
}

std::optional<Canonicalization> canonicalization(std::string_view word) {
    if (equals_ignoring_case(word, "simple")) return Canonicalization::simple;
    if (equals_ignoring_case(word, "relaxed")) return Canonicalization::relaxed;
    return {};
}

// One word is for the header only: the body's default stays simple (RFC 6376 section 3.5).
std::string_view read_canonicalization(const Tag& tag, DkimSignature& signature) {
    const auto slash = tag.value.find('/');
    const auto header = canonicalization(tag.value.substr(0, slash));
    const auto body = slash == std::string_view::npos ? Canonicalization::simple
                                                      : canonicalization(tag.value.substr(slash + 1));
    if (!header || !body) return "unknown canonicalization";
    signature.header_canonicalization = *header;
    signature.body_canonicalization = *body;
    return kSound;
}

bool is_field_name(std::string_view name) {
    return !name.empty() &&
           std::all_of(name.begin(), name.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

std::string_view read_signed_names(const Tag& tag, DkimSignature& signature) {
    signature.signed_names = colon_separated(tag.value);
    const auto& names = signature.signed_names;
    if (names.size() > kMaxSignedNames) return "too many names in h=";
    if (!std::all_of(names.begin(), names.end(), is_field_name)) return "malformed h=";
    return signature.has_signed("from") ? kSound : "From is not signed";  // RFC 6376 section 5.4
}

int hex_value(char c) {
    if (protocol::is_digit(c)) return c - '0';
    c = protocol::lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// RFC 6376 section 2.11.
std::optional<std::string> decode_quoted_printable(std::string_view value) {
    const std::string text = without_white_space(value);
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '=') {
            out += text[i];
            continue;
        }
        if (i + 2 >= text.size() || hex_value(text[i + 1]) < 0 || hex_value(text[i + 2]) < 0) return {};
        out += static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
        i += 2;
    }
    return out;
}

std::string_view read_identity(const Tag& tag, DkimSignature& signature) {
    const auto identity = decode_quoted_printable(tag.value);
    const auto at = identity ? identity->rfind('@') : std::string::npos;
    if (at == std::string::npos) return "malformed i=";
    signature.identity_domain = parse_labels(std::string_view(*identity).substr(at + 1));
    if (!signature.identity_domain) return "malformed i=";
    return signature.identity_domain->is_or_is_below(*signature.domain) ? kSound : "i= is outside d=";
}

bool are_digits(std::string_view text, std::size_t limit) {
    return !text.empty() && text.size() <= limit && std::all_of(text.begin(), text.end(), protocol::is_digit);
}

std::string_view read_length(const Tag& tag, DkimSignature& signature) {
    if (!are_digits(tag.value, kMaxLengthDigits)) return "malformed l=";
    constexpr auto kLargest = std::numeric_limits<std::uint64_t>::max();
    std::uint64_t length = 0;
    for (char c : tag.value) {
        const auto digit = static_cast<std::uint64_t>(c - '0');
        length = length > (kLargest - digit) / 10 ? kLargest : length * 10 + digit;
    }
    signature.body_length = length;
    return kSound;
}

// "A colon-separated list" of which only dns/txt is known to anyone (RFC 6376 section 3.5).
std::string_view read_query_methods(const Tag& tag, DkimSignature&) {
    const auto methods = colon_separated(tag.value);
    const bool is_known = std::any_of(methods.begin(), methods.end(), [](std::string_view method) {
        return equals_ignoring_case(method, "dns/txt");
    });
    return is_known ? kSound : "unknown query method";
}

// Numbers of more than 12 digits may be taken as infinite (RFC 6376 section 3.5).
std::string_view read_time(const Tag& tag, std::optional<std::int64_t>& time) {
    if (!are_digits(tag.value, tag.value.size())) return "malformed time";
    std::int64_t seconds = 0;
    for (char c : tag.value.substr(0, kMaxTimeDigits)) seconds = seconds * 10 + (c - '0');
    time = tag.value.size() > kMaxTimeDigits ? std::numeric_limits<std::int64_t>::max() : seconds;
    return kSound;
}

std::string_view read_timestamp(const Tag& tag, DkimSignature& signature) {
    return read_time(tag, signature.timestamp);
}

std::string_view read_expiration(const Tag& tag, DkimSignature& signature) {
    return read_time(tag, signature.expiration);
}

// What a report names comes first, so that a flaw further on can still be reported with it; i= needs d=.
struct Row {
    std::string_view name;
    bool is_required;
    std::string_view (*read)(const Tag&, DkimSignature&);
};
constexpr Row kRows[] = {
    {"d", true, read_domain},      {"s", true, read_selector},          {"b", true, read_signature},
    {"a", true, read_algorithm},   {"v", true, read_version},           {"h", true, read_signed_names},
    {"bh", true, read_body_hash},  {"c", false, read_canonicalization}, {"i", false, read_identity},
    {"l", false, read_length},     {"q", false, read_query_methods},    {"t", false, read_timestamp},
    {"x", false, read_expiration},
};

std::optional<SignatureFlaw> read_tags(const TagList& tags, DkimSignature& signature) {
    for (const auto& row : kRows) {
        const Tag* tag = tags.find(row.name);
        if (!tag && row.is_required)
            return SignatureFlaw{DkimResult::neutral, "no " + std::string(row.name) + "= tag"};
        const auto why = tag ? row.read(*tag, signature) : kSound;
        if (!why.empty()) return SignatureFlaw{DkimResult::neutral, std::string(why)};
        // RFC 8301 section 3.1. Said before bh= is looked at, which has another length there.
        if (signature.algorithm == "rsa-sha1")
            return SignatureFlaw{DkimResult::permerror, "rsa-sha1 is not accepted"};
    }
    if (signature.expiration && signature.timestamp && *signature.expiration <= *signature.timestamp) {
        return SignatureFlaw{DkimResult::neutral, "x= is not after t="};
    }
    return {};
}

// Some order of names without case: shorter ones first, since that is seen at once.
int compare(std::string_view a, std::string_view b) {
    if (a.size() != b.size()) return a.size() < b.size() ? -1 : 1;
    for (std::size_t i = 0; i < a.size(); ++i) {
        const int difference = protocol::lower(a[i]) - protocol::lower(b[i]);
        if (difference != 0) return difference;
    }
    return 0;
}

}  // namespace

bool DkimSignature::has_signed(std::string_view name) const {
    return std::any_of(signed_names.begin(), signed_names.end(),
                       [&](std::string_view one) { return equals_ignoring_case(one, name); });
}

DkimSignature parse_dkim_signature(const protocol::HeaderField& field, std::size_t index) {
    DkimSignature signature;
    signature.field = index;
    const auto tags = TagList::parse(field.body);
    if (!tags) {
        signature.flaw = SignatureFlaw{DkimResult::neutral, tags.problem()};
        return signature;
    }
    if (const Tag* tag = tags->find("b")) {
        signature.value_begin = static_cast<std::size_t>(tag->raw.data() - field.raw.data());
        signature.value_end = signature.value_begin + tag->raw.size();
    }
    signature.flaw = read_tags(*tags, signature);
    return signature;
}

SignedFields::SignedFields(const protocol::Header& header) {
    by_name_.reserve(header.size());
    for (std::size_t i = 0; i < header.size(); ++i) by_name_.push_back({header[i].name, i});
    std::sort(by_name_.begin(), by_name_.end(), [](const Named& a, const Named& b) {
        const int order = compare(a.name, b.name);
        return order != 0 ? order < 0 : a.index > b.index;
    });
}

std::vector<std::size_t> SignedFields::select(const std::vector<std::string_view>& names,
                                              std::size_t own) const {
    std::vector<std::size_t> selected;
    selected.reserve(std::min(names.size(), by_name_.size()));
    std::vector<std::size_t> taken(
        by_name_.size());  // at the place of a name's lowest field: how many are taken
    for (const auto name : names) {
        const auto first =
            std::lower_bound(by_name_.begin(), by_name_.end(), name,
                             [](const Named& one, std::string_view n) { return compare(one.name, n) < 0; });
        if (first == by_name_.end()) continue;
        const auto place = static_cast<std::size_t>(first - by_name_.begin());
        auto next = place + taken[place];
        if (next < by_name_.size() && by_name_[next].index == own) ++next;
        if (next == by_name_.size() || compare(by_name_[next].name, name) != 0) continue;
        selected.push_back(by_name_[next].index);
        taken[place] = next + 1 - place;
    }
    return selected;
}

std::string signed_header(const protocol::Header& header, const std::vector<std::size_t>& fields,
                          const protocol::HeaderField& signature_field, const DkimSignature& signature) {
    std::string out;
    out.reserve(8192);
    for (const auto index : fields)
        append_canonical_field(header[index], signature.header_canonicalization, out);
    std::string raw(signature_field.raw.substr(0, signature.value_begin));
    raw += signature_field.raw.substr(signature.value_end);
    const std::string_view without = raw;
    const auto body = static_cast<std::size_t>(signature_field.body.data() - signature_field.raw.data());
    append_canonical_field({without.substr(0, signature_field.name.size()),
                            without.substr(body, without.size() - 2 - body), without},
                           signature.header_canonicalization, out);
    out.resize(out.size() - 2);
    return out;
}

}  // namespace gatepost::auth
