// Makes a session of a fuzzer's choices, with a model that knows commands but no octets: it foretells each
// reply and each question (RFC 5321, 2920, 3207).
#pragma once

#include <string>
#include <utility>

#include "tests/fuzz/hostile_content.h"
#include "tests/fuzz/session_script.h"

namespace gatepost::tests {

class ScriptWriter {
  public:
    explicit ScriptWriter(ByteSource& in) : in_(in) {}

    SessionScript write() {
        settle();
        greet();
        for (int steps = 0; steps < 60 && !in_.is_empty() && !is_closed_; ++steps) step();
        if (!script_.is_injected) end_burst();
        return std::move(script_);
    }

  private:
    // What one line asks for: its argument, what it is refused with by itself, what the judge is asked about.
    struct Row {
        std::string argument, refusal, about;
        bool needs_8bit = false, needs_utf8 = false, says_utf8 = false;
        std::size_t size = 0;
    };

    void settle() {
        auto& settings = script_.settings;
        settings.hostname = "mx.example";
        settings.message_size = 300;
        settings.recipients = 1 + in_.next(3);
        settings.errors = 2 + in_.next(6);
        settings.commands = 8 + in_.next(30);
        choose_extensions(settings);
        settings_ = settings;
    }
    void choose_extensions(protocol::DialogueSettings& settings) {
        settings.offers_tls = in_.next(2);
        settings.offers_8bitmime = !in_.now_and_then(4);
        settings.offers_smtputf8 = !in_.now_and_then(4);
    }

    void greet() {
        const unsigned kind = in_.next(16);
        if (kind == 14) script_.refusal = protocol::reply::kTooManySessions;
        if (kind == 15) script_.refusal = protocol::reply::kNoEntry;
        script_.replies.push_back(kind == 14 ? "421 4.3.2" : kind == 15 ? "554 5.7.1" : "220");
        is_closed_ = kind == 14;
        is_refused_ = kind == 15;
    }

    void step() {
        switch (in_.next(16)) {
            case 0:
            case 1: return hello();
            case 2:
            case 3: return mail();
            case 4:
            case 5:
            case 6: return recipient();
            case 7:
            case 8:
            case 9: return data();
            case 10: return starttls();
            case 11: return broken_line();
            case 12: return happen();
            default: return plain();
        }
    }

    // What is true of every command; whether it is still to be answered.
    bool command(const std::string& line) {
        burst_.octets += line + "\r\n";
        if (++commands_ > settings_.commands) return close_with("421 4.7.0"), false;
        if (line.size() + 2 > 65536) return close_with("500 5.5.2"), false;
        if (line.size() + 2 > 4096) return say("500 5.5.2"), false;
        return true;
    }
    bool refused() { return is_refused_ ? say("503 5.5.1"), true : false; }

    void say(const std::string& status) {
        if (status[0] == '5' && ++errors_ > settings_.errors) return close_with("421 4.7.0");
        script_.replies.push_back(status);
        if (status.starts_with("421")) close();
    }
    void close_with(const std::string& status) {
        script_.replies.push_back(status);
        close();
    }
    void close() {
        is_closed_ = true;
        forget();
    }
    void forget() {
        in_transaction_ = is_utf8_ = false;
        recipients_ = 0;
    }

    // Between two commands.
    void after_command() {
        if (is_shutting_down_ && !in_transaction_ && !is_closed_) close_with("421 4.3.2");
    }

    protocol::Reply any_answer(bool is_data) {
        using namespace protocol;
        static const Reply kUsual[] = {{451, "4.3.0", {"later"}},   {550, "5.1.1", {"no", "never"}},
                                       {421, "4.3.2", {"closing"}}, {250, "2.0.0", {"yes"}},
                                       {354, "", {"go on"}},        {101, "", {"what?"}}};
        const unsigned choice = in_.next(24);
        if (choice < std::size(kUsual)) return kUsual[choice];
        return is_data ? Reply(reply::kStartContent) : Reply{250, "2.1.0", {"ok"}};
    }

    // The judge's answer as the client must see it: none may set the client at odds with us.
    struct Asked {
        std::string status;
        bool is_yes;
    };
    Asked ask(const std::string& kind, const std::string& about) {
        auto answer = any_answer(kind == "data");
        const int yes = kind == "data" ? 3 : 2;
        std::string status = std::to_string(answer.code);
        if (!answer.enhanced.empty()) status += ' ' + answer.enhanced;
        const int kind_of_code = answer.code / 100;
        if (kind_of_code != yes && kind_of_code != 4 && kind_of_code != 5) status = "451 4.3.0";
        script_.questions.push_back({kind, about, std::move(answer)});
        return {status, kind_of_code == yes};
    }

    void hello() {
        static const Row kRows[] = {{"client.example", "", "client.example"},
                                    {"[192.0.2.1]", "", "[192.0.2.1]"},
                                    {" [IPv6:::1]\t", "", "[IPv6:::1]"},
                                    {"a) by evil (b", "", "a) by evil (b"},
                                    {"", "501", ""},
                                    {std::string(255, 'h'), "", std::string(255, 'h')},
                                    {std::string(256, 'h'), "501", ""},
                                    {"caf\xc3\xa9.example", "501", ""},
                                    {"a\tb", "501", ""}};
        const bool is_ehlo = !in_.now_and_then(4);
        const auto& row = in_.pick(kRows);
        const std::string verb = is_ehlo ? "EHLO" : "HELO";
        if (!command(verb + ' ' + row.argument) || refused()) return;
        if (!row.refusal.empty()) return say(row.refusal);
        const auto asked = ask("helo", verb + ' ' + row.about);
        if (!asked.is_yes) return say(asked.status.substr(0, 3));
        forget();
        has_helo_ = true;
        is_extended_ = is_ehlo;
        say("250");
        after_command();
    }

    void mail() {
        static const Row kRows[] = {
            {"FROM:<a@x.example>", "", "a@x.example"},
            {"from: <b@X.Example>", "", "b@x.example"},
            {"FROM:<>", "", ""},
            {.argument = "FROM:<a@x.example> SIZE=300", .about = "a@x.example", .size = 300},
            {.argument = "FROM:<a@x.example> SIZE=301", .about = "a@x.example", .size = 301},
            {.argument = "FROM:<a@x.example> BODY=8BITMIME size=1",
             .about = "a@x.example",
             .needs_8bit = true},
            {.argument = "FROM:<a@x.example> SMTPUTF8",
             .about = "a@x.example",
             .needs_utf8 = true,
             .says_utf8 = true},
            {.argument = "FROM:<\xc3\xa9@x.example> SMTPUTF8",
             .about = "\xc3\xa9@x.example",
             .needs_utf8 = true,
             .says_utf8 = true},
            {"FROM:<\xc3\xa9@x.example>", "550 5.6.7", ""},
            {"FROM:<@r.example:a@x.example>", "", "a@x.example"},
            {"FROM:<\"a b\"@x.example>", "", "\"a b\"@x.example"},
            {"FROM:<\"a\"@x.example>", "", "a@x.example"},
            {"FROM:<a@x.example> NEW=1", "555 5.5.4", ""},
            {"FROM:<a@x.example> SIZE=1 Size=1", "501 5.5.4", ""},
            {"FROM:<a@x.example> SIZE", "501 5.5.4", ""},
            {"FROM:<a@x.example>SIZE=1", "501 5.5.4", ""},
            {"FROM:<a@x.example", "501 5.1.7", ""},
            {"FROM:a@x.example", "501 5.1.7", ""},
            {"FROM:<a@x.example>\t", "", "a@x.example"},
            {"TO:<a@x.example>", "501 5.5.4", ""},
            {"", "501 5.5.4", ""},
        };
        const auto& row = in_.pick(kRows);
        if (!command("MAIL " + row.argument) || refused()) return;
        if (!has_helo_ || in_transaction_) return say("503 5.5.1");
        if (!row.refusal.empty()) return say(row.refusal);
        const bool offers_utf8 = settings_.offers_8bitmime && settings_.offers_smtputf8;
        if ((row.needs_8bit && !settings_.offers_8bitmime) || (row.needs_utf8 && !offers_utf8))
            return say("555 5.5.4");
        if (row.size > settings_.message_size) return say("552 5.3.4");
        const auto asked = ask("mail", row.about);
        in_transaction_ = asked.is_yes;
        is_utf8_ = asked.is_yes && row.says_utf8;
        say(asked.status);
    }

    void recipient() {
        static const Row kRows[] = {
            {"TO:<b@ours.example>", "", "b@ours.example"},
            {"to: <c@OURS.example>", "", "c@ours.example"},
            {"TO:<Postmaster>", "", "Postmaster"},
            {"TO:<@r.example:d@ours.example>", "", "d@ours.example"},
            {.argument = "TO:<\xc3\xa9@ours.example>", .about = "\xc3\xa9@ours.example", .needs_utf8 = true},
            {"TO:<>", "501 5.1.3", ""},
            {"TO:<b>", "501 5.1.3", ""},
            {"TO:<b@ours.example> NEW=1", "555 5.5.4", ""},
            {"FROM:<b@ours.example>", "501 5.5.4", ""},
        };
        const auto& row = in_.pick(kRows);
        if (!command("RCPT " + row.argument) || refused()) return;
        if (!in_transaction_) return say("503 5.5.1");
        if (!row.refusal.empty()) return say(row.refusal);
        if (row.needs_utf8 && !is_utf8_) return say("553 5.6.7");
        if (recipients_ >= settings_.recipients) return say("452 4.5.3");
        const auto asked = ask("recipient", row.about);
        if (asked.is_yes) ++recipients_;
        say(asked.status);
    }

    void data() {
        if (!command("DATA") || refused()) return;
        if (!in_transaction_) return say("503 5.5.1");
        if (recipients_ == 0) return say("554 5.5.1");
        const auto asked = ask("data", "");
        say(asked.status);
        if (!asked.is_yes || is_closed_) return;
        if (in_.now_and_then(4)) end_burst();
        content();
        after_command();
    }

    void content() {
        auto wire = hostile_content(in_);
        if (in_.now_and_then(8)) return unfinished_content(wire);
        wire += in_.next(2) ? "\r\n.\r\n" : "x\r\n.\r\n";
        const auto read = *read_by_searching(wire, settings_.message_size);
        burst_.octets += wire;
        if (!read.flaws.any()) return judge_message(read.octets);
        ++errors_;
        commands_ = 0;
        if (read.flaws.bare_cr || read.flaws.bare_lf) return close_with("550 5.5.2");
        if (read.flaws.nul) return close_with("550 5.6.0");
        script_.replies.push_back(read.flaws.too_large ? "552 5.3.4" : "550 5.6.0");
        forget();
    }
    void judge_message(const std::string& octets) {
        const auto asked = ask("message", octets);
        script_.replies.push_back(asked.status);
        commands_ = 0;
        if (asked.is_yes) errors_ = 0;
        forget();
        if (asked.status.starts_with("421")) close();
    }
    // The client goes, or says nothing more, within the content.
    void unfinished_content(std::string wire) {
        if (read_by_searching(wire, 0)) wire = "x";
        burst_.octets += wire;
        if (in_.next(2)) {
            script_.replies.push_back("421 4.4.2");
            return finish(Event::out_of_time);
        }
        finish(Event::client_gone);
    }

    void starttls() {
        if (!command("STARTTLS") || refused()) return;
        if (is_tls_) return say("503 5.5.1");
        if (!settings_.offers_tls) return say("454 4.7.0");
        if (!is_extended_) return say("503 5.5.1");
        script_.replies.push_back("220 2.0.0");
        if (in_.now_and_then(4)) {
            burst_.octets += "MAIL FROM:<e@x.example>\r\n";
            script_.is_injected = true;
            close();
            return end_burst();
        }
        forget();
        is_tls_ = true;
        has_helo_ = is_extended_ = false;
        after_command();
        end_burst();
    }

    void plain() {
        static const Row kRows[] = {
            {"NOOP", "250 2.0.0", ""},
            {"noop what ever", "250 2.0.0", ""},
            {"HELP", "214 2.0.0", ""},
            {"VRFY a", "252 2.0.0", ""},
            {"VRFY", "501 5.5.4", ""},
            {"DATA now", "501 5.5.4", ""},
            {"RSET x", "501 5.5.4", ""},
            {"QUIT now", "501 5.5.4", ""},
            {"EXPN list", "502 5.5.1", ""},
            {"AUTH PLAIN", "502 5.5.1", ""},
            {"LHLO x", "502 5.5.1", ""},
            {"XCLIENT ADDR=::1", "502 5.5.1", ""},
            {"", "500 5.5.1", ""},
            {" NOOP", "500 5.5.1", ""},
            {"MAILFROM:<a@b>", "500 5.5.1", ""},
            {std::string("NOOP\0x", 6), "500 5.5.1", ""},
            {std::string(4094, 'l'), "500 5.5.1", ""},
            {std::string(4095, 'l'), "500 5.5.2", ""},
            {std::string(9000, 'l'), "500 5.5.2", ""},
            {std::string(65535, 'l'), "500 5.5.2", ""},
        };
        const unsigned choice = in_.next(std::size(kRows) + 8);
        if (choice < std::size(kRows)) {
            const auto& row = kRows[choice];
            if (!command(row.argument)) return;
            if (row.argument.starts_with("QUIT") || !refused()) say(row.refusal);
        } else if (choice < std::size(kRows) + 5) {
            if (!command("RSET") || refused()) return;
            forget();
            say("250 2.0.0");
            after_command();
        } else if (choice == std::size(kRows) + 5) {
            if (command("QUIT")) close_with("221 2.0.0");
        } else {
            if (command("GET / HTTP/1.1") && !refused()) close_with("421 4.7.0");
        }
    }

    // A line end that another server may see elsewhere closes the session (specs/smtp.md M-20).
    void broken_line() {
        static constexpr const char* kLines[] = {"NOOP\n", "NO\rOP\r\n",     "NOOP\r\r\n",
                                                 "\n",     "RSET\nNOOP\r\n", "\rMAIL FROM:<>\r\n"};
        burst_.octets += in_.pick(kLines);
        close_with("500 5.5.2");
    }

    void happen() {
        end_burst();
        burst_.event = static_cast<Event>(1 + in_.next(4));
        switch (burst_.event) {
            case Event::out_of_time:
                script_.replies.push_back("421 4.4.2");
                return finish(Event::out_of_time);
            case Event::client_gone: return finish(Event::client_gone);
            case Event::shut_down:
                is_shutting_down_ = true;
                after_command();
                break;
            default: choose_extensions(settings_); burst_.settings = settings_;
        }
        end_burst(burst_.event);
    }
    void finish(Event event) {
        close();
        end_burst(event);
    }

    void end_burst(Event event = Event::none) {
        burst_.event = event;
        burst_.replies = script_.replies.size();
        burst_.is_closed = is_closed_;
        burst_.is_tls = is_tls_;
        burst_.in_transaction = in_transaction_;
        burst_.recipients = recipients_;
        script_.bursts.push_back(std::exchange(burst_, {}));
    }

    ByteSource& in_;
    SessionScript script_;
    protocol::DialogueSettings settings_;  // as they are now
    Burst burst_;
    bool is_closed_ = false, is_refused_ = false, is_shutting_down_ = false;
    bool has_helo_ = false, is_extended_ = false, is_tls_ = false, in_transaction_ = false, is_utf8_ = false;
    std::size_t recipients_ = 0, errors_ = 0, commands_ = 0;
};

}  // namespace gatepost::tests
