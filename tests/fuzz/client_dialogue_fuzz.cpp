// Whatever a server says: each request ends, what is sent are our own commands, and a message counts as
// delivered only when its reply says so.
#include <cstdint>

#include "tests/protocol/client_session.h"

using namespace gatepost::protocol;

namespace {

// What is asked for beside plain SMTP.
struct Way {
    TlsWish wish;
    ClientProtocol protocol;
    enum { nobody, xclient, xforward } announced;
    bool in_one_chunk;
};

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

// The client is announced; false: that was refused, or has not come to its end.
bool announce(ClientSession& session, const Way& way, Script& script, std::string& outcome) {
    if (way.announced == Way::nobody) return true;
    if (way.announced == Way::xclient) {
        session.dialogue.xclient({"XCLIENT HELO=x", "XCLIENT ADDR=192.0.2.1"});
    } else {
        session.dialogue.xforward({"XFORWARD HELO=x", "XFORWARD ADDR=192.0.2.1"});
    }
    outcome += '\n' + run(session, script);
    const bool is_well = is_ok(outcome.substr(outcome.rfind('\n') + 1));
    if (way.announced == Way::xclient && is_well) {  // the session began anew, and no step was left out
        const auto hello = session.sent.rfind("LO mx.example\r\n");
        if (session.sent.find("ADDR=192.0.2.1\r\n") > hello) __builtin_trap();
    }
    return is_well;
}

// One reply a recipient with LMTP, one in all with SMTP; and what is done with is among them.
void check_outcomes(const ClientSession& session, const Way& way, std::size_t accepted,
                    std::string_view end) {
    const auto& outcomes = session.dialogue.outcomes();
    const std::size_t expected = way.protocol == ClientProtocol::lmtp ? accepted : 1;
    if (outcomes.size() > expected) __builtin_trap();
    if (!end.starts_with("done")) return;
    if (outcomes.size() != expected) __builtin_trap();
    for (const auto& outcome : outcomes) {
        if (!outcome.is_positive() && end.starts_with("done 2")) __builtin_trap();
    }
}

std::string converse(const Way& way, Script script) {
    ClientSession session({"mx.example", way.wish, way.protocol});
    session.dialogue.greet();
    std::string outcome = run(session, script);
    if (is_ok(outcome) && announce(session, way, script, outcome)) {
        if (way.wish == TlsWish::required && !session.dialogue.is_tls()) __builtin_trap();
        std::size_t accepted = 0;
        session.dialogue.begin("a@x", "");
        session.run("");
        for (const char* recipient : {"b@y", "c@y"}) {
            session.dialogue.recipient(recipient);
            const auto answer = run(session, script);
            accepted += answer.starts_with("done 2");
            outcome += '\n' + answer;
            if (outcome.ends_with("waiting")) return outcome;
        }
        if (way.in_one_chunk) {
            session.dialogue.last_chunk(10);
        } else {
            session.dialogue.data();
        }
        const auto data = run(session, script);
        if (data.starts_with("done 2")) __builtin_trap();
        outcome += '\n' + data;
        if (is_ok(data)) {
            session.dialogue.end_of_content();  // what came unasked before it is a failure, too
            const auto end = run(session, script);
            check_outcomes(session, way, accepted, end);
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
    const Way way{static_cast<TlsWish>(data[0] % 3), static_cast<ClientProtocol>(data[0] / 3 % 2),
                  static_cast<decltype(Way::announced)>(data[0] / 6 % 3), data[0] / 18 % 2 == 1};
    const std::string_view script(reinterpret_cast<const char*>(data) + 2, size - 2);
    const auto whole = converse(way, {script, 1u + data[1] % 64});
    const auto octets = converse(way, {script, 1});
    // Octets that come too early are a failure, and whether they come early depends on the split.
    if (whole.find("without a command") != std::string::npos ||
        whole.find("in the clear") != std::string::npos)
        return 0;
    if (octets.find("without a command") != std::string::npos) return 0;
    if (way.wish == TlsWish::never && whole != octets) __builtin_trap();
    return 0;
}
