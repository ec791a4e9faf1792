// Whatever a server says: each request ends, what is sent are our own commands, and a message counts as
// delivered only when its reply says so.
#include <cstdint>

#include "tests/protocol/client_session.h"

using namespace gatepost::protocol;

namespace {

struct Script {
    std::string_view octets;
    std::size_t portion;
};

// The part of the script up to the next "|" answers this request.
std::string run(ClientSession& session, Script& script) {
    const auto end = std::min(script.octets.find('|'), script.octets.size());
    const auto part = script.octets.substr(0, end);
    script.octets.remove_prefix(std::min(end + 1, script.octets.size()));
    return session.run(part, script.portion);
}

bool is_ok(std::string_view outcome) {
    return outcome.starts_with("done 2") || outcome.starts_with("done 354");
}

std::string converse(TlsWish wish, Script script) {
    ClientSession session({"mx.example", wish});
    session.dialogue.greet();
    std::string outcome = run(session, script);
    if (is_ok(outcome)) {
        if (wish == TlsWish::required && !session.dialogue.is_tls()) __builtin_trap();
        session.dialogue.begin("a@x", "");
        session.run("");
        for (const char* recipient : {"b@y", "c@y"}) {
            session.dialogue.recipient(recipient);
            outcome += '\n' + run(session, script);
            if (outcome.ends_with("waiting")) return outcome;
        }
        session.dialogue.data();
        const auto data = run(session, script);
        if (data.starts_with("done 2")) __builtin_trap();
        outcome += '\n' + data;
        if (is_ok(data)) {
            session.dialogue.end_of_content();  // what came unasked before it is a failure, too
            const auto end = run(session, script);
            if (end.starts_with("done 3") || end.starts_with("done 1")) __builtin_trap();
            if (end.starts_with("failed")) __builtin_trap();
            outcome += '\n' + end;
        }
    }
    const bool may_go_on = session.dialogue.is_usable();
    session.dialogue.connection_lost();
    const auto lost = session.run("");
    if (lost.starts_with("done") || session.dialogue.is_usable()) __builtin_trap();
    return outcome + (may_go_on ? "\nusable\n" : "\nover\n") + session.sent;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    const auto wish = static_cast<TlsWish>(data[0] % 3);
    const std::string_view script(reinterpret_cast<const char*>(data) + 2, size - 2);
    const auto whole = converse(wish, {script, 1u + data[1] % 64});
    const auto octets = converse(wish, {script, 1});
    // Octets that come too early are a failure, and whether they come early depends on the split.
    if (whole.find("without a command") != std::string::npos ||
        whole.find("in the clear") != std::string::npos)
        return 0;
    if (octets.find("without a command") != std::string::npos) return 0;
    if (wish == TlsWish::never && whole != octets) __builtin_trap();
    return 0;
}
