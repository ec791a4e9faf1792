// The client's side of SMTP and LMTP as a value, for the relay: a request is made, `next()` says what to do
// until it is done or failed (RFC 5321, 2920, 3030, 3207, 2033).
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "protocol/capabilities.h"
#include "protocol/reply.h"

namespace gatepost::protocol {

enum class TlsWish { never, if_offered, required };
enum class ClientProtocol { smtp, lmtp };

struct ClientSettings {
    std::string hostname;  // for EHLO
    TlsWish tls = TlsWish::never;
    ClientProtocol protocol = ClientProtocol::smtp;
};

struct ClientSend {
    std::string_view bytes;  // valid until the next call
};
struct ClientReceive {};   // read into input_buffer(), then received()
struct ClientBeginTls {};  // do the handshake, then tls_begun()
// The request is done, well or not: the server's reply.
struct ClientDone {
    Reply reply;
};
// The connection is of no more use: it broke, timed out, or the server does not speak SMTP.
struct ClientFailed {
    std::string why;
    // It failed between the final dot and its reply: the message may or may not have been taken (RFC 1047).
    bool outcome_is_unknown = false;
};
using ClientAction = std::variant<ClientSend, ClientReceive, ClientBeginTls, ClientDone, ClientFailed>;

class ClientDialogue {
  public:
    explicit ClientDialogue(ClientSettings settings);

    // Requests, one at a time. Done when next() gives ClientDone or ClientFailed.
    void greet();  // banner, EHLO or HELO or LHLO, STARTTLS and EHLO again; the reply is the last one
    // XCLIENT: each command must be answered with 220; then EHLO again, whose reply is the last one, for the
    // session is back at its greeting. XFORWARD: the same without EHLO. The first refusal ends it.
    void xclient(std::vector<std::string> commands);
    void xforward(std::vector<std::string> commands);
    // `reverse_path` without angle brackets; `parameters` like "SIZE=1000 BODY=8BITMIME", or empty. Only
    // noted, and done at once: sent with the first recipient, in one packet where PIPELINING is offered.
    void begin(std::string_view reverse_path, std::string_view parameters);
    // `parameters` like "NOTIFY=NEVER", or empty. If MAIL was refused, its reply is the answer to every
    // recipient.
    void recipient(std::string_view forward_path, std::string_view parameters = {});
    // The answers of this transaction are the answer to MAIL, and say nothing of the recipients.
    bool has_refused_sender() const { return mail_refusal_.has_value(); }
    void data();  // on 354 the content is to be written, dot-stuffed, with its final dot (DotStuffer)
    // The whole content in one chunk, as it is (RFC 3030): is done with a 354 that no server has sent, then
    // exactly `octets` are to be written.
    void last_chunk(std::size_t octets);
    // To be called before the octets with the final dot, or the last ones of the chunk, are written: from
    // then on a failure leaves the outcome unknown. next() then waits for the reply; of LMTP for one reply
    // for each accepted recipient, and what is done with is the first that refuses, or else the last.
    void end_of_content();
    // What end_of_content() was answered with, in the order of the accepted recipients; one with SMTP.
    const std::vector<Reply>& outcomes() const { return outcomes_; }
    void reset();
    void quit();

    ClientAction next();

    std::span<char> input_buffer();
    void received(std::size_t octets);
    void tls_begun();
    void connection_lost();
    void out_of_time();

    const Capabilities& capabilities() const { return capabilities_; }
    bool is_tls() const { return is_tls_; }
    bool is_lmtp() const { return settings_.protocol == ClientProtocol::lmtp; }
    // Whether a further request makes sense: neither failed nor 421 nor QUIT so far.
    bool is_usable() const { return is_usable_; }
    // No request is under way and nothing unasked for has come: whatever is read next answers the next
    // request.
    bool is_at_rest() const { return step_ == Step::idle && output_.empty() && begin_ == end_; }

  private:
    enum class Step {
        idle,
        banner,
        ehlo,
        helo,
        starttls,
        handshake,
        xclient,
        xforward,
        mail,
        rcpt,
        data,
        chunk,
        content,
        end,
        rset,
        quit
    };

    void request(Step step, std::string_view command);
    std::optional<ClientAction> read_reply();  // nothing: go on
    std::optional<ClientAction> take(const Reply& reply);
    std::optional<ClientAction> take_greeting(const Reply& reply);
    std::optional<ClientAction> take_starttls(const Reply& reply);
    std::optional<ClientAction> take_announcement(const Reply& reply);
    std::optional<ClientAction> take_mail(const Reply& reply);
    std::optional<ClientAction> take_recipient(const Reply& reply);
    std::optional<ClientAction> take_outcome(const Reply& reply);
    void announce(Step step, std::vector<std::string> commands);
    void say_next_announcement();
    void say_hello();
    ClientAction done(const Reply& reply);
    ClientAction fail(std::string why);
    void send(std::string_view command);

    ClientSettings settings_;
    Capabilities capabilities_;
    Reply hello_;  // before STARTTLS
    Step step_ = Step::idle;
    ReplyParser parser_;
    std::unique_ptr<char[]> buffer_;
    std::size_t begin_ = 0, end_ = 0;
    std::string output_, sending_;
    std::string mail_, rcpt_;            // commands not sent yet
    std::optional<Reply> mail_refusal_;  // of this transaction
    std::optional<Reply> ready_;         // done without asking the server
    std::optional<ClientFailed> failure_;
    std::vector<std::string> announcement_;  // what remains of it, last command first
    std::size_t accepted_ = 0;               // recipients of this transaction
    std::vector<Reply> outcomes_;
    bool rcpt_is_sent_ = false;
    bool has_settled_tls_ = false;  // STARTTLS was agreed on or refused: it is not asked for again
    bool is_tls_ = false;
    bool is_usable_ = true;
};

}  // namespace gatepost::protocol
