// The words and lines of a spool file. What is written is printable ASCII, whatever the values hold.
#pragma once

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gatepost::gateway {

// Printable ASCII as it is, a backslash as \\, every other octet as \xHH.
std::string escaped_value(std::string_view value);
// Back again; nothing if an escape is broken or an octet stands bare that may not.
std::optional<std::string> unescaped(std::string_view text);

// "key value\n", the value escaped.
void add_line(std::string& text, std::string_view key, std::string_view value);
// The first line without its end, which is taken off `text` with it.
std::string_view take_line(std::string_view& text);

// Lower case, with zeros in front.
void add_hex(std::string& text, std::uint32_t number, int digits);
// CRC-32 of ISO 3309, as zlib has it: finds what a disk or an editor did, not what an enemy did.
std::uint32_t crc32(std::string_view octets);

// Decimal, the whole text.
template <class Number>
bool read_number(std::string_view text, Number& number) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc() && end == text.data() + text.size();
}

// What stands between single blanks; the last word is the rest, blanks and all.
template <std::size_t N>
std::optional<std::array<std::string_view, N>> words_of(std::string_view text) {
    std::array<std::string_view, N> words;
    for (std::size_t i = 0; i + 1 < N; ++i) {
        const auto blank = text.find(' ');
        if (blank == text.npos) return {};
        words[i] = text.substr(0, blank);
        text.remove_prefix(blank + 1);
    }
    words[N - 1] = text;
    return words;
}

}  // namespace gatepost::gateway
