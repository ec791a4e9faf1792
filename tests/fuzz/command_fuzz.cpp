// Whatever the line: one verb, and for MAIL and RCPT a path or a refusal of class 5.
#include "protocol/command.h"

#include <cstdint>

#include "protocol/ascii.h"

using namespace gatepost::protocol;

namespace {

// What goes on to another server word for word may not become a further parameter or command there.
void check_word(std::string_view word) {
    for (const char c : word) {
        if (is_control(c) || c == ' ' || c == '=') __builtin_trap();
    }
}

void check_mail(const MailCommand& mail, bool offered) {
    const auto& given = mail.parameters;
    if (mail.reverse_path.has_utf8 && !given.smtputf8) __builtin_trap();
    const bool has_extension = given.smtputf8 || given.require_tls || given.body != BodyKind::seven_bit ||
                               !given.ret.empty() || !given.envid.empty();
    if (!offered && has_extension) __builtin_trap();
    if (given.ret.size() > 4 || given.envid.size() > 100) __builtin_trap();
    check_word(given.ret);
    check_word(given.envid);
}

void check_recipient(const Recipient& recipient, bool offered) {
    if (recipient.path.is_null) __builtin_trap();
    if (!offered && (!recipient.notify.empty() || !recipient.orcpt.empty())) __builtin_trap();
    if (recipient.notify.size() > 21 || recipient.orcpt.size() > 500) __builtin_trap();
    check_word(recipient.notify);
    check_word(recipient.orcpt);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view line(reinterpret_cast<const char*>(data), size);
    const Command command = parse_command(line);
    if (command.argument.size() > line.size()) __builtin_trap();
    for (const bool offered : {true, false}) {
        const Extensions extensions{offered, offered, offered, offered, offered, offered};
        const auto mail = parse_mail(command.argument, extensions);
        if (auto* refusal = std::get_if<FixedReply>(&mail)) {
            if (refusal->code / 100 != 5) __builtin_trap();
        } else {
            check_mail(std::get<MailCommand>(mail), offered);
        }
        const auto rcpt = parse_rcpt(command.argument, extensions);
        if (auto* refusal = std::get_if<FixedReply>(&rcpt)) {
            if (refusal->code / 100 != 5) __builtin_trap();
        } else {
            check_recipient(std::get<Recipient>(rcpt), offered);
        }
    }
    return 0;
}
