#include "auth/tag_list.h"

#include <algorithm>
#include <array>

#include "protocol/ascii.h"

namespace gatepost::auth {
namespace {

using protocol::Problem;

constexpr bool is_white(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

std::string_view without_ends(std::string_view text) {
    while (!text.empty() && is_white(text.front())) text.remove_prefix(1);
    while (!text.empty() && is_white(text.back())) text.remove_suffix(1);
    return text;
}

bool is_tag_name(std::string_view name) {
    if (name.empty() || !protocol::is_alpha(name.front())) return false;
    return std::all_of(name.begin(), name.end(), [](char c) { return protocol::is_alnum(c) || c == '_'; });
}

// What cannot be told to be fine by itself: controls but HTAB, and what is above ASCII.
constexpr std::array<bool, 256> kNeedsLook = [] {
    std::array<bool, 256> octets{};
    for (std::size_t i = 0; i < 256; ++i) octets[i] = (i < 0x20 && i != '\t') || i >= 0x7f;
    return octets;
}();

// Printable characters, WSP, and CRLF only where white space follows. UTF-8 is let in by RFC 8616 section 3.
bool has_only_value_characters(std::string_view text) {
    bool is_all_ascii = true;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (!kNeedsLook[static_cast<unsigned char>(c)]) continue;
        if (!protocol::is_ascii(c)) {
            is_all_ascii = false;
            continue;
        }
        if (c != '\r' || i + 2 >= text.size() || text[i + 1] != '\n' || !protocol::is_wsp(text[i + 2]))
            return false;
        i += 2;
    }
    return is_all_ascii || protocol::is_utf8(text);
}

}  // namespace

protocol::Result<Tag> TagList::parse_tag(std::string_view spec) const {
    const auto equals = spec.find('=');
    if (equals == std::string_view::npos) return Problem{"tag without ="};
    const auto name = without_ends(spec.substr(0, equals));
    if (!is_tag_name(name)) return Problem{"malformed tag name"};
    if (find(name)) return Problem{"repeated tag"};
    if (tags_.size() == kMaxTags) return Problem{"too many tags"};
    const auto raw = spec.substr(equals + 1);
    return Tag{name, without_ends(raw), raw};
}

protocol::Result<TagList> TagList::parse(std::string_view text) {
    if (!has_only_value_characters(text)) return Problem{"forbidden character in a tag list"};
    TagList list;
    list.tags_.reserve(12);
    for (std::size_t at = 0; at <= text.size();) {
        const auto end = std::min(text.find(';', at), text.size());
        const auto spec = text.substr(at, end - at);
        const bool is_last = end == text.size();
        if (is_last && !list.tags_.empty() && without_ends(spec).empty()) break;
        auto tag = list.parse_tag(spec);
        if (!tag) return Problem{tag.problem()};
        list.tags_.push_back(*tag);
        at = end + 1;
    }
    return list;
}

const Tag* TagList::find(std::string_view name) const {
    for (const auto& tag : tags_) {
        if (tag.name == name) return &tag;
    }
    return nullptr;
}

std::string without_white_space(std::string_view value) {
    std::string out(value);
    out.erase(std::remove_if(out.begin(), out.end(), is_white), out.end());
    return out;
}

std::vector<std::string_view> colon_separated(std::string_view value) {
    std::vector<std::string_view> parts;
    parts.reserve(static_cast<std::size_t>(std::count(value.begin(), value.end(), ':')) + 1);
    for (std::size_t at = 0; at <= value.size();) {
        const auto end = std::min(value.find(':', at), value.size());
        parts.push_back(without_ends(value.substr(at, end - at)));
        at = end + 1;
    }
    return parts;
}

}  // namespace gatepost::auth
