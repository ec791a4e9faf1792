// Whole sessions: the dialogue says and asks what a model of commands expects, whatever stands in them and
// however their octets come; content arrives as plain searching reads it; each transaction is forgotten once;
// nothing comes behind the end.
#include <cstdint>
#include <cstdio>

#include "tests/fuzz/script_writer.h"
#include "tests/protocol/dialogue_session.h"

using namespace gatepost;
using namespace gatepost::protocol;

namespace {

// Shows the script beside what came of it, and ends the run.
[[noreturn]] void fail(const tests::SessionScript& script, const DialogueSession& session, const char* what) {
    std::fprintf(stderr, "%s\n", what);
    for (const auto& burst : script.bursts)
        std::fprintf(stderr, "C: %s\n   event %d, replies %zu, closed %d\n",
                     escaped(burst.octets, 2000).c_str(), static_cast<int>(burst.event), burst.replies,
                     burst.is_closed);
    for (const auto& reply : script.replies) std::fprintf(stderr, "expected %s\n", reply.c_str());
    for (const auto& each : script.questions)
        std::fprintf(stderr, "expected %s %s -> %s\n", each.kind.c_str(), escaped(each.about, 500).c_str(),
                     each.answer.text().c_str());
    std::fprintf(stderr, "S: %s\n", session.output.c_str());
    for (const auto& event : session.events) std::fprintf(stderr, "event %s\n", event.c_str());
    __builtin_trap();
}

// The last line of each reply. Every line is bounded and printable.
std::optional<std::vector<std::string>> last_lines(const std::string& output) {
    std::vector<std::string> lines;
    for (std::size_t at = 0; at < output.size();) {
        const auto end = output.find("\r\n", at);
        if (end == std::string::npos || end - at < 4 || end - at > 510) return {};
        auto line = output.substr(at, end - at);
        if (std::any_of(line.begin(), line.end(), [](char c) { return !is_ascii(c) || is_control(c); }))
            return {};
        if (line[3] != ' ' && line[3] != '-') return {};
        if (line[3] == ' ') lines.push_back(std::move(line));
        at = end + 2;
    }
    return lines;
}

class Play {
  public:
    explicit Play(const tests::SessionScript& script)
        : script_(script),
          session_(script.settings, [this](const Question& question) { return answer(question); }) {
        if (script.refusal) session_.dialogue.refuse_session(*script.refusal);
    }

    template <class NextPortion>
    const std::vector<std::string>& run(NextPortion next_portion) {
        for (const auto& burst : script_.bursts) {
            session_.feed_by(burst.octets, next_portion);
            happen(burst);
            if (!script_.is_injected || &burst != &script_.bursts.back()) check_state(burst);
        }
        check_replies();
        check_transactions();
        check_end();
        return session_.events;
    }
    void require(bool holds, const char* what) const {
        if (!holds) fail(script_, session_, what);
    }

  private:
    Reply answer(const Question& question) {
        require(asked_ < script_.questions.size(), "one question too many");
        const auto& expected = script_.questions[asked_++];
        require(expected.kind == question.kind && expected.about == question.about, "another question");
        return expected.answer;
    }

    void happen(const tests::Burst& burst) {
        switch (burst.event) {
            case tests::Event::none: return;
            case tests::Event::client_gone: session_.dialogue.client_gone(); break;
            case tests::Event::out_of_time: session_.dialogue.out_of_time(); break;
            case tests::Event::shut_down: session_.dialogue.shut_down(); break;
            case tests::Event::new_settings: session_.dialogue.use(burst.settings); break;
        }
        session_.feed({});
    }

    void check_state(const tests::Burst& burst) const {
        const auto& dialogue = session_.dialogue;
        const auto lines = last_lines(session_.output);
        require(lines.has_value(), "malformed output");
        require(lines->size() == burst.replies, "number of replies");
        require(session_.is_closed == burst.is_closed, "closed or not");
        require(dialogue.in_transaction() == burst.in_transaction, "in a transaction or not");
        require(dialogue.recipients() == burst.recipients, "number of recipients");
        require(burst.is_closed || dialogue.is_tls() == burst.is_tls, "TLS or not");
    }

    void check_replies() const {
        const auto lines = last_lines(session_.output);
        require(lines.has_value(), "malformed output");
        const bool is_all = lines->size() == script_.replies.size();
        require(is_all || (script_.is_injected && lines->size() < script_.replies.size()),
                "number of replies");
        for (std::size_t i = 0; i < lines->size(); ++i)
            require((*lines)[i].starts_with(script_.replies[i] + ' '), "another reply");
        require(asked_ == script_.questions.size(), "a question is missing");
    }

    // Between a MAIL that was accepted and the next there is exactly one forget.
    void check_transactions() const {
        bool is_open = false;
        std::size_t asked = 0;
        for (const auto& event : session_.events) {
            if (event == "forget") {
                require(is_open, "forgotten twice");
                is_open = false;
            } else if (event != "close" && !event.starts_with("tls") && !event.starts_with("refused ")) {
                const auto& question = script_.questions[asked++];
                if (question.kind != "helo") require(is_open == (question.kind != "mail"), "not forgotten");
                if (question.kind == "mail") is_open = question.answer.is_positive();
            }
        }
        require(is_open == session_.dialogue.in_transaction(), "not forgotten at the end");
    }

    void check_end() {
        if (!session_.is_closed) return;
        const auto size = session_.output.size();
        session_.is_closed = false;
        session_.feed("NOOP\r\n");
        require(session_.is_closed && session_.output.size() == size, "something after the end");
    }

    const tests::SessionScript& script_;
    DialogueSession session_;
    std::size_t asked_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    tests::ByteSource in(data + 2, size - 2);
    const auto script = tests::ScriptWriter(in).write();
    std::uint32_t random = data[0] + 1;
    Play whole(script), split(script);
    const auto& events = whole.run([] { return std::string_view::npos; });
    const auto& same = split.run([&] {
        random = random * 1664525 + 1013904223;
        return std::size_t{1} + (random >> 24) % (data[1] % 64 + 1);
    });
    split.require(script.is_injected || events == same, "another course when split");
    return 0;
}
