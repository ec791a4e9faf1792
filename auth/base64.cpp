#include <cstdint>

#include "auth/crypto.h"

namespace gatepost::auth {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::array<std::int16_t, 256> kValues = [] {
    std::array<std::int16_t, 256> values{};
    for (auto& value : values) value = -1;
    for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
        values[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::int16_t>(i);
    }
    return values;
}();

std::size_t padding(std::string_view text) {
    if (text.ends_with("==")) return 2;
    return text.ends_with('=') ? 1 : 0;
}

}  // namespace

std::optional<std::string> decode_base64(std::string_view text) {
    if (text.size() % 4 != 0) return {};
    text.remove_suffix(padding(text));
    std::string out(text.size() * 6 / 8, '\0');
    char* next = out.data();
    std::uint32_t bits = 0;
    unsigned held = 0;
    for (char c : text) {
        const int value = kValues[static_cast<unsigned char>(c)];
        if (value < 0) return {};
        bits = (bits << 6 | static_cast<std::uint32_t>(value)) & 0xffff;
        held += 6;
        if (held < 8) continue;
        held -= 8;
        *next++ = static_cast<char>(bits >> held & 0xff);
    }
    if ((bits & ((1u << held) - 1)) != 0) return {};
    return out;
}

std::string encode_base64(std::string_view octets) {
    std::string out;
    out.reserve((octets.size() + 2) / 3 * 4);
    for (std::size_t i = 0; i < octets.size(); i += 3) {
        const auto octet = [&](std::size_t k) {
            return i + k < octets.size() ? static_cast<unsigned char>(octets[i + k]) : 0u;
        };
        const std::uint32_t group = octet(0) << 16 | octet(1) << 8 | octet(2);
        out += kAlphabet[group >> 18];
        out += kAlphabet[group >> 12 & 63];
        out += i + 1 < octets.size() ? kAlphabet[group >> 6 & 63] : '=';
        out += i + 2 < octets.size() ? kAlphabet[group & 63] : '=';
    }
    return out;
}

}  // namespace gatepost::auth
