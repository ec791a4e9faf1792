#include "protocol/field_cursor.h"

#include <algorithm>

#include "protocol/ascii.h"

namespace gatepost::protocol {

bool is_clean_text(std::string_view unfolded) {
    if (std::any_of(unfolded.begin(), unfolded.end(), [](char c) { return is_control(c) && c != '\t'; }))
        return false;
    for (std::size_t at = 0; (at = unfolded.find_first_of("\xc2\xe2", at)) != std::string_view::npos; ++at) {
        const auto rest = unfolded.substr(at);
        if (rest.size() > 1 && rest[0] == '\xc2' && static_cast<unsigned char>(rest[1]) < 0xa0)
            return false;  // C1
        if (rest.starts_with("\xe2\x80\xa8") || rest.starts_with("\xe2\x80\xa9")) return false;
    }
    return is_utf8(unfolded);
}

FieldCursor::Gap FieldCursor::skip_cfws() {
    const auto begin = at_;
    while (!at_end()) {
        if (is_wsp(text_[at_])) {
            ++at_;
        } else if (text_[at_] != '(') {
            break;
        } else if (!skip_comment()) {
            return Gap::broken;
        }
    }
    return at_ == begin ? Gap::none : Gap::present;
}

bool FieldCursor::skip_comment() {
    int depth = 0;
    while (!at_end()) {
        const char c = text_[at_++];
        if (c == '\\') {
            if (at_end()) return false;
            ++at_;
        } else if (c == '(') {
            if (++depth > kMaxNesting) return false;
        } else if (c == ')' && --depth == 0) {
            return true;
        }
    }
    return false;
}

bool FieldCursor::take(char sign) {
    if (at_end() || text_[at_] != sign) return false;
    ++at_;
    return true;
}

std::string_view FieldCursor::take_while(bool (*belongs)(char)) {
    const auto begin = at_;
    while (!at_end() && belongs(text_[at_])) ++at_;
    return between(begin, at_);
}

std::optional<std::string_view> FieldCursor::take_quoted() {
    if (!take('"')) return {};
    const auto begin = at_;
    while (!at_end()) {
        const char c = text_[at_++];
        if (c == '"') return between(begin, at_ - 1);
        if (c == '\\' && !at_end()) ++at_;
    }
    return {};
}

std::string unescaped(std::string_view quoted) {
    std::string out;
    out.reserve(quoted.size());
    for (std::size_t i = 0; i < quoted.size(); ++i) {
        if (quoted[i] == '\\' && i + 1 < quoted.size()) ++i;
        out += quoted[i];
    }
    return out;
}

}  // namespace gatepost::protocol
