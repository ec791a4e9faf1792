// The client's side against the server's side: both never wait for each other, each answer of the judge
// reaches the client as it was given, and a message arrives octet by octet or not at all, through DATA and
// through BDAT.
#include <cstdint>
#include <cstdio>

#include "protocol/client_dialogue.h"
#include "tests/fuzz/hostile_content.h"
#include "tests/protocol/dialogue_session.h"

using namespace gatepost;
using namespace gatepost::protocol;

namespace {

void require(bool holds, int line = __builtin_LINE()) {
    if (holds) return;
    std::fprintf(stderr, "line %d does not hold\n", line);
    __builtin_trap();
}

class Connection {
  public:
    explicit Connection(tests::ByteSource& in)
        : in_(in),
          server_(settings(in), [this](const Question& question) { return answer(question); }),
          client_({"mx.example", TlsWish::if_offered}) {}

    // Greeting and a few messages.
    void converse() {
        client_.greet();
        if (!is_done(run(), 250)) return;
        for (int messages = 0; messages < 4 && client_.is_usable() && !in_.is_empty(); ++messages) {
            if (!deliver() || !client_.is_usable()) return;
            client_.reset();
            require(!client_.is_usable() || is_done(run(), 250));
        }
        if (!client_.is_usable()) return;
        client_.quit();
        require(is_done(run(), 221) && server_.is_closed);
    }

  private:
    static DialogueSettings settings(tests::ByteSource& in) {
        DialogueSettings settings{"mx.example"};
        settings.message_size = 30000;
        settings.offers_tls = in.next(2);
        settings.offers_chunking = in.next(2);
        settings.offers_8bitmime = in.next(2);
        return settings;
    }

    Reply answer(const Question& question) {
        static const Reply kAnswers[] = {
            {451, "4.3.0", {"later", "or never"}}, {550, "5.1.1", {"no"}}, {421, "4.3.2", {"closing"}}};
        const unsigned choice = in_.next(16);
        last_answer_ = choice < std::size(kAnswers) ? kAnswers[choice] : say_yes(question);
        ++answers_;
        return last_answer_;
    }

    // Until the request is done or failed.
    ClientAction run() {
        for (;;) {
            auto action = client_.next();
            if (auto* send = std::get_if<ClientSend>(&action)) {
                write(send->bytes);
            } else if (std::holds_alternative<ClientBeginTls>(action)) {
                require(server_.dialogue.is_tls());
                client_.tls_begun();
            } else if (std::holds_alternative<ClientReceive>(action)) {
                read();
            } else {
                return action;
            }
        }
    }
    void write(std::string_view octets) {
        if (!server_.is_closed) server_.feed(octets, 1 + in_.next(40));
    }
    void read() {
        server_.feed({});  // the greeting
        if (read_ == server_.output.size()) {
            require(server_.is_closed);  // else each waits for the other
            return client_.connection_lost();
        }
        const auto buffer = client_.input_buffer();
        const auto size =
            std::min({std::size_t{1} + in_.next(64), buffer.size(), server_.output.size() - read_});
        std::memcpy(buffer.data(), server_.output.data() + read_, size);
        client_.received(size);
        read_ += size;
    }

    static bool is_done(const ClientAction& action, int code) {
        const auto* done = std::get_if<ClientDone>(&action);
        return done && done->reply.code == code;
    }
    // What the client is told is what the judge said last, if it was asked.
    const ClientDone* told(const ClientAction& action, std::size_t asked_before) const {
        const auto* done = std::get_if<ClientDone>(&action);
        if (done && answers_ > asked_before) require(done->reply == last_answer_);
        return done;
    }

    // A whole transaction; false: the connection is of no more use.
    bool deliver() {
        client_.begin("a@x.example", "");
        require(is_done(run(), 250));
        bool has_recipient = false;
        for (unsigned recipients = 1 + in_.next(3); recipients > 0; --recipients) {
            const auto asked = answers_;
            client_.recipient("b@ours.example");
            const auto action = run();
            const auto* done = told(action, asked);
            if (!done) return false;
            has_recipient |= done->reply.is_positive();
        }
        auto content = tests::hostile_content(in_);
        if (in_.next(4)) content = tests::cleaned(content);
        if (!client_.is_usable()) return false;
        return in_.next(2) && client_.capabilities().chunking && has_recipient
                   ? deliver_chunk(content)
                   : deliver_data(content, has_recipient);
    }

    bool deliver_data(std::string content, bool has_recipient) {
        const auto asked = answers_;
        client_.data();
        const auto action = run();
        const auto* done = told(action, asked);
        if (!done || done->reply.code != 354)
            return done && !has_recipient ? done->reply.code == 554 : done != nullptr;
        DotStuffer stuffer;
        std::string_view rest = content;
        while (!rest.empty()) {
            auto piece = rest.substr(0, 1 + in_.next(100));
            rest.remove_prefix(piece.size());
            while (!piece.empty()) write(stuffer.next(piece));
        }
        const bool is_clean = content == tests::cleaned(content);
        const auto before = server_.messages.size();
        const auto end = stuffer.end();
        if (!is_clean) {
            require(end.empty() && server_.messages.size() == before);
            return false;
        }
        client_.end_of_content();
        write(end);
        if (!content.empty() && !content.ends_with("\r\n")) content += "\r\n";
        return check_arrival(content, before);
    }

    bool deliver_chunk(const std::string& content) {
        if (content.size() > 30000) return false;
        client_.last_chunk(content.size());
        if (!is_done(run(), 354)) return false;
        const auto before = server_.messages.size();
        client_.end_of_content();
        write(content);
        return check_arrival(content, before);
    }

    // The message is there exactly if the judge was asked about it, and the client knows what became of it.
    bool check_arrival(const std::string& content, std::size_t before) {
        const auto action = run();
        const auto flaws = tests::judged(content, {.size_limit = 30000, .line_limit = 8192}).flaws;
        const bool has_arrived = server_.messages.size() > before;
        const auto* done = std::get_if<ClientDone>(&action);
        require(done != nullptr || server_.is_closed);
        require(server_.messages.size() <= before + 1);
        if (has_arrived) {
            require(!flaws.any() && server_.messages.back() == content);
            if (done) require(done->reply == last_answer_);
        } else if (done) {
            require(!done->reply.is_positive());
        }
        return done != nullptr;
    }

    tests::ByteSource& in_;
    Reply last_answer_;
    std::size_t answers_ = 0, read_ = 0;
    DialogueSession server_;
    ClientDialogue client_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    tests::ByteSource in(data, size);
    Connection(in).converse();
    return 0;
}
