#include "protocol/capabilities.h"

#include <algorithm>
#include <charconv>

#include "protocol/ascii.h"

namespace gatepost::protocol {
namespace {

struct CapabilityRow {
    std::string_view keyword;
    bool Capabilities::*is_offered;
};

constexpr CapabilityRow kCapabilities[] = {
    {"PIPELINING", &Capabilities::pipelining},
    {"8BITMIME", &Capabilities::eight_bit_mime},
    {"SMTPUTF8", &Capabilities::smtputf8},
    {"STARTTLS", &Capabilities::starttls},
    {"ENHANCEDSTATUSCODES", &Capabilities::enhanced_status_codes},
    {"CHUNKING", &Capabilities::chunking},
    {"BINARYMIME", &Capabilities::binarymime},
    {"DSN", &Capabilities::dsn},
    {"REQUIRETLS", &Capabilities::requiretls},
    {"XCLIENT", &Capabilities::xclient},
    {"XFORWARD", &Capabilities::xforward},
    {"SIZE", &Capabilities::size},
};

constexpr struct {
    std::string_view name;
    Attribute attribute;
} kAttributes[] = {
    {"NAME", Attribute::name},         {"ADDR", Attribute::addr},   {"PORT", Attribute::port},
    {"PROTO", Attribute::proto},       {"HELO", Attribute::helo},   {"DESTADDR", Attribute::destaddr},
    {"DESTPORT", Attribute::destport}, {"IDENT", Attribute::ident}, {"SOURCE", Attribute::source},
};

// The text up to the next blank; it and the blanks behind it are removed from `text`.
std::string_view next_word(std::string_view& text) {
    const auto word = text.substr(0, text.find(' '));
    text = trimmed(text.substr(word.size()), " ");
    return word;
}

Attributes parse_attributes(std::string_view text) {
    Attributes found = 0;
    while (!text.empty()) {
        const auto word = next_word(text);
        for (const auto& row : kAttributes) {
            if (equals_ignoring_case(row.name, word)) found |= static_cast<unsigned>(row.attribute);
        }
    }
    return found;
}

std::size_t smaller_limit(std::size_t one, std::size_t other) {
    if (one == 0 || other == 0) return std::max(one, other);
    return std::min(one, other);
}

}  // namespace

Capabilities parse_capabilities(const Reply& ehlo) {
    Capabilities found;
    found.is_extended = true;
    for (std::size_t i = 1; i < ehlo.lines.size(); ++i) {  // the first line is the host's name
        std::string_view line = trimmed(ehlo.lines[i], " ");
        const auto keyword = next_word(line);
        for (const auto& row : kCapabilities) {
            if (equals_ignoring_case(row.keyword, keyword)) found.*row.is_offered = true;
        }
        if (equals_ignoring_case(keyword, "SIZE")) {
            std::from_chars(line.data(), line.data() + line.size(), found.max_size);
        } else if (equals_ignoring_case(keyword, "XCLIENT")) {
            found.xclient_attributes = parse_attributes(line);
        } else if (equals_ignoring_case(keyword, "XFORWARD")) {
            found.xforward_attributes = parse_attributes(line);
        }
    }
    return found;
}

Capabilities what_both_can(const Capabilities& one, const Capabilities& other) {
    Capabilities both;
    both.is_extended = one.is_extended && other.is_extended;
    for (const auto& row : kCapabilities) {
        both.*row.is_offered = one.*row.is_offered && other.*row.is_offered;
    }
    both.max_size = smaller_limit(one.max_size, other.max_size);
    both.xclient_attributes = one.xclient_attributes & other.xclient_attributes;
    both.xforward_attributes = one.xforward_attributes & other.xforward_attributes;
    return both;
}

}  // namespace gatepost::protocol
