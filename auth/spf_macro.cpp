#include "auth/spf_macro.h"

#include <algorithm>
#include <vector>

#include "protocol/ascii.h"

namespace gatepost::auth {
namespace {

using protocol::is_alnum;
using protocol::is_digit;
using protocol::lower;

constexpr std::size_t kMaxName = 253;  // RFC 7208 section 7.3
constexpr std::size_t kMaxExpansion =
    8 * 1024;                          // before the name is cut; bounds the work for a hostile record
constexpr unsigned kMaxMacros = 256;   // more than any name has room for; a value may shrink to nothing
constexpr unsigned kManyParts = 1000;  // more than any value has
constexpr std::string_view kLetters = "slodiphv";
constexpr std::string_view kExplanationLetters = "crt";
constexpr std::string_view kDelimiters = ".-+,/_=";

// One step through a macro string: a run of literal text, or a macro.
struct Part {
    std::string_view literal;  // also what %%, %_ and %- stand for
    char letter = 0;           // of a macro, as written
    unsigned keep = kManyParts;
    bool reverses = false;
    std::string_view delimiters = ".";
};

bool read_transformers(std::string_view body, Part& part) {
    std::size_t at = 0;
    if (!body.empty() && is_digit(body[0])) {
        part.keep = 0;
        for (; at < body.size() && is_digit(body[at]); ++at) {
            part.keep = std::min(part.keep * 10 + static_cast<unsigned>(body[at] - '0'), kManyParts);
        }
        if (part.keep == 0) return false;
    }
    if (at < body.size() && lower(body[at]) == 'r') {
        part.reverses = true;
        ++at;
    }
    const auto delimiters = body.substr(at);
    if (delimiters.find_first_not_of(kDelimiters) != std::string_view::npos) return false;
    if (!delimiters.empty()) part.delimiters = delimiters;
    return true;
}

// Takes the next part off `text`, which is not empty; nothing if it is malformed.
std::optional<Part> take_part(std::string_view& text) {
    Part part;
    if (text[0] != '%') {
        const auto length = std::min(text.find('%'), text.size());
        part.literal = text.substr(0, length);
        text.remove_prefix(length);
        return part;
    }
    const char kind = text.size() > 1 ? text[1] : '\0';
    if (kind == '%' || kind == '_' || kind == '-') {
        part.literal = kind == '%' ? "%" : kind == '_' ? " " : "%20";
        text.remove_prefix(2);
        return part;
    }
    const auto close = text.find('}');
    if (kind != '{' || close == std::string_view::npos || close < 3) return {};
    part.letter = text[2];
    if (!read_transformers(text.substr(3, close - 3), part)) return {};
    text.remove_prefix(close + 1);
    return part;
}

bool may_stand(char letter, MacroUse use) {
    const char small = lower(letter);
    if (kLetters.find(small) != std::string_view::npos) return true;
    return use != MacroUse::domain_spec && kExplanationLetters.find(small) != std::string_view::npos;
}

bool is_literal(char c, MacroUse use) {
    return (c > ' ' && c < 0x7f) || (c == ' ' && use == MacroUse::explanation);
}

// RFC 7208 section 7.1: not all digits, unless a hyphen stands inside.
bool is_top_label(std::string_view label) {
    if (label.empty() || !is_alnum(label.front()) || !is_alnum(label.back())) return false;
    bool has_other_than_digit = false;
    for (char c : label) {
        if (!is_alnum(c) && c != '-') return false;
        if (!is_digit(c)) has_other_than_digit = true;
    }
    return has_other_than_digit;
}

bool ends_in_top_label(std::string_view literal) {
    if (literal.ends_with('.')) literal.remove_suffix(1);
    const auto dot = literal.rfind('.');
    return dot != std::string_view::npos && is_top_label(literal.substr(dot + 1));
}

std::string transformed(std::string_view value, const Part& part) {
    std::vector<std::string_view> pieces;
    for (std::size_t at = 0;;) {
        const auto end = value.find_first_of(part.delimiters, at);
        pieces.push_back(value.substr(at, end == std::string_view::npos ? end : end - at));
        if (end == std::string_view::npos) break;
        at = end + 1;
    }
    if (part.reverses) std::reverse(pieces.begin(), pieces.end());
    const auto skip = pieces.size() > part.keep ? pieces.size() - part.keep : 0;
    std::string out;
    for (std::size_t i = skip; i < pieces.size(); ++i) {
        if (i > skip) out += '.';
        out += pieces[i];
    }
    return out;
}

std::string url_escaped(std::string_view text) {
    static constexpr char kHex[] = "0123456789ABCDEF";
    std::string out;
    for (char c : text) {
        if (is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~') {  // RFC 3986 section 2.3
            out += c;
        } else {
            const auto octet = static_cast<unsigned char>(c);
            out += {'%', kHex[octet >> 4], kHex[octet & 15]};
        }
    }
    return out;
}

}  // namespace

std::optional<MacroString> MacroString::parse(std::string_view text, MacroUse use) {
    std::string_view rest = text, last_literal;
    bool ends_in_macro = false;
    while (!rest.empty()) {
        const bool is_plain = rest[0] != '%';
        const auto part = take_part(rest);
        if (!part || (part->letter && !may_stand(part->letter, use))) return {};
        if (is_plain) {
            for (char c : part->literal) {
                if (!is_literal(c, use)) return {};
            }
            last_literal = part->literal;
        }
        ends_in_macro = !is_plain;
    }
    if (use == MacroUse::domain_spec && !ends_in_macro && !ends_in_top_label(last_literal)) return {};
    return MacroString(text);
}

std::optional<std::string> MacroString::expand(const Values& values, std::size_t limit) const {
    std::string out;
    unsigned macros = 0;
    for (std::string_view rest = text_; !rest.empty();) {
        const auto part = take_part(rest);
        if (!part) return {};
        if (part->letter) {
            if (++macros > kMaxMacros) return {};
            const auto value = values(lower(part->letter));
            if (!value || value->size() > limit) return {};
            const auto piece = transformed(*value, *part);
            out += lower(part->letter) == part->letter ? piece : url_escaped(piece);
        } else {
            out += part->literal;
        }
        if (out.size() > limit) return {};
    }
    return out;
}

std::optional<std::string> MacroString::expand_domain(const Values& values) const {
    auto name = text_.find('%') == std::string::npos ? std::optional(text_) : expand(values, kMaxExpansion);
    if (!name) return {};
    if (name->ends_with('.')) name->pop_back();
    if (name->size() > kMaxName) {
        const auto dot = name->find('.', name->size() - kMaxName - 1);
        if (dot == std::string::npos) return {};
        name->erase(0, dot + 1);
    }
    return protocol::lowered(*name);
}

std::optional<std::string> MacroString::expand_text(const Values& values, std::size_t limit) const {
    return expand(values, limit);
}

}  // namespace gatepost::auth
