#include "protocol/client_dialogue.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "protocol/ascii.h"

namespace gatepost::protocol {
namespace {

constexpr std::size_t kInput = 4 * 1024;

// An address with a line end in it would be a second command.
bool is_one_line(std::string_view text) {
    return std::none_of(text.begin(), text.end(), is_control);
}

}  // namespace

ClientDialogue::ClientDialogue(ClientSettings settings)
    : settings_(std::move(settings)), buffer_(std::make_unique_for_overwrite<char[]>(kInput)) {}

void ClientDialogue::greet() {
    request(Step::banner, {});
}

void ClientDialogue::xclient(std::vector<std::string> commands) {
    announce(Step::xclient, std::move(commands));
}

void ClientDialogue::xforward(std::vector<std::string> commands) {
    announce(Step::xforward, std::move(commands));
}

void ClientDialogue::announce(Step step, std::vector<std::string> commands) {
    if (commands.empty()) {
        ready_ = Reply{250, "", {"nothing to say"}};
        return;
    }
    if (!std::all_of(commands.begin(), commands.end(), is_one_line)) {
        return void(fail("control character in an announcement"));
    }
    std::reverse(commands.begin(), commands.end());
    announcement_ = std::move(commands);
    request(step, {});
    say_next_announcement();
}

void ClientDialogue::say_next_announcement() {
    send(announcement_.back());
    announcement_.pop_back();
}

void ClientDialogue::begin(std::string_view reverse_path, std::string_view parameters) {
    mail_refusal_.reset();
    accepted_ = 0;
    mail_ = "MAIL FROM:<" + std::string(reverse_path) + '>';
    if (!parameters.empty()) mail_ += ' ' + std::string(parameters);
    if (!is_one_line(mail_)) fail("control character in the reverse-path");
    ready_ = Reply{250, "", {"noted"}};
}

void ClientDialogue::recipient(std::string_view forward_path, std::string_view parameters) {
    if (mail_refusal_) {
        ready_ = *mail_refusal_;
        return;
    }
    rcpt_ = "RCPT TO:<" + std::string(forward_path) + '>';
    if (!parameters.empty()) rcpt_ += ' ' + std::string(parameters);
    if (!is_one_line(rcpt_)) return void(fail("control character in a forward-path"));
    if (mail_.empty()) return request(Step::rcpt, rcpt_);
    request(Step::mail, mail_);
    mail_.clear();
    rcpt_is_sent_ = capabilities_.pipelining;  // RFC 2920 section 3.1
    if (rcpt_is_sent_) send(rcpt_);
}

void ClientDialogue::data() {
    request(Step::data, "DATA");
}

void ClientDialogue::last_chunk(std::size_t octets) {
    request(Step::chunk, "BDAT " + std::to_string(octets) + " LAST");
}

void ClientDialogue::end_of_content() {
    if (step_ != Step::content) return void(fail("end of content without DATA"));
    outcomes_.clear();
    request(Step::end, {});
}

void ClientDialogue::reset() {
    mail_.clear();
    accepted_ = 0;
    mail_refusal_.reset();
    request(Step::rset, "RSET");
}

void ClientDialogue::quit() {
    request(Step::quit, "QUIT");
}

// Octets that nobody asked for would be taken for the reply to this command, and all later ones be one off.
void ClientDialogue::request(Step step, std::string_view command) {
    if (failure_) return;
    if (!is_usable_) return void(fail("the connection is closing"));
    if (begin_ != end_) return void(fail("reply without a command"));
    step_ = step;
    if (!command.empty()) send(command);
}

void ClientDialogue::send(std::string_view command) {
    if (failure_) return;
    output_ += command;
    output_ += "\r\n";
}

ClientAction ClientDialogue::next() {
    sending_.clear();
    if (failure_) return *failure_;
    if (ready_) return ClientDone{*std::exchange(ready_, std::nullopt)};
    if (!output_.empty()) {
        if (begin_ != end_) return fail("reply without a command");
        sending_.swap(output_);
        return ClientSend{sending_};
    }
    if (step_ == Step::handshake) return ClientBeginTls{};
    if (step_ == Step::chunk) return done(Reply{354, "", {"the chunk follows"}});
    if (step_ == Step::idle || step_ == Step::content)
        throw std::logic_error("ClientDialogue::next() without a request");
    while (begin_ != end_) {
        if (auto action = read_reply()) return std::move(*action);
        if (!output_.empty() || step_ == Step::handshake) return next();
    }
    return ClientReceive{};
}

std::optional<ClientAction> ClientDialogue::read_reply() {
    std::string_view unread(buffer_.get() + begin_, end_ - begin_);
    const auto state = parser_.read(unread);
    begin_ = end_ - unread.size();
    if (state == ReplyParser::State::incomplete) return {};
    if (state == ReplyParser::State::failed) return fail(std::string(parser_.problem()));
    return take(parser_.take());
}

std::optional<ClientAction> ClientDialogue::take(const Reply& reply) {
    const bool goes_on = reply.is_intermediate(), is_done = reply.is_positive();
    const bool is_nonsense = step_ == Step::data ? is_done || (goes_on && reply.code != 354) : goes_on;
    if (is_nonsense) return fail("unexpected reply: " + escaped(reply.text()));
    if (reply.code == 421) {
        is_usable_ = false;
        return step_ == Step::end ? take_outcome(reply) : done(reply);
    }
    switch (step_) {
        case Step::banner:
        case Step::ehlo:
        case Step::helo:
        case Step::starttls: return take_greeting(reply);
        case Step::xclient:
        case Step::xforward: return take_announcement(reply);
        case Step::mail: return take_mail(reply);
        case Step::rcpt: return take_recipient(reply);
        case Step::end: return take_outcome(reply);
        default: return done(reply);
    }
}

std::optional<ClientAction> ClientDialogue::take_greeting(const Reply& reply) {
    if (step_ == Step::starttls) return take_starttls(reply);
    if (step_ == Step::banner && reply.is_positive()) {
        say_hello();
        return {};
    }
    // RFC 5321 section 3.2; LMTP has no HELO (RFC 2033 section 4.1), and whoever knows XCLIENT knows EHLO.
    if (step_ == Step::ehlo && reply.is_permanent() && !is_lmtp() && !capabilities_.xclient) {
        step_ = Step::helo;
        send("HELO " + settings_.hostname);
        return {};
    }
    if (!reply.is_positive()) return done(reply);
    capabilities_ = step_ == Step::ehlo ? parse_capabilities(reply) : Capabilities{};
    const bool wants_tls = settings_.tls != TlsWish::never && !has_settled_tls_;
    if (wants_tls && capabilities_.starttls) {
        hello_ = reply;
        step_ = Step::starttls;
        send("STARTTLS");
        return {};
    }
    if (wants_tls && settings_.tls == TlsWish::required) return fail("STARTTLS is not offered");
    return done(reply);
}

// What stands behind the 220 in the clear was put there by somebody else (CVE-2011-0411 class).
std::optional<ClientAction> ClientDialogue::take_starttls(const Reply& reply) {
    has_settled_tls_ = true;
    if (reply.is_positive()) {
        if (begin_ != end_) return fail("octets behind the reply to STARTTLS in the clear");
        step_ = Step::handshake;
        return {};
    }
    if (settings_.tls == TlsWish::required) return fail("STARTTLS refused: " + escaped(reply.text()));
    return done(hello_);
}

std::optional<ClientAction> ClientDialogue::take_announcement(const Reply& reply) {
    if (!reply.is_positive()) {
        announcement_.clear();
        return done(reply);
    }
    if (!announcement_.empty()) {
        say_next_announcement();
        return {};
    }
    if (step_ == Step::xforward) return done(reply);
    say_hello();
    return {};
}

std::optional<ClientAction> ClientDialogue::take_mail(const Reply& reply) {
    const bool is_accepted = reply.is_positive();
    if (!is_accepted) mail_refusal_ = reply;
    if (!is_accepted && !rcpt_is_sent_) return done(reply);
    step_ = Step::rcpt;
    if (!rcpt_is_sent_) send(rcpt_);
    return {};
}

std::optional<ClientAction> ClientDialogue::take_recipient(const Reply& reply) {
    if (!mail_refusal_) {
        if (reply.is_positive()) ++accepted_;
        return done(reply);
    }
    if (reply.is_positive()) return fail("recipient accepted without a sender");
    return done(Reply(*mail_refusal_));
}

// A 421 speaks of the connection, and with it of all recipients that have not been answered yet.
std::optional<ClientAction> ClientDialogue::take_outcome(const Reply& reply) {
    const std::size_t expected = is_lmtp() ? accepted_ : 1;
    outcomes_.push_back(reply);
    while (reply.code == 421 && outcomes_.size() < expected) outcomes_.push_back(reply);
    if (outcomes_.size() < expected) return {};
    for (const auto& outcome : outcomes_) {
        if (!outcome.is_positive()) return done(Reply(outcome));
    }
    return done(reply);
}

void ClientDialogue::say_hello() {
    step_ = Step::ehlo;
    send((is_lmtp() ? "LHLO " : "EHLO ") + settings_.hostname);
}

ClientAction ClientDialogue::done(const Reply& reply) {
    if (step_ == Step::quit) is_usable_ = false;
    const bool begins_content = (step_ == Step::data || step_ == Step::chunk) && reply.is_intermediate();
    if (begins_content && is_lmtp() && accepted_ == 0) return fail("content wanted for no recipient");
    step_ = begins_content ? Step::content : Step::idle;
    rcpt_is_sent_ = false;
    return ClientDone{reply};
}

ClientAction ClientDialogue::fail(std::string why) {
    if (!failure_) failure_ = ClientFailed{std::move(why), step_ == Step::end};
    is_usable_ = false;
    output_.clear();
    return *failure_;
}

std::span<char> ClientDialogue::input_buffer() {
    if (begin_ == end_) begin_ = end_ = 0;
    return {buffer_.get() + end_, kInput - end_};
}

void ClientDialogue::received(std::size_t octets) {
    end_ += std::min(octets, kInput - end_);
}

void ClientDialogue::tls_begun() {
    if (step_ != Step::handshake) return;
    is_tls_ = true;
    capabilities_ = {};
    begin_ = end_ = 0;
    say_hello();
}

void ClientDialogue::connection_lost() {
    fail("connection lost");
}

void ClientDialogue::out_of_time() {
    fail("timeout");
}

}  // namespace gatepost::protocol
