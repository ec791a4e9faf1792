#include "protocol/transfer_encoding.h"

#include <algorithm>

#include "protocol/ascii.h"

namespace gatepost::protocol {
namespace {

constexpr std::size_t kMaxColumns = 76;

void append_octet(std::string& out, char c) {
    static constexpr char kHex[] = "0123456789ABCDEF";
    const auto octet = static_cast<unsigned char>(c);
    out += '=';
    out += kHex[octet >> 4];
    out += kHex[octet & 15];
}

// One line, without its end.
void append_line(std::string& out, std::string_view line) {
    std::size_t begin = out.size();
    for (std::size_t i = 0; i < line.size(); ++i) {
        const char c = line[i];
        const bool is_last = i + 1 == line.size();
        const bool stands = c != '=' && !is_control(c) && is_ascii(c) && !(is_last && c == ' ');
        const std::size_t width = stands ? 1 : 3;
        // One column is left for the sign of a soft break.
        if (out.size() - begin + width > kMaxColumns - (is_last ? 0 : 1)) {
            out += "=\r\n";
            begin = out.size();
        }
        if (stands) {
            out += c;
        } else {
            append_octet(out, c);
        }
    }
}

}  // namespace

TextTraits traits_of(std::string_view text) {
    TextTraits traits;
    std::size_t line_begin = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        traits.has_8bit |= !is_ascii(c);
        const bool is_line_end = c == '\r' && i + 1 < text.size() && text[i + 1] == '\n';
        traits.is_unfit |= is_control(c) && c != '\t' && !is_line_end;
        if (!is_line_end) continue;
        traits.is_unfit |= i - line_begin > kMaxLineOctets;
        line_begin = i + 2;
        ++i;
    }
    traits.is_unfit |= text.size() - std::min(line_begin, text.size()) > kMaxLineOctets;
    return traits;
}

std::string quoted_printable(std::string_view text) {
    std::string out;
    out.reserve(text.size() + text.size() / 8 + 8);
    while (!text.empty()) {
        const auto end = text.find("\r\n");
        append_line(out, text.substr(0, end));
        if (end == std::string_view::npos) return out;
        out += "\r\n";
        text.remove_prefix(end + 2);
    }
    return out;
}

EncodedText encoded_text(std::string_view text, Eight eight) {
    const auto traits = traits_of(text);
    if (traits.is_unfit || (traits.has_8bit && eight == Eight::refused))
        return {"quoted-printable", quoted_printable(text)};
    return {traits.has_8bit ? "8bit" : "7bit", std::string(text)};
}

}  // namespace gatepost::protocol
