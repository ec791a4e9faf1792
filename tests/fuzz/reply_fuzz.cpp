// A reply reads the same in any portions, and what is written of it can be read again.
#include "protocol/reply.h"

#include <algorithm>
#include <cstdint>

#include "protocol/ascii.h"

using namespace gatepost::protocol;

namespace {

struct Read {
    ReplyParser::State state;
    Reply reply;
    std::size_t taken;
};

Read read(std::string_view bytes, std::size_t portion) {
    ReplyParser parser;
    auto state = ReplyParser::State::incomplete;
    std::size_t taken = 0;
    while (taken < bytes.size() && state == ReplyParser::State::incomplete) {
        const std::string chunk(bytes.substr(taken, portion));
        std::string_view input = chunk;
        state = parser.read(input);
        taken += chunk.size() - input.size();
    }
    return {state, state == ReplyParser::State::complete ? parser.take() : Reply{}, taken};
}

void check_lines(std::string_view text) {
    while (!text.empty()) {
        const auto end = text.find("\r\n");
        if (end == std::string_view::npos || end + 2 > 512) __builtin_trap();
        const auto line = text.substr(0, end);
        if (std::any_of(line.begin(), line.end(), [](char c) { return is_control(c) || !is_ascii(c); }))
            __builtin_trap();
        text.remove_prefix(end + 2);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 1) return 0;
    const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
    const auto whole = read(bytes, bytes.size());
    const auto split = read(bytes, 1 + data[0] % 16);
    if (whole.state != split.state || whole.reply != split.reply) __builtin_trap();
    if (whole.state != ReplyParser::State::complete) return 0;
    if (whole.taken != split.taken || whole.reply.lines.empty()) __builtin_trap();
    const auto text = wire(whole.reply);
    check_lines(text);
    const auto again = read(text, text.size());
    if (whole.reply.lines.size() > 100) return 0;  // may have become too many by splitting
    if (again.state != ReplyParser::State::complete || again.taken != text.size()) __builtin_trap();
    if (again.reply.code != whole.reply.code) __builtin_trap();
    return 0;
}
