#include "auth/dmarc_record.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "protocol/ascii.h"
#include "protocol/domain.h"

namespace gatepost::auth {
namespace {

using protocol::equals_ignoring_case;
using protocol::is_alnum;
using protocol::is_alpha;
using protocol::is_digit;
using protocol::trimmed;

constexpr std::string_view kUriSigns =
    "-._~:/?#[]@$&'()*+;=%";  // RFC 3986 without ',' and '!' (RFC 9989 section 4.8)

// What stands before the next separator, which is taken away too.
std::string_view take_until(std::string_view& rest, char separator) {
    const auto at = rest.find(separator);
    const auto item = rest.substr(0, at);
    rest = at == std::string_view::npos ? std::string_view{} : rest.substr(at + 1);
    return item;
}

bool is_tag_value(std::string_view value) {
    return !value.empty() && std::all_of(value.begin(), value.end(), [](char c) {
        return protocol::is_ascii(c) && c >= ' ' && c != 0x7f;
    });
}

std::optional<Policy> parse_policy(std::string_view value) {
    for (const Policy policy : {Policy::none, Policy::quarantine, Policy::reject}) {
        if (equals_ignoring_case(value, name(policy))) return policy;
    }
    return {};
}

bool is_letter(std::string_view value, char letter) {
    return value.size() == 1 && protocol::lower(value[0]) == letter;
}

// 0 and 1 exclude each other, each letter stands once (RFC 9989 section 4.7); anything else is the default.
std::string parse_failure_options(std::string_view value) {
    std::string options;
    while (!value.empty()) {
        const auto item = trimmed(take_until(value, ':'));
        if (item.size() != 1) return "0";
        const char letter = protocol::lower(item[0]);
        if (std::string_view("01ds").find(letter) == std::string_view::npos) return "0";
        if (options.find(letter) != std::string::npos) return "0";
        if (!options.empty()) options += ':';
        options += letter;
    }
    const bool both = options.find('0') != std::string::npos && options.find('1') != std::string::npos;
    return options.empty() || both ? "0" : options;
}

bool is_uri_text(std::string_view text) {
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (!is_alnum(text[i]) && kUriSigns.find(text[i]) == std::string_view::npos) return false;
        if (text[i] != '%') continue;
        const auto is_hex = [&](std::size_t at) {
            return at < text.size() && std::isxdigit(static_cast<unsigned char>(text[at]));
        };
        if (!is_hex(i + 1) || !is_hex(i + 2)) return false;
    }
    return true;
}

bool is_mail_address(std::string_view text) {
    const auto address = text.substr(0, text.find('?'));
    const auto at = address.rfind('@');
    return at != std::string_view::npos && at > 0 && protocol::Domain::parse(address.substr(at + 1));
}

bool is_uri(std::string_view text) {
    const auto colon = text.find(':');
    if (colon == std::string_view::npos || colon == 0 || colon + 1 == text.size() || !is_alpha(text[0]))
        return false;
    const auto scheme = text.substr(0, colon);
    const auto in_scheme = [](char c) { return is_alnum(c) || c == '+' || c == '-' || c == '.'; };
    if (!std::all_of(scheme.begin(), scheme.end(), in_scheme) || !is_uri_text(text)) return false;
    return !equals_ignoring_case(scheme, "mailto") || is_mail_address(text.substr(colon + 1));
}

// "!10m" at the end: a size limit of RFC 7489, to be ignored (RFC 9989 section C.4).
std::string_view without_size(std::string_view uri) {
    const auto mark = uri.rfind('!');
    if (mark == std::string_view::npos) return uri;
    auto size = uri.substr(mark + 1);
    if (!size.empty() && std::string_view("kmgtKMGT").find(size.back()) != std::string_view::npos)
        size.remove_suffix(1);
    return !size.empty() && std::all_of(size.begin(), size.end(), is_digit) ? uri.substr(0, mark) : uri;
}

enum class Tag { p, sp, np, adkim, aspf, psd, t, rua, ruf, fo, pct, count };
constexpr std::array<std::string_view, static_cast<std::size_t>(Tag::count)> kTags = {
    "p", "sp", "np", "adkim", "aspf", "psd", "t", "rua", "ruf", "fo", "pct"};

// The value of each known tag; a tag that stands twice or whose value no record may hold is there but
// invalid.
struct TagValues {
    struct Value {
        std::string_view text;
        bool is_present = false;
        bool is_valid = false;
    };
    std::array<Value, kTags.size()> values;

    void add(std::string_view item);
    const Value& operator[](Tag tag) const { return values[static_cast<std::size_t>(tag)]; }
};

void TagValues::add(std::string_view item) {
    const auto equals = item.find('=');
    if (equals == std::string_view::npos) return;
    const auto known = std::find(kTags.begin(), kTags.end(), trimmed(item.substr(0, equals)));
    if (known == kTags.end()) return;
    Value& value = values[static_cast<std::size_t>(known - kTags.begin())];
    const auto text = trimmed(item.substr(equals + 1));
    value = {text, true, !value.is_present && is_tag_value(text)};
}

void read_policy(const TagValues::Value& value, std::optional<Policy>& policy, bool& has_invalid) {
    if (value.is_valid) policy = parse_policy(value.text);
    if (value.is_present && !policy) has_invalid = true;
}

DmarcRecord read_tags(const TagValues& tags) {
    DmarcRecord record;
    const auto says = [&](Tag tag, char letter) {
        return tags[tag].is_valid && is_letter(tags[tag].text, letter);
    };
    read_policy(tags[Tag::p], record.p, record.has_invalid_policy);
    read_policy(tags[Tag::sp], record.sp, record.has_invalid_policy);
    read_policy(tags[Tag::np], record.np, record.has_invalid_policy);
    if (says(Tag::adkim, 's')) record.adkim = AlignmentMode::strict;
    if (says(Tag::aspf, 's')) record.aspf = AlignmentMode::strict;
    if (says(Tag::psd, 'y')) record.psd = DmarcRecord::Psd::y;
    if (says(Tag::psd, 'n')) record.psd = DmarcRecord::Psd::n;
    record.testing = says(Tag::t, 'y');
    record.has_pct_zero = says(Tag::pct, '0');
    if (tags[Tag::rua].is_valid) record.rua = parse_report_uris(tags[Tag::rua].text);
    if (tags[Tag::ruf].is_valid) record.ruf = parse_report_uris(tags[Tag::ruf].text);
    // fo MUST be ignored where ruf is absent (RFC 9989 section 4.7).
    if (tags[Tag::ruf].is_present && tags[Tag::fo].is_valid)
        record.fo = parse_failure_options(tags[Tag::fo].text);
    return record;
}

// The name is an ABNF literal and so without case; the value is case-sensitive (RFC 9989 section 4.7).
bool is_version(std::string_view item) {
    if (item.empty() || protocol::lower(item[0]) != 'v') return false;
    item = trimmed(item.substr(1));
    return !item.empty() && item[0] == '=' && trimmed(item.substr(1)) == "DMARC1";
}

}  // namespace

std::vector<std::string> parse_report_uris(std::string_view value) {
    std::vector<std::string> uris;
    while (!value.empty()) {
        const auto uri = without_size(trimmed(take_until(value, ',')));
        if (is_uri(uri)) uris.emplace_back(uri);
    }
    return uris;
}

std::optional<DmarcRecord> parse_dmarc_record(std::string_view text) {
    if (!is_version(take_until(text, ';'))) return {};
    TagValues tags;
    while (!text.empty()) tags.add(take_until(text, ';'));
    return read_tags(tags);
}

DmarcRecordSet select_dmarc_record(const std::vector<std::string>& texts) {
    DmarcRecordSet set;
    for (const auto& text : texts) {
        auto record = parse_dmarc_record(text);
        if (!record) continue;
        set.has_several = set.record.has_value();
        set.record = std::move(record);
        if (set.has_several) break;
    }
    if (set.has_several) set.record.reset();
    return set;
}

bool has_sound_policies(const DmarcRecord& record) {
    return record.p && !record.has_invalid_policy;
}

}  // namespace gatepost::auth
