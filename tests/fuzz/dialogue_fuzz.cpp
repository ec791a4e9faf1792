// A session says and does the same however its octets are split; it delivers nothing that is not clean; it
// gives at most one reply a line; it forgets each transaction once.
#include <cstdint>

#include "tests/protocol/dialogue_session.h"

using namespace gatepost::protocol;

namespace {

DialogueSettings settings(std::uint8_t choice) {
    DialogueSettings settings{"mx.example"};
    settings.message_size = 200;
    settings.recipients = 2;
    settings.errors = 5;
    settings.commands = 20;
    settings.offers_tls = choice & 1;
    settings.requires_tls = (choice & 65) == 65;
    settings.offers_8bitmime = choice & 2;
    settings.offers_smtputf8 = choice & 4;
    return settings;
}

Reply judge(const Question& question) {
    if (question.about.ends_with("t.example")) return {451, "4.3.0", {"not now"}};
    if (question.about.ends_with("f.example")) return {550, "5.1.1", {"no"}};
    if (question.about.ends_with("c.example")) return {421, "4.3.2", {"closing"}};
    return say_yes(question);
}

void check_messages(const DialogueSession& session) {
    for (const auto& message : session.messages) {
        if (message.size() > 200) __builtin_trap();
        for (std::size_t i = 0; i < message.size(); ++i) {
            const bool lf_follows = i + 1 < message.size() && message[i + 1] == '\n';
            if (message[i] == '\0' || (message[i] == '\r') != lf_follows) __builtin_trap();
        }
        if (message.starts_with('\n')) __builtin_trap();
    }
}

void check_output(const DialogueSession& session, std::string_view input) {
    std::size_t replies = 0, transactions = 0, forgotten = 0;
    for (std::size_t at = 0; at < session.output.size();) {
        const auto end = session.output.find("\r\n", at);
        if (end == std::string::npos || end - at > 510 || end - at < 3) __builtin_trap();
        const std::string_view line(session.output.data() + at, end - at);
        if (std::any_of(line.begin(), line.end(), [](char c) { return is_control(c) || !is_ascii(c); }))
            __builtin_trap();
        if (line.size() == 3 || line[3] == ' ') ++replies;
        at = end + 2;
    }
    const auto lines = static_cast<std::size_t>(std::count(input.begin(), input.end(), '\n'));
    if (replies > lines + 2) __builtin_trap();  // the greeting, and a 421 or 500 that ends the session
    for (const auto& event : session.events) {
        if (event == "forget") ++forgotten;
        if (event.starts_with("mail ") && judge({"mail", event.substr(5)}).is_positive()) ++transactions;
    }
    if (forgotten > transactions || transactions - forgotten != (session.dialogue.in_transaction() ? 1 : 0))
        __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    const auto choice = data[0];
    std::uint32_t random = data[1] + 1;
    const std::string_view input(reinterpret_cast<const char*>(data) + 2, size - 2);
    DialogueSession whole(settings(choice), judge), split(settings(choice), judge);
    whole.feed(input);
    split.feed_by(input, [&] {
        random = random * 1664525 + 1013904223;
        return std::size_t{1} + (random >> 24) % (data[1] % 64 + 1);
    });
    for (const auto* session : {&whole, &split}) {
        check_messages(*session);
        check_output(*session, input);
    }
    if (choice & 1) return 0;  // whether octets stand behind STARTTLS in the clear depends on the split
    if (whole.output != split.output || whole.events != split.events) __builtin_trap();
    if (whole.messages != split.messages || whole.is_closed != split.is_closed) __builtin_trap();
    return 0;
}
