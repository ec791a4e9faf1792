#include "protocol/delivery_parameters.h"

#include <algorithm>

#include "protocol/ascii.h"

namespace gatepost::protocol {
namespace {

constexpr std::size_t kMaxEnvid = 100;
constexpr std::size_t kMaxOrcpt = 500;

int hex_value(char c) {  // upper case only
    return is_digit(c) ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool is_xchar(char c) {
    return c > ' ' && c < 0x7f && c != '+' && c != '=';
}

// atom of RFC 5322 section 3.2.3, of what address types are made.
bool is_address_type(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return is_alnum(c) || std::string_view("!#$%&'*-/?^_`{|}~").find(c) != std::string_view::npos;
    });
}

// The address of RFC 6533 section 3 as it is; what looks encoded must be so.
bool is_utf8_address(std::string_view text) {
    std::string ascii;
    for (const char c : text) {
        if (is_ascii(c)) ascii += c;
    }
    const bool has_c1_control = text.find('\xc2') != std::string_view::npos &&
                                std::adjacent_find(text.begin(), text.end(), [](char a, char b) {
                                    return a == '\xc2' && static_cast<unsigned char>(b) < 0xa0;
                                }) != text.end();
    return is_utf8(text) && !has_c1_control && is_xtext(ascii);
}

}  // namespace

bool is_xtext(std::string_view value) {
    for (std::size_t i = 0; i < value.size(); ++i) {
        if (value[i] != '+') {
            if (!is_xchar(value[i])) return false;
            continue;
        }
        if (value.size() - i < 3) return false;
        const int high = hex_value(value[i + 1]), low = hex_value(value[i + 2]);
        if (high < 0 || low < 0) return false;
        const int decoded = high * 16 + low;
        if (decoded < ' ' || decoded >= 0x7f) return false;
        i += 2;
    }
    return true;
}

bool is_ret(std::string_view value) {
    return equals_ignoring_case(value, "FULL") || equals_ignoring_case(value, "HDRS");
}

bool is_envid(std::string_view value) {
    return !value.empty() && value.size() <= kMaxEnvid && is_xtext(value);
}

bool is_notify(std::string_view value) {
    if (equals_ignoring_case(value, "NEVER")) return true;
    static constexpr std::string_view kEvents[] = {"SUCCESS", "FAILURE", "DELAY"};
    bool seen[std::size(kEvents)] = {};
    for (;;) {
        const auto comma = std::min(value.find(','), value.size());
        const auto word = value.substr(0, comma);
        const auto event = std::find_if(std::begin(kEvents), std::end(kEvents),
                                        [&](auto each) { return equals_ignoring_case(each, word); });
        if (event == std::end(kEvents) || seen[event - kEvents]) return false;
        seen[event - kEvents] = true;
        if (comma == value.size()) return true;
        value.remove_prefix(comma + 1);
    }
}

bool is_orcpt(std::string_view value, Utf8 utf8) {
    const auto semicolon = value.find(';');
    if (semicolon == std::string_view::npos || value.size() > kMaxOrcpt) return false;
    const auto type = value.substr(0, semicolon);
    const auto address = value.substr(semicolon + 1);
    if (!is_address_type(type) || address.empty()) return false;
    if (is_xtext(address)) return true;
    return utf8 == Utf8::allowed && equals_ignoring_case(type, "utf-8") && is_utf8_address(address);
}

}  // namespace gatepost::protocol
