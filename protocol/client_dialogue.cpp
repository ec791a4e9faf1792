#include "protocol/client_dialogue.h"

#include <algorithm>
#include <charconv>
#include <stdexcept>
#include <utility>

#include "protocol/ascii.h"

namespace gatepost::protocol {
namespace {

constexpr std::size_t kInput = 4 * 1024;

struct CapabilityRow {
    std::string_view keyword;
    bool Capabilities::*is_offered;
};

constexpr CapabilityRow kCapabilities[] = {
    {"PIPELINING", &Capabilities::pipelining},
    {"8BITMIME", &Capabilities::eight_bit_mime},
    {"SMTPUTF8", &Capabilities::smtputf8},
    {"STARTTLS", &Capabilities::starttls},
    {"ENHANCEDSTATUSCODES", &Capabilities::enhanced_status_codes},
    {"CHUNKING", &Capabilities::chunking},
    {"DSN", &Capabilities::dsn},
    {"REQUIRETLS", &Capabilities::requiretls},
    {"XCLIENT", &Capabilities::xclient},
    {"XFORWARD", &Capabilities::xforward},
    {"SIZE", &Capabilities::size},
};

// An address with a line end in it would be a second command.
bool is_one_line(std::string_view text) {
    return std::none_of(text.begin(), text.end(), is_control);
}

}  // namespace

Capabilities parse_capabilities(const Reply& ehlo) {
    Capabilities found;
    found.is_extended = true;
    for (std::size_t i = 1; i < ehlo.lines.size(); ++i) {  // the first line is the host's name
        const std::string_view line = ehlo.lines[i];
        const auto space = std::min(line.find(' '), line.size());
        for (const auto& row : kCapabilities) {
            if (equals_ignoring_case(row.keyword, line.substr(0, space))) found.*row.is_offered = true;
        }
        if (!equals_ignoring_case(line.substr(0, space), "SIZE")) continue;
        const auto digits = trimmed(line.substr(space));
        std::from_chars(digits.data(), digits.data() + digits.size(), found.max_size);
    }
    return found;
}

ClientDialogue::ClientDialogue(ClientSettings settings)
    : settings_(std::move(settings)), buffer_(std::make_unique_for_overwrite<char[]>(kInput)) {}

void ClientDialogue::greet() {
    request(Step::banner, {});
}

void ClientDialogue::begin(std::string_view reverse_path, std::string_view parameters) {
    mail_refusal_.reset();
    mail_ = "MAIL FROM:<" + std::string(reverse_path) + '>';
    if (!parameters.empty()) mail_ += ' ' + std::string(parameters);
    if (!is_one_line(mail_)) fail("control character in the reverse-path");
    ready_ = Reply{250, "", {"noted"}};
}

void ClientDialogue::recipient(std::string_view forward_path) {
    if (mail_refusal_) {
        ready_ = *mail_refusal_;
        return;
    }
    rcpt_ = "RCPT TO:<" + std::string(forward_path) + '>';
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

void ClientDialogue::end_of_content() {
    if (step_ != Step::content) return void(fail("end of content without DATA"));
    request(Step::end, {});
}

void ClientDialogue::reset() {
    mail_.clear();
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
        return done(reply);
    }
    switch (step_) {
        case Step::banner:
        case Step::ehlo:
        case Step::helo:
        case Step::starttls: return take_greeting(reply);
        case Step::mail: return take_mail(reply);
        case Step::rcpt: return take_recipient(reply);
        default: return done(reply);
    }
}

std::optional<ClientAction> ClientDialogue::take_greeting(const Reply& reply) {
    if (step_ == Step::starttls) return take_starttls(reply);
    if (step_ == Step::banner && reply.is_positive()) {
        say_hello("EHLO ", Step::ehlo);
        return {};
    }
    if (step_ == Step::ehlo && reply.is_permanent()) {
        say_hello("HELO ", Step::helo);  // RFC 5321 section 3.2
        return {};
    }
    if (!reply.is_positive()) return done(reply);
    capabilities_ = step_ == Step::ehlo ? parse_capabilities(reply) : Capabilities{};
    const bool wants_tls = settings_.tls != TlsWish::never && !is_tls_;
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
    if (reply.is_positive()) {
        if (begin_ != end_) return fail("octets behind the reply to STARTTLS in the clear");
        step_ = Step::handshake;
        return {};
    }
    if (settings_.tls == TlsWish::required) return fail("STARTTLS refused: " + escaped(reply.text()));
    return done(hello_);
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
    if (!mail_refusal_) return done(reply);
    if (reply.is_positive()) return fail("recipient accepted without a sender");
    return done(Reply(*mail_refusal_));
}

void ClientDialogue::say_hello(std::string_view verb, Step step) {
    step_ = step;
    send(std::string(verb) + settings_.hostname);
}

ClientAction ClientDialogue::done(const Reply& reply) {
    if (step_ == Step::quit) is_usable_ = false;
    step_ = step_ == Step::data && reply.is_intermediate() ? Step::content : Step::idle;
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
    say_hello("EHLO ", Step::ehlo);
}

void ClientDialogue::connection_lost() {
    fail("connection lost");
}

void ClientDialogue::out_of_time() {
    fail("timeout");
}

}  // namespace gatepost::protocol
