#include "gateway/spool/spool_text.h"

#include <algorithm>

namespace gatepost::gateway {
namespace {

constexpr char kHexDigits[] = "0123456789abcdef";

bool stands_bare(char c) {
    return c >= 0x20 && c < 0x7f && c != '\\';
}

constexpr std::array<std::uint32_t, 256> make_crc_table() {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t i = 0; i < 256; ++i) {
        std::uint32_t value = i;
        for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ (value & 1 ? 0xedb88320u : 0);
        table[i] = value;
    }
    return table;
}

constexpr auto kCrcTable = make_crc_table();

}  // namespace

std::string escaped_value(std::string_view value) {
    std::string text;
    text.reserve(value.size());
    for (const char c : value) {
        if (stands_bare(c)) {
            text += c;
        } else if (c == '\\') {
            text += "\\\\";
        } else {
            text += "\\x";
            add_hex(text, static_cast<unsigned char>(c), 2);
        }
    }
    return text;
}

std::optional<std::string> unescaped(std::string_view text) {
    std::string value;
    value.reserve(text.size());
    while (!text.empty()) {
        std::size_t taken = 1;
        if (stands_bare(text.front())) {
            value += text.front();
        } else if (text.starts_with("\\\\")) {
            value += '\\';
            taken = 2;
        } else if (text.starts_with("\\x") && text.size() >= 4) {
            std::uint8_t octet = 0;
            const auto [end, error] = std::from_chars(text.data() + 2, text.data() + 4, octet, 16);
            if (error != std::errc() || end != text.data() + 4) return {};
            value += static_cast<char>(octet);
            taken = 4;
        } else {
            return {};
        }
        text.remove_prefix(taken);
    }
    return value;
}

void add_line(std::string& text, std::string_view key, std::string_view value) {
    text += key;
    text += ' ';
    text += escaped_value(value);
    text += '\n';
}

std::string_view take_line(std::string_view& text) {
    const auto end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return line;
}

void add_hex(std::string& text, std::uint32_t number, int digits) {
    for (int i = digits; i-- > 0;) text += kHexDigits[number >> (4 * i) & 15];
}

std::uint32_t crc32(std::string_view octets) {
    std::uint32_t crc = 0xffffffff;
    for (const char c : octets) crc = kCrcTable[(crc ^ static_cast<unsigned char>(c)) & 0xff] ^ (crc >> 8);
    return ~crc;
}

}  // namespace gatepost::gateway
