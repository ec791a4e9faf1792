// Plays the gateway for a Dialogue: feeds it octets in portions of any size, answers its questions, and
// writes down what it said and did. For tests and fuzz targets.
#pragma once

#include <algorithm>
#include <cstring>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/ascii.h"
#include "protocol/dialogue.h"

namespace gatepost::protocol {

struct Question {
    std::string_view kind;  // helo, mail, recipient, data, message
    std::string about;
};
using Judge = std::function<Reply(const Question&)>;

inline Reply say_yes(const Question& question) {
    return question.kind == "data" ? reply::kStartContent : reply::kOk;
}

class DialogueSession {
  public:
    explicit DialogueSession(DialogueSettings settings, Judge judge = say_yes)
        : dialogue(std::move(settings)), judge_(std::move(judge)) {}

    // Until all of `input` is read and the dialogue wants more, or has closed.
    void feed(std::string_view input, std::size_t portion = std::string_view::npos) {
        feed_by(input, [portion] { return portion; });
    }

    template <class NextPortion>
    void feed_by(std::string_view input, NextPortion next_portion) {
        while (!is_closed) {
            const Action action = dialogue.next();
            if (std::holds_alternative<Receive>(action)) {
                if (input.empty()) return;
                const auto buffer = dialogue.input_buffer();
                const auto size =
                    std::min({std::max<std::size_t>(next_portion(), 1), buffer.size(), input.size()});
                if (size == 0) throw std::logic_error("no room for input");
                std::memcpy(buffer.data(), input.data(), size);
                dialogue.received(size);
                input.remove_prefix(size);
            } else if (std::holds_alternative<BeginTls>(action)) {
                begin_tls(!input.empty());
            } else {
                std::visit([this](const auto& what) { this->take(what); }, action);
            }
        }
    }

    // The output as lines; `output` is emptied.
    std::vector<std::string> taken_lines() {
        std::vector<std::string> lines;
        for (std::size_t at = 0, end; (end = output.find("\r\n", at)) != std::string::npos; at = end + 2) {
            lines.push_back(output.substr(at, end - at));
        }
        output.clear();
        return lines;
    }

    Dialogue dialogue;
    std::string output;
    std::vector<std::string> events;
    std::vector<std::string> messages;  // content that could have been delivered
    std::vector<BodyKind> bodies;       // of these
    std::size_t judgements = 0;
    std::size_t largest_send = 0;
    bool is_closed = false;
    std::string why_closed;

  private:
    void begin_tls(bool clear_text_follows) {
        events.push_back(clear_text_follows ? "tls fails" : "tls");
        if (clear_text_follows) {
            dialogue.client_gone();
        } else {
            dialogue.tls_begun();
        }
    }
    void take(const Send& send) {
        output += send.bytes;
        largest_send = std::max(largest_send, send.bytes.size());
    }
    void take(const Content& content) { content_ += content.bytes; }
    void take(const JudgeHelo& helo) { ask({"helo", (helo.is_extended ? "EHLO " : "HELO ") + helo.name}); }
    void take(const JudgeMail& mail) {
        content_.clear();
        body_ = mail.parameters.body;
        ask({"mail", mail.reverse_path.text()});
    }
    void take(const JudgeRecipient& recipient) { ask({"recipient", recipient.recipient.path.text()}); }
    void take(const JudgeData&) {
        content_.clear();
        ask({"data", ""});
    }
    void take(const JudgeMessage& message) {
        if (message.size != content_.size())
            throw std::logic_error("size of the message is not that of its content");
        messages.push_back(content_);
        bodies.push_back(body_);
        ask({"message", content_});
    }
    void take(const Refused& refused) { events.push_back("refused " + refused.reply.text()); }
    void take(const Forget&) { events.push_back("forget"); }
    void take(const Close& close) {
        is_closed = true;
        why_closed = close.why;
        events.push_back("close");
    }
    void take(const Receive&) {}
    void take(const BeginTls&) {}

    void ask(const Question& question) {
        ++judgements;
        events.push_back(std::string(question.kind) + ' ' + escaped(question.about, 4096));
        dialogue.answer(judge_(question));
    }

    Judge judge_;
    std::string content_;
    BodyKind body_ = BodyKind::seven_bit;
};

}  // namespace gatepost::protocol
