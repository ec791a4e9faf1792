// Message content as strangers send it, and what must be read out of it, found by plain searching instead of
// by a machine.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "protocol/mail_data.h"
#include "tests/support/byte_source.h"

namespace gatepost::tests {

// Pieces that end lines, seem to end messages (specs/smtp.md M-19), or are just text.
inline std::string content_piece(ByteSource& in) {
    using namespace std::string_literals;
    static const std::string kPieces[] = {
        "\r\n",
        "\r\n",
        "\r\n",
        "\r\n",
        "hello",
        "Subject: x\r\n",
        "\r\n\r\n",
        ".",
        "..",
        "\r\n.",
        "\r\n..",
        "\r\n..\r\n",
        ".x\r\n",
        "\xc3\xa9\xff",
        "a b\t",
        "QUIT\r\n",
        "RSET\r\n",
        "MAIL FROM:<e@x.example>\r\n",
        "DATA\r\n",
        "\n.\n",
        "\n.\r",
        "\r.\n",
        "\r.\r",
        "\n.\r\n",
        "\r.\r\n",
        "\r\n.\n",
        "\r\n.\r",
        "\r\n.\r\r\n",
        "\r\r\n.\r\r\n",
        "\r\n\0.\r\n"s,
        "\r\n.\0\r\n"s,
        "\n",
        "\r",
        "\0"s,
        "x",
        "BDAT 5 LAST\r\n",
    };
    const unsigned choice = in.next(40);
    if (choice < std::size(kPieces)) return kPieces[choice];
    if (choice < 38) return in.raw(24);
    return std::string(choice == 38 ? 60 : 8190 + in.next(6), 'l');
}

inline std::string hostile_content(ByteSource& in) {
    std::string content;
    for (unsigned pieces = in.next(12); pieces > 0; --pieces) content += content_piece(in);
    return content;
}

// Of any octets, those that may be delivered: no bare CR, LF or NUL.
inline std::string cleaned(std::string_view octets) {
    std::string clean;
    for (std::size_t i = 0; i < octets.size(); ++i) {
        if (octets.substr(i, 2) == "\r\n") {
            clean += "\r\n";
            ++i;
        } else if (octets[i] != '\r' && octets[i] != '\n' && octets[i] != '\0') {
            clean += octets[i];
        }
    }
    return clean;
}

struct ReadContent {
    std::string octets;  // without stuffed dots
    protocol::MailFlaws flaws;
};

// The flaws of content whose dots are unstuffed.
inline ReadContent judged(std::string octets, std::size_t size_limit) {
    ReadContent read;
    const auto clean = cleaned(octets);
    for (std::size_t i = 0; i < octets.size(); ++i) {
        if (octets[i] == '\r' && octets.substr(i, 2) != "\r\n") read.flaws.bare_cr = true;
        if (octets[i] == '\n' && (i == 0 || octets[i - 1] != '\r')) read.flaws.bare_lf = true;
        if (octets[i] == '\0') read.flaws.nul = true;
    }
    for (std::size_t at = 0; at < octets.size();) {
        const auto end = std::min(octets.find("\r\n", at), octets.size());
        if (end - at > protocol::DataDecoder::kMaxLine) read.flaws.long_line = true;
        at = end + 2;
    }
    read.flaws.too_large = octets.size() > size_limit;
    read.octets = std::move(octets);
    return read;
}

// What stands between DATA's 354 and the end of `wire`, which is cut behind its true end: RFC 5321
// section 4.5.2, by searching. Nothing if there is no end.
inline std::optional<ReadContent> read_by_searching(std::string& wire, std::size_t size_limit) {
    const std::string framed = "\r\n" + wire;
    const auto end = framed.find("\r\n.\r\n");
    if (end == std::string::npos) return {};
    wire.resize(end + 3);
    std::string octets = framed.substr(0, end + 2);
    for (std::size_t at = 0; (at = octets.find("\r\n.", at)) != std::string::npos; at += 2)
        octets.erase(at + 2, 1);
    return judged(octets.substr(2), size_limit);
}

}  // namespace gatepost::tests
