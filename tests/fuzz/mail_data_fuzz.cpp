// Encoding and decoding are inverse, neither depends on how the octets are split, and the only end is
// CRLF.CRLF.
#include "protocol/mail_data.h"

#include <cstdint>
#include <string>

using namespace gatepost::protocol;

namespace {

struct Decoded {
    std::string content;
    std::size_t taken = 0;
    std::size_t size = 0;
    MailFlaws flaws;
    bool has_ended = false;
};

Decoded decoded(std::string_view wire, std::size_t portion) {
    DataDecoder decoder({2000});
    Decoded out;
    while (out.taken < wire.size() && !decoder.has_ended()) {
        const std::string chunk(wire.substr(out.taken, portion));
        std::string_view input = chunk;
        while (!input.empty() && !decoder.has_ended()) {
            const auto before = input.size();
            out.content += decoder.next(input);
            if (input.size() >= before) __builtin_trap();
        }
        out.taken += chunk.size() - input.size();
    }
    out.size = decoder.size();
    out.flaws = decoder.flaws();
    out.has_ended = decoder.has_ended();
    return out;
}

std::string stuffed(std::string_view content, std::size_t portion) {
    DotStuffer stuffer;
    std::string out;
    while (!content.empty()) {
        const std::string chunk(content.substr(0, portion));
        content.remove_prefix(chunk.size());
        for (std::string_view rest = chunk; !rest.empty();) out += stuffer.next(rest);
    }
    out += stuffer.end();
    return out;
}

bool is_clean(std::string_view content) {
    for (std::size_t i = 0; i < content.size(); ++i) {
        const bool lf_follows = i + 1 < content.size() && content[i + 1] == '\n';
        if (content[i] == '\0' || (content[i] == '\r' && !lf_follows)) return false;
        if (content[i] == '\n' && (i == 0 || content[i - 1] != '\r')) return false;
    }
    return true;
}

void check_decoding(std::string_view wire, std::size_t portion) {
    const auto whole = decoded(wire, wire.size());
    const auto split = decoded(wire, portion);
    if (whole.has_ended != split.has_ended || whole.taken != split.taken) __builtin_trap();
    if (whole.size != split.size) __builtin_trap();
    // The end is where a plain search finds it.
    const std::string framed = "\r\n" + std::string(wire);
    const auto end = framed.find("\r\n.\r\n");
    if (whole.has_ended != (end != std::string::npos)) __builtin_trap();
    if (!whole.has_ended) return;
    if (whole.taken != end + 3 || whole.flaws != split.flaws) __builtin_trap();
    if (whole.flaws.any()) return;
    if (whole.content != split.content || whole.content.size() != whole.size) __builtin_trap();
    if (!is_clean(whole.content)) __builtin_trap();
}

void check_encoding(std::string_view content, std::size_t portion) {
    const auto wire = stuffed(content, portion);
    if (wire != stuffed(content, content.size() + 1)) __builtin_trap();
    const auto back = decoded(wire, wire.size());
    if (!back.has_ended || back.taken != wire.size()) __builtin_trap();
    if (back.flaws.any()) return;
    const bool ends_with_line = content.empty() || content.ends_with("\r\n");
    if (back.content != std::string(content) + (ends_with_line ? "" : "\r\n")) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 1) return 0;
    const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
    const std::size_t portion = 1 + data[0] % 16;
    check_decoding(bytes, portion);
    if (is_clean(bytes)) check_encoding(bytes, portion);
    return 0;
}
