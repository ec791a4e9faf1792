// What each command asks for, and what becomes of the answers.
#include <algorithm>
#include <stdexcept>

#include "protocol/ascii.h"
#include "protocol/dialogue.h"

namespace gatepost::protocol {
namespace {

constexpr std::size_t kMaxHelo = 255;

constexpr std::size_t kMaxLimit = 999'999;  // six digits (RFC 9422 section 4)

std::string no_value(const DialogueSettings&) {
    return {};
}
std::string size_value(const DialogueSettings& settings) {
    return ' ' + std::to_string(settings.message_size);
}
std::string limits_value(const DialogueSettings& settings) {
    return " RCPTMAX=" + std::to_string(std::clamp<std::size_t>(settings.recipients, 1, kMaxLimit)) +
           " MAILMAX=" + std::to_string(std::clamp<std::size_t>(settings.transactions, 1, kMaxLimit));
}

bool always(const Extensions&, const DialogueSettings&) {
    return true;
}
bool with_chunking(const Extensions&, const DialogueSettings& settings) {
    return settings.offers_chunking;
}
bool with_tls(const Extensions& offered, const DialogueSettings& settings) {
    return settings.offers_tls && !offered.is_tls;
}
template <bool Extensions::*offer>
bool with(const Extensions& offered, const DialogueSettings&) {
    return offered.*offer;
}
bool with_requiretls(const Extensions& offered, const DialogueSettings&) {
    return offered.requiretls && offered.is_tls;
}

struct Capability {
    std::string_view keyword;
    bool (*is_offered)(const Extensions& offered, const DialogueSettings& settings);
    std::string (*value)(const DialogueSettings& settings) = no_value;
};

// In the order of the EHLO reply (specs/smtp.md section 2).
constexpr Capability kCapabilities[] = {
    {"PIPELINING", always},
    {"SIZE", always, size_value},
    {"8BITMIME", with<&Extensions::eight_bit_mime>},
    {"SMTPUTF8", with<&Extensions::smtputf8>},
    {"CHUNKING", with_chunking},
    {"BINARYMIME", with<&Extensions::binarymime>},
    {"DSN", with<&Extensions::dsn>},
    {"STARTTLS", with_tls},
    {"REQUIRETLS", with_requiretls},
    {"LIMITS", always, limits_value},
    {"ENHANCEDSTATUSCODES", always},
};

bool is_host_name_text(std::string_view text) {
    if (text.empty() || text.size() > kMaxHelo) return false;
    return std::all_of(text.begin(), text.end(), [](char c) { return !is_control(c) && is_ascii(c); });
}

// Of the replies that these commands can have; another one would set the client at odds with us.
Reply sane(const Reply& reply, bool may_go_on) {
    const bool is_sane =
        reply.is_temporary() || reply.is_permanent() || (may_go_on ? reply.code == 354 : reply.is_positive());
    return is_sane ? reply : Reply(reply::kLocalError);
}

bool may_be_delayed(Verb verb) {
    switch (verb) {
        case Verb::helo:
        case Verb::mail:
        case Verb::rcpt:
        case Verb::rset:
        case Verb::vrfy: return true;
        default: return false;
    }
}

}  // namespace

Dialogue::Step Dialogue::obey(const Command& command) {
    verb_ = command.verb;
    if (command.verb == Verb::bdat) return bdat(command.argument);  // its octets must go, whatever else
    last_chunk_failed_ = false;
    if (is_refused_ && command.verb != Verb::quit) return say(reply::kNoService);
    switch (command.verb) {
        case Verb::helo:
        case Verb::ehlo: return hello(command);
        case Verb::mail: return mail(command.argument);
        case Verb::rcpt: return rcpt(command.argument);
        case Verb::data:
        case Verb::rset:
        case Verb::quit:
        case Verb::starttls:
            return command.argument.empty() ? obey_without_argument(command) : say(reply::kNoArgument);
        case Verb::noop: return say(reply::kOk);
        case Verb::help: return say(reply::kHelp);
        case Verb::vrfy: return say(command.argument.empty() ? reply::kSyntax : reply::kCannotVerify);
        case Verb::foreign: close_with(reply::kNotMail, "another protocol"); return {};
        case Verb::not_implemented: return say(reply::kNotImplemented);
        case Verb::bdat:
        case Verb::unknown: break;
    }
    return say(reply::kUnknownCommand);
}

Dialogue::Step Dialogue::obey_without_argument(const Command& command) {
    switch (command.verb) {
        case Verb::data: return data();
        case Verb::rset: forget(); return say(reply::kOk);
        case Verb::starttls: starttls(); return {};
        default: close_with(reply::kBye, "quit"); return {};
    }
}

Dialogue::Step Dialogue::hello(const Command& command) {
    if (!is_host_name_text(command.argument)) return say(reply::kBadHelo);
    proposed_helo_ = command.argument;
    proposed_extended_ = command.verb == Verb::ehlo;
    return ask(Question::helo, JudgeHelo{proposed_helo_, proposed_extended_});
}

Extensions Dialogue::extensions() const {
    const bool has_8bit = settings_.offers_8bitmime;
    return {.eight_bit_mime = has_8bit,
            .smtputf8 = has_8bit && settings_.offers_smtputf8,
            .binarymime = has_8bit && settings_.offers_chunking && settings_.offers_binarymime,
            .dsn = settings_.offers_dsn,
            .requiretls = settings_.offers_requiretls,
            .is_tls = is_tls_};
}

Dialogue::Step Dialogue::mail(std::string_view argument) {
    if (++mails_ > settings_.transactions) {
        close_with(reply::kTooManyTransactions, "too many transactions");
        return {};
    }
    if (helo_.empty()) return say(reply::kSayHelloFirst);
    if (in_transaction_) return say(reply::kNestedMail);
    auto parsed = parse_mail(argument, extensions());
    if (auto* refusal = std::get_if<FixedReply>(&parsed)) return say(*refusal);
    auto& command = std::get<MailCommand>(parsed);
    if (command.parameters.declared_size > settings_.message_size) return say(reply::kTooLarge);
    uses_smtputf8_ = command.parameters.smtputf8;
    body_ = command.parameters.body;
    return ask(Question::mail, JudgeMail{std::move(command.reverse_path), std::move(command.parameters)});
}

Dialogue::Step Dialogue::rcpt(std::string_view argument) {
    if (!in_transaction_) return say(reply::kMailFirst);
    if (has_chunks_) return say(reply::kContentBegun);
    auto offered = extensions();
    offered.smtputf8 = uses_smtputf8_;
    auto parsed = parse_rcpt(argument, offered);
    if (auto* refusal = std::get_if<FixedReply>(&parsed)) return say(*refusal);
    if (recipients_ >= settings_.recipients) return say(reply::kTooManyRecipients);
    if (refused_recipients_ >= settings_.refused_recipients) return refuse_guesses();
    return ask(Question::recipient, JudgeRecipient{std::move(std::get<Recipient>(parsed))});
}

// Nobody is asked any more. What is good of the transaction goes on, and an honest client sends the rest
// later.
Dialogue::Step Dialogue::refuse_guesses() {
    if (recipients_ > 0) return say(reply::kNoMoreRecipients);
    close_with(reply::kTooManyRefusedRecipients, "too many refused recipients");
    return {};
}

Dialogue::Step Dialogue::data() {
    if (!in_transaction_) return say(reply::kMailFirst);
    if (has_chunks_) return say(reply::kContentBegun);  // RFC 3030 section 2
    if (body_ == BodyKind::binary) return say(reply::kBinaryNeedsChunks);
    if (recipients_ == 0) return say(reply::kNoRecipients);
    return ask(Question::data, JudgeData{});
}

// What came in the clear behind STARTTLS would otherwise run as if it had come encrypted (CVE-2011-0411).
void Dialogue::starttls() {
    if (is_tls_) return void(say(reply::kAlreadyTls));
    if (!settings_.offers_tls) return void(say(reply::kTlsUnavailable));
    if (!is_extended_) return void(say(reply::kSayHelloFirst));
    if (!input_.unread().empty()) return close("octets behind STARTTLS in the clear");
    append_wire(output_, reply::kReadyForTls);
    forget();
    state_ = State::beginning_tls;
}

// The one way for a reply to a command; counts the errors.
Dialogue::Step Dialogue::say(const Reply& reply) {
    if (reply.is_permanent()) {
        if (++errors_ > settings_.errors) {
            close_with(reply::kTooManyErrors, "too many errors");
            return {};
        }
        if (may_be_delayed(verb_)) ++delayable_errors_;
    }
    append_wire(output_, reply);
    if (reply.code == 421) close("refused with 421");
    return {};
}

Dialogue::Step Dialogue::ask(Question question, Action action) {
    question_ = question;
    state_ = State::judging;
    return action;
}

void Dialogue::answer(const Reply& reply) {
    if (state_ != State::judging) return;  // the session has ended meanwhile
    state_ = State::commands;
    const bool may_go_on = question_ == Question::data || question_ == Question::first_chunk;
    const Reply checked = sane(reply, may_go_on);
    switch (question_) {
        case Question::helo: return answer_helo(checked);
        case Question::mail: return answer_mail(checked);
        case Question::recipient: return answer_recipient(checked);
        case Question::data: return answer_data(checked);
        case Question::first_chunk: return answer_first_chunk(checked);
        case Question::message: return answer_message(checked);
    }
}

// A refused EHLO leaves all as it was (RFC 5321 section 4.1.4).
void Dialogue::answer_helo(const Reply& reply) {
    if (!reply.is_positive()) return void(say(Reply{reply.code, "", reply.lines}));  // RFC 2034 section 4
    forget();
    helo_ = std::move(proposed_helo_);
    is_extended_ = proposed_extended_;
    say_hello();
}

void Dialogue::say_hello() {
    const auto offered = extensions();
    Reply reply{250, "", {settings_.hostname}};
    for (const auto& capability : kCapabilities) {
        if (!is_extended_ || !capability.is_offered(offered, settings_)) continue;
        reply.lines.push_back(std::string(capability.keyword) + capability.value(settings_));
    }
    say(reply);
}

void Dialogue::answer_mail(const Reply& reply) {
    in_transaction_ = reply.is_positive();
    uses_smtputf8_ = uses_smtputf8_ && in_transaction_;
    say(reply);
}

void Dialogue::answer_recipient(const Reply& reply) {
    if (reply.is_permanent()) {
        ++refused_recipients_;
        append_wire(output_, reply);
        return;
    }
    if (reply.is_positive()) ++recipients_;
    say(reply);
}

void Dialogue::answer_data(const Reply& reply) {
    if (reply.is_intermediate()) {
        state_ = State::content;
        decoder_ = DataDecoder(content_rules());
    }
    say(reply);
}

// A refused message is no error of the protocol; a delivered one makes up for earlier ones.
void Dialogue::answer_message(const Reply& reply) {
    append_wire(output_, reply);
    forget();
    commands_ = 0;
    if (reply.is_positive()) errors_ = delayable_errors_ = refused_recipients_ = 0;
    if (reply.code == 421) close("refused with 421");
}

void Dialogue::forget() {
    if (!in_transaction_) return;
    in_transaction_ = false;
    uses_smtputf8_ = false;
    recipients_ = 0;
    has_chunks_ = false;
    body_ = BodyKind::seven_bit;
    forget_is_due_ = true;
}

}  // namespace gatepost::protocol
