// Whatever the line: one verb, and for MAIL and RCPT a path or a refusal of class 5.
#include "protocol/command.h"

#include <cstdint>

using namespace gatepost::protocol;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view line(reinterpret_cast<const char*>(data), size);
    const Command command = parse_command(line);
    if (command.argument.size() > line.size()) __builtin_trap();
    for (const bool offered : {true, false}) {
        const auto mail = parse_mail(command.argument, {offered, offered});
        if (auto* refusal = std::get_if<FixedReply>(&mail)) {
            if (refusal->code / 100 != 5) __builtin_trap();
        } else {
            const auto& parsed = std::get<MailCommand>(mail);
            const auto& given = parsed.parameters;
            if (parsed.reverse_path.has_utf8 && !given.smtputf8) __builtin_trap();
            if (!offered && (given.smtputf8 || given.body != BodyKind::seven_bit)) __builtin_trap();
        }
        const auto rcpt = parse_rcpt(command.argument, offered);
        if (auto* refusal = std::get_if<FixedReply>(&rcpt)) {
            if (refusal->code / 100 != 5) __builtin_trap();
        } else if (std::get<Recipient>(rcpt).path.is_null) {
            __builtin_trap();
        }
    }
    return 0;
}
