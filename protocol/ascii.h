// Character classes and comparisons of the mail grammars. ASCII only and without a locale: an octet above 127
// has no case and is no letter.
#pragma once

#include <string>
#include <string_view>

namespace gatepost::protocol {

constexpr bool is_alpha(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
constexpr bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
constexpr bool is_alnum(char c) {
    return is_alpha(c) || is_digit(c);
}
constexpr bool is_wsp(char c) {
    return c == ' ' || c == '\t';
}
constexpr bool is_ascii(char c) {
    return static_cast<unsigned char>(c) < 0x80;
}
constexpr bool is_control(char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}
constexpr char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

std::string lowered(std::string_view text);
bool equals_ignoring_case(std::string_view a, std::string_view b);
bool starts_with_ignoring_case(std::string_view text, std::string_view start);

// Without the given characters at both ends; WSP unless told.
std::string_view trimmed(std::string_view text, std::string_view what = " \t");

// Whether the octets are well-formed UTF-8 (RFC 3629: no overlong forms, no surrogates).
bool is_utf8(std::string_view text);

// For logs and replies: printable ASCII as it is, everything else as \xHH, at most `limit` octets of input.
// Nothing that a stranger sent can end a line or reach a terminal raw.
std::string escaped(std::string_view text, std::size_t limit = 256);

}  // namespace gatepost::protocol
