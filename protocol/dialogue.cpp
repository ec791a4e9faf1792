#include "protocol/dialogue.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace gatepost::protocol {
namespace {

constexpr std::size_t kSmallInput = 4 * 1024;
constexpr std::size_t kLargeInput = 64 * 1024;      // while content flows
constexpr std::size_t kMaxCommandLine = 4 * 1024;   // with CRLF (specs/smtp.md M-7)
constexpr std::size_t kMaxSkippedLine = 64 * 1024;  // of an overlong line, before patience ends
constexpr std::size_t kMaxUnsent = 16 * 1024;       // replies gathered before they are sent
static_assert(kSmallInput >= kMaxCommandLine);

struct FlawRow {
    bool MailFlaws::*flaw;
    FixedReply reply;
    bool closes;  // what follows may be meant for a server that saw another end
};

// Whether more may have been sent behind it already (RFC 2920 section 3.1, RFC 3030 section 2).
bool may_be_followed(Verb verb) {
    return verb == Verb::mail || verb == Verb::rcpt || verb == Verb::rset || verb == Verb::bdat;
}

constexpr FlawRow kFlaws[] = {
    {&MailFlaws::bare_lf, reply::kBareLineEnding, true}, {&MailFlaws::bare_cr, reply::kBareLineEnding, true},
    {&MailFlaws::nul, reply::kNulInMessage, true},       {&MailFlaws::too_large, reply::kTooLarge, false},
    {&MailFlaws::long_line, reply::kLongLine, false},
};

}  // namespace

Dialogue::Dialogue(DialogueSettings settings) : settings_(std::move(settings)) {
    resize_input(kSmallInput);
}

Action Dialogue::next() {
    sending_.clear();
    for (;;) {
        if (Step step = advance()) return std::move(*step);
    }
}

Dialogue::Step Dialogue::advance() {
    if (forget_is_due_) {
        forget_is_due_ = false;
        return Forget{};
    }
    switch (state_) {
        case State::greeting: return greet();
        case State::commands: return read_command();
        case State::content: return read_content();
        case State::chunk: return read_chunk();
        case State::beginning_tls: return flush_or(BeginTls{});
        case State::closing: return flush_or(Close{why_closed_});
        case State::judging: break;
    }
    throw std::logic_error("Dialogue::next() before answer()");
}

Action Dialogue::flush_or(Action action) {
    if (output_.empty()) return action;
    sending_.swap(output_);
    return Send{sending_};
}

Action Dialogue::greet() {
    state_ = State::commands;
    if (spoke_before_greeting_) ++unauthorized_pipelining_;
    if (!session_refusal_ && spoke_before_greeting_ && settings_.refuses_unauthorized_pipelining) {
        close_with(reply::kSpokeTooSoon, "spoke before the greeting");
    } else if (session_refusal_) {
        append_wire(output_, *session_refusal_);
        is_refused_ = true;
        if (!session_refusal_->is_permanent()) close("session refused");
    } else {
        append_wire(output_, Reply{220, "", {settings_.hostname + " ESMTP"}});
    }
    return flush_or(Receive{});
}

Dialogue::Step Dialogue::read_command() {
    if (is_shutting_down_ && !in_transaction_) {
        close_with(reply::kShuttingDown, "shutting down");
        return {};
    }
    if (output_.size() >= kMaxUnsent) return flush_or(Receive{});
    const auto unread = input_.unread();
    const auto lf = unread.find('\n', input_.scanned);
    if (lf == std::string_view::npos) return wait_for_line_end(unread);
    input_.begin += lf + 1;
    input_.scanned = 0;
    return take_line(unread.substr(0, lf));
}

// RFC 2920 section 3.2: the replies go out when the input is used up.
Dialogue::Step Dialogue::wait_for_line_end(std::string_view bytes) {
    input_.scanned = bytes.size();
    if (skipped_ + bytes.size() >= kMaxCommandLine) {
        const std::size_t skip = bytes.size() - 1;  // the last octet may be the CR
        if (skipped_ == 0) skips_bdat_ = parse_command(bytes).verb == Verb::bdat;
        if (bytes.find('\r') < skip) {
            close_with(reply::kBadLineEnding, "bare CR in a command");
            return {};
        }
        skipped_ += skip;
        input_.begin += skip;
        input_.scanned = 1;
        if (skipped_ > kMaxSkippedLine) {
            close_with(reply::kLineTooLong, "endless command line");
            return {};
        }
    }
    return flush_or(Receive{});
}

// `line` ends before its LF. A bare CR or LF makes two servers see two different commands (specs/smtp.md
// M-20).
Dialogue::Step Dialogue::take_line(std::string_view line) {
    if (!line.ends_with('\r') || line.find('\r') != line.size() - 1) {
        close_with(reply::kBadLineEnding, "bare CR or LF in a command");
        return {};
    }
    const std::size_t length = skipped_ + line.size() + 1;
    const bool is_long_bdat =
        length > kMaxCommandLine && (skipped_ > 0 ? skips_bdat_ : parse_command(line).verb == Verb::bdat);
    skipped_ = 0;
    if (length > kMaxSkippedLine || is_long_bdat) {  // of such a BDAT the octets would run as commands
        close_with(reply::kLineTooLong, is_long_bdat ? "BDAT of unknown length" : "endless command line");
        return {};
    }
    if (++commands_ > settings_.commands) {
        close_with(reply::kTooManyCommands, "too many commands");
        return {};
    }
    verb_ = Verb::unknown;
    if (length > kMaxCommandLine) return say(reply::kLineTooLong);
    line.remove_suffix(1);
    const auto command = parse_command(line);
    const bool is_too_soon = note_pipelining(may_be_followed(command.verb));
    if (is_too_soon && settings_.refuses_unauthorized_pipelining && command.verb != Verb::quit) {
        close_with(reply::kNotYourTurn, "unauthorised pipelining");
        return {};
    }
    return obey(command);
}

// Called where a client has to wait for a reply, unless it said EHLO and `may_go_on`.
bool Dialogue::note_pipelining(bool may_go_on) {
    if ((is_extended_ && may_go_on) || input_.unread().empty()) return false;
    ++unauthorized_pipelining_;
    return true;
}

Dialogue::Step Dialogue::read_content() {
    if (!output_.empty()) return flush_or(Receive{});  // the 354 waits for nothing
    if (decoder_.has_ended()) {
        note_pipelining(true);
        return end_content();
    }
    auto unread = input_.unread();
    if (unread.empty()) return Receive{};
    const auto piece = decoder_.next(unread);
    input_.begin = input_.end - unread.size();
    if (piece.empty()) return {};
    return Content{piece};
}

Dialogue::Step Dialogue::end_content() {
    if (decoder_.flaws().any()) return refuse_content(decoder_.flaws(), decoder_.size());
    return ask(Question::message, JudgeMessage{decoder_.size()});
}

// After its true end: of the message, or of the chunk that has the flaw.
Dialogue::Step Dialogue::refuse_content(const MailFlaws& flaws, std::size_t size) {
    const auto& row =
        *std::find_if(std::begin(kFlaws), std::end(kFlaws), [&](auto& each) { return flaws.*each.flaw; });
    append_wire(output_, row.reply);
    ++errors_;
    commands_ = 0;
    state_ = State::commands;
    forget();
    if (row.closes) close("malformed message content");
    return Refused{row.reply, flaws, size};
}

ContentRules Dialogue::content_rules() const {
    return {settings_.message_size, settings_.line_length, settings_.bare_newlines,
            body_ == BodyKind::binary};
}

void Dialogue::close(std::string_view why) {
    if (state_ == State::closing) return;
    state_ = State::closing;
    why_closed_ = why;
    forget();
    input_.begin = input_.end = input_.scanned = 0;
}

void Dialogue::close_with(const FixedReply& reply, std::string_view why) {
    append_wire(output_, reply);
    close(why);
}

void Dialogue::resize_input(std::size_t capacity) {
    auto bytes = std::make_unique_for_overwrite<char[]>(capacity);
    const auto unread = input_.unread();
    std::copy(unread.begin(), unread.end(), bytes.get());
    input_ = {std::move(bytes), capacity, 0, unread.size(), input_.scanned};
}

std::span<char> Dialogue::input_buffer() {
    const std::size_t unread = input_.unread().size();
    const bool flows = content_flows();
    if (flows && input_.was_filled && input_.capacity < kLargeInput) {
        resize_input(std::min(input_.capacity * 4, kLargeInput));
    } else if (!flows && input_.capacity > kSmallInput && unread < kSmallInput) {
        resize_input(kSmallInput);
    } else if (unread == 0 || input_.capacity - input_.end < input_.capacity / 2) {
        std::memmove(input_.bytes.get(), input_.bytes.get() + input_.begin, unread);
        input_.begin = 0;
        input_.end = unread;
    }
    return {input_.bytes.get() + input_.end, input_.capacity - input_.end};
}

void Dialogue::received(std::size_t octets) {
    if (state_ == State::greeting && octets > 0) spoke_before_greeting_ = true;
    input_.end += std::min(octets, input_.capacity - input_.end);
    input_.was_filled = input_.end == input_.capacity;
}

// RFC 3207 section 4.2: the client starts over.
void Dialogue::tls_begun() {
    if (state_ != State::beginning_tls) return;
    state_ = State::commands;
    is_tls_ = true;
    helo_.clear();
    is_extended_ = false;
    mails_ = 0;
    input_.begin = input_.end = input_.scanned = 0;
}

void Dialogue::client_gone() {
    output_.clear();
    close("client gone");
}

void Dialogue::out_of_time() {
    if (state_ == State::beginning_tls) return close("timeout in the TLS handshake");
    if (state_ != State::closing) close_with(reply::kTimeout, "timeout");
}

void Dialogue::shut_down() {
    is_shutting_down_ = true;
}

void Dialogue::refuse_session(const Reply& reply) {
    session_refusal_ = reply;
}

void Dialogue::use(DialogueSettings settings) {
    settings_ = std::move(settings);
}

}  // namespace gatepost::protocol
