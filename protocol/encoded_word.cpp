#include "protocol/encoded_word.h"

#include <algorithm>
#include <array>
#include <optional>

#include "protocol/ascii.h"

namespace gatepost::protocol {
namespace {

struct EncodedWord {
    std::string_view charset;
    char encoding = 'q';  // lower case
    std::string_view text;
    std::size_t size = 0;  // with its delimiters
};

bool is_charset_character(char c) {
    static constexpr std::string_view kSigns = "-_.:+*()'";  // "*en": RFC 2231 section 5
    return is_alnum(c) || kSigns.find(c) != std::string_view::npos;
}

// The one that begins at "=?". Wider than the grammar, which has no limit obeyed in practice and no blanks:
// readers differ in what they let pass.
std::optional<EncodedWord> word_at(std::string_view text) {
    if (!text.starts_with("=?")) return {};
    std::size_t at = 2;
    while (at < text.size() && is_charset_character(text[at])) ++at;
    const std::size_t charset_end = at;
    if (charset_end == 2 || text.size() - at < 3 || text[at] != '?' || text[at + 2] != '?') return {};
    const char encoding = lower(text[at + 1]);
    if (encoding != 'q' && encoding != 'b') return {};
    const std::size_t begin = at + 3;
    const auto end = text.find("?=", begin);
    if (end == std::string_view::npos) return {};
    return EncodedWord{text.substr(2, charset_end - 2), encoding, text.substr(begin, end - begin), end + 2};
}

int hex_value(char c) {
    if (is_digit(c)) return c - '0';
    c = lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

std::string decoded_q(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const int high = text[i] == '=' && i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
        const int low = high >= 0 ? hex_value(text[i + 2]) : -1;
        if (low >= 0) {
            out += static_cast<char>(high * 16 + low);
            i += 2;
        } else {
            out += text[i] == '_' ? ' ' : text[i];
        }
    }
    return out;
}

int base64_value(char c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (is_digit(c)) return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

// What is no base64 is stepped over, as lenient decoders do (RFC 2045 section 6.8).
std::string decoded_b(std::string_view text) {
    std::string out;
    unsigned bits = 0;
    int count = 0;
    for (char c : text) {
        const int value = base64_value(c);
        if (value < 0) continue;
        bits = ((bits << 6) | static_cast<unsigned>(value)) & 0xffffff;
        count += 6;
        if (count < 8) continue;
        count -= 8;
        out += static_cast<char>((bits >> count) & 0xff);
    }
    return out;
}

// Escape sequences and what they shift away from ASCII (RFC 1468): there '<' is half a character.
std::string without_shifted(std::string_view text) {
    std::string out;
    bool is_ascii_mode = true;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '\x1b') {
            if (is_ascii_mode) out += text[i];
            continue;
        }
        const auto rest = text.substr(i + 1);
        is_ascii_mode = rest.starts_with("(B") || rest.starts_with("(J");
        i += rest.starts_with("$(") ? 3 : 2;
    }
    return out;
}

bool hides_ascii(std::string_view charset) {
    static constexpr std::array<std::string_view, 5> kStarts{"utf-7", "utf7", "utf-16", "utf-32", "unicode"};
    return std::any_of(kStarts.begin(), kStarts.end(),
                       [&](auto start) { return starts_with_ignoring_case(charset, start); });
}

std::string octets_of(const EncodedWord& word) {
    std::string octets = word.encoding == 'q' ? decoded_q(word.text) : decoded_b(word.text);
    return starts_with_ignoring_case(word.charset, "iso-2022-") ? without_shifted(octets) : octets;
}

}  // namespace

bool has_encoded_word(std::string_view text) {
    for (auto at = text.find("=?"); at != std::string_view::npos; at = text.find("=?", at + 1)) {
        if (word_at(text.substr(at))) return true;
        if (text.find("?=", at + 2) == std::string_view::npos) return false;
    }
    return false;
}

Decoded with_decoded_words(std::string_view text) {
    Decoded decoded;
    const auto last_end = text.rfind("?=");  // behind it nothing ends: it is not looked for again and again
    std::size_t gap = std::string::npos;     // where the white space behind the last encoded word begins
    for (std::size_t at = 0; at < text.size();) {
        const bool may_end = last_end != std::string_view::npos && at < last_end;
        const auto word = may_end ? word_at(text.substr(at)) : std::nullopt;
        if (!word) {
            if (!is_wsp(text[at])) gap = std::string::npos;
            decoded.text += text[at++];
            continue;
        }
        if (gap != std::string::npos) decoded.text.resize(gap);  // RFC 2047 section 6.2
        const auto octets = octets_of(*word);
        const auto is_hidden = [](char c) { return is_control(c) && c != '\t'; };
        if (hides_ascii(word->charset) || std::any_of(octets.begin(), octets.end(), is_hidden))
            decoded.has_hidden_signs = true;
        decoded.text += octets;
        gap = decoded.text.size();
        at += word->size;
    }
    return decoded;
}

}  // namespace gatepost::protocol
