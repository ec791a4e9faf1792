// The server's side of SMTP as a value: octets and judgements go in, actions come out (RFC 5321, 2920, 3207).
// It knows no socket, no clock and no policy. `next()` says what to do; when that is done, it is called
// again.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "protocol/address.h"
#include "protocol/bdat.h"
#include "protocol/command.h"
#include "protocol/mail_data.h"
#include "protocol/reply.h"

namespace gatepost::protocol {

struct DialogueSettings {
    std::string hostname;                         // ASCII; begins the greeting and the EHLO reply
    std::size_t message_size = 50 * 1024 * 1024;  // octets
    std::size_t recipients = 100;                 // of one message; more get 452
    std::size_t refused_recipients = 20;  // since the last delivered message; what follows is not asked
    std::size_t line_length = 8192;       // of the content, without CRLF
    std::size_t errors = 10;              // since the last delivered message; more end the session
    std::size_t commands = 1000;          // between two delivered messages; more end the session
    std::size_t transactions = 1000;      // MAIL commands of a session; more end it
    bool offers_tls = false;
    bool offers_8bitmime = true;
    bool offers_smtputf8 = true;  // only together with 8BITMIME (RFC 6531 section 3.1)
    bool offers_chunking = true;
    bool offers_binarymime = false;  // only together with 8BITMIME and CHUNKING (RFC 3030 section 3)
    bool offers_dsn = false;
    bool offers_requiretls = false;  // inside TLS only
    BareNewlines bare_newlines = BareNewlines::refused;
    // Close where a client sends on without the reply that it must wait for (RFC 2920 section 3.1). They are
    // counted all the same.
    bool refuses_unauthorized_pipelining = false;
};

// What is to be done. Views are valid until the next call of the Dialogue.
struct Send {
    std::string_view bytes;
};
// More input is wanted: read into input_buffer(), then received(). All replies have been sent before.
struct Receive {};
// The 220 was sent; do the handshake, then tls_begun(). What the client had sent in the clear behind STARTTLS
// would have closed the connection.
struct BeginTls {};

// Questions: each wants one answer() before next(). A 421 closes the session after it was sent.
struct JudgeHelo {
    std::string name;  // printable ASCII, at most 255 octets, else anything
    bool is_extended;  // EHLO
};                     // on 2xx the dialogue writes the reply itself
struct JudgeMail {
    Path reverse_path;
    MailParameters parameters;
};
struct JudgeRecipient {
    Recipient recipient;
};
// May the content come, by DATA or in chunks? 354 or a refusal; after a refused DATA the transaction stays
// open.
struct JudgeData {};
struct JudgeMessage {
    std::size_t size;
};  // the final dot or the last chunk has come and the content has no flaws

struct Content {
    std::string_view bytes;  // without framing; contiguous with the piece before
};
// The dialogue has itself refused the content, after its true end. What came as Content so far is void.
// `Forget` follows.
struct Refused {
    Reply reply;
    MailFlaws flaws;
    std::size_t size;
};
// The transaction that began with an accepted MAIL is over, whatever the reason; comes once for each.
struct Forget {};
// Everything was sent. `why` is for the log.
struct Close {
    std::string_view why;
};

using Action = std::variant<Send, Receive, BeginTls, JudgeHelo, JudgeMail, JudgeRecipient, JudgeData,
                            JudgeMessage, Content, Refused, Forget, Close>;

class Dialogue {
  public:
    explicit Dialogue(DialogueSettings settings);

    // The first one is the greeting, or Close. After Close it is always Close.
    Action next();
    void answer(const Reply& reply);

    // Where to read to, never empty after Receive; and how much has been read. What is read before the first
    // next() came before the greeting.
    std::span<char> input_buffer();
    void received(std::size_t octets);

    void tls_begun();
    void client_gone();
    void out_of_time();
    // 421 4.3.2 as soon as no transaction is running.
    void shut_down();
    // Before the first next(). Instead of the greeting: 421 and close, or 554, after which everything but
    // QUIT gets 503 (RFC 5321 section 3.1).
    void refuse_session(const Reply& reply);
    // From now on, for instance when the downstream server turns out to offer less.
    void use(DialogueSettings settings);

    const DialogueSettings& settings() const { return settings_; }
    bool in_transaction() const { return in_transaction_; }
    bool is_tls() const { return is_tls_; }
    bool is_extended() const { return is_extended_; }      // EHLO, not HELO
    const std::string& helo() const { return helo_; }      // empty before
    bool uses_smtputf8() const { return uses_smtputf8_; }  // in this transaction
    std::size_t recipients() const { return recipients_; }
    std::size_t errors() const { return errors_; }
    // Those whose reply may be delayed: not to EHLO, DATA, NOOP, QUIT and unknown commands (specs/smtp.md
    // M-12).
    std::size_t delayable_errors() const { return delayable_errors_; }
    // Recipients refused since the last delivered message. They are no errors: an honest list has dead
    // addresses.
    std::size_t refused_recipients() const { return refused_recipients_; }
    std::size_t commands() const { return commands_; }
    bool spoke_before_greeting() const { return spoke_before_greeting_; }
    // How often octets of the client were there although it had to wait for a reply or the greeting. It
    // depends on how they came over the network: proof if it is not 0, and none if it is.
    std::size_t unauthorized_pipelining() const { return unauthorized_pipelining_; }

  private:
    enum class State { greeting, commands, judging, content, chunk, beginning_tls, closing };
    enum class Question { helo, mail, recipient, data, first_chunk, message };
    struct Input {  // [begin, end) of the buffer is unread
        std::unique_ptr<char[]> bytes;
        std::size_t capacity = 0, begin = 0, end = 0;
        std::size_t scanned = 0;  // so many of the unread hold no LF
        bool was_filled = false;
        std::string_view unread() const { return {bytes.get() + begin, end - begin}; }
    };

    using Step = std::optional<Action>;  // nothing: go on with the next
    Step advance();
    Action flush_or(Action action);
    Action greet();
    Step read_command();
    Step read_content();
    Step end_content();
    Step refuse_content(const MailFlaws& flaws, std::size_t size);
    bool content_flows() const { return state_ == State::content || state_ == State::chunk; }
    ContentRules content_rules() const;
    bool note_pipelining(bool may_go_on);
    Step wait_for_line_end(std::string_view bytes);
    Step take_line(std::string_view line);
    void close(std::string_view why);
    void close_with(const FixedReply& reply, std::string_view why);
    void resize_input(std::size_t capacity);

    // In dialogue_commands.cpp.
    Step obey(const Command& command);
    Step obey_without_argument(const Command& command);
    Step hello(const Command& command);
    Extensions extensions() const;
    Step mail(std::string_view argument);
    Step rcpt(std::string_view argument);
    Step refuse_guesses();
    Step data();
    void starttls();
    Step say(const Reply& reply);
    Step ask(Question question, Action action);
    void answer_helo(const Reply& reply);
    void answer_mail(const Reply& reply);
    void answer_recipient(const Reply& reply);
    void answer_data(const Reply& reply);
    void answer_message(const Reply& reply);
    void say_hello();
    void forget();

    // In dialogue_chunks.cpp.
    Step bdat(std::string_view argument);
    std::optional<FixedReply> refusal_of_chunk() const;
    void answer_first_chunk(const Reply& reply);
    Step read_chunk();
    Step end_chunk();
    Step end_refused_chunk(const Reply& reply);

    DialogueSettings settings_;
    State state_ = State::greeting;
    Question question_ = Question::helo;
    Input input_;
    std::string output_;
    std::string sending_;

    std::string helo_, proposed_helo_;
    bool is_extended_ = false, proposed_extended_ = false;
    bool is_tls_ = false;
    bool is_refused_ = false;
    bool is_shutting_down_ = false;
    bool in_transaction_ = false;
    bool forget_is_due_ = false;
    bool uses_smtputf8_ = false;
    BodyKind body_ = BodyKind::seven_bit;
    bool spoke_before_greeting_ = false;
    std::size_t unauthorized_pipelining_ = 0;
    std::size_t recipients_ = 0;
    std::size_t errors_ = 0, commands_ = 0, mails_ = 0, delayable_errors_ = 0, refused_recipients_ = 0;
    Verb verb_ = Verb::unknown;  // of the command that is being answered
    std::size_t skipped_ = 0;    // octets of an overlong command line
    bool skips_bdat_ = false;    // which is one of BDAT
    DataDecoder decoder_{{}};
    ChunkDecoder chunks_{{}};
    Chunk chunk_;                         // the latest
    std::optional<Reply> chunk_refusal_;  // said when its octets have been dropped
    bool has_chunks_ = false;             // in this transaction
    bool last_chunk_failed_ = false;      // more may have been sent behind it in good faith
    std::optional<Reply> session_refusal_;
    std::string_view why_closed_;
};

}  // namespace gatepost::protocol
