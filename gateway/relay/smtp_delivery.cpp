#include "gateway/relay/smtp_delivery.h"

#include <algorithm>

#include "gateway/log.h"
#include "gateway/relay/content_writer.h"
#include "gateway/relay/downstream_reply.h"
#include "gateway/relay/envelope_fit.h"

namespace gatepost::gateway {
namespace {

using protocol::ClientAction;
using protocol::ClientDone;
using protocol::ClientFailed;
using protocol::Reply;
namespace reply = protocol::reply;

enum class Introduction { none, xclient, xforward };

// Who lists XCLIENT to us has authorised us to use it.
Introduction introduction_for(config::AnnounceClient wish, const protocol::Capabilities& listed) {
    const bool may_xclient =
        wish == config::AnnounceClient::automatic || wish == config::AnnounceClient::xclient;
    const bool may_xforward =
        wish == config::AnnounceClient::automatic || wish == config::AnnounceClient::xforward;
    if (may_xclient && listed.xclient) return Introduction::xclient;
    if (may_xforward && listed.xforward) return Introduction::xforward;
    return Introduction::none;
}

protocol::ReverseName reverse_name(const auth::IprevOutcome& iprev) {
    protocol::ReverseName name;
    if (!iprev.names.empty()) name.confirmed = protocol::Domain::parse(iprev.names.front());
    name.is_unclear = iprev.result == auth::IprevResult::temperror;
    return name;
}

const Outcome& unreachable() {
    static const Outcome outcome{Fate::unreachable, reply::kDownstreamDown};
    return outcome;
}

std::optional<Outcome> outcome_of(std::optional<Reply> refusal) {
    if (!refusal) return {};
    return own_finding(std::move(*refusal));
}

std::string joined(const std::vector<std::string>& commands) {
    std::string text;
    for (const auto& command : commands) text += command + '\n';
    return text;
}

}  // namespace

SmtpDelivery::~SmtpDelivery() {
    if (!connection_) return;
    connection_->needs_reset = true;
    route_.keep(std::move(connection_));
}

void SmtpDelivery::note_trouble(std::string_view at, const std::string& why) {
    LogLine line("downstream");
    log_warning(line.add("server", server_).add("at", at).add("why", why));
    trouble_ = std::string(at) + ": " + why;
    if (answer_.fate == Fate::unreachable) answer_.why = reason(server_ + ": " + trouble_);
}

void SmtpDelivery::log_misconfiguration(std::string_view at, const Reply& theirs,
                                        std::string_view remedy) const {
    LogLine line("downstream");
    log_error(line.add("server", server_).add("at", at).add("why", theirs.text()).add("remedy", remedy));
}

Outcome SmtpDelivery::passed_on(std::string_view at, const Reply& theirs) const {
    if (is_misconfiguration(theirs)) {
        log_misconfiguration(at, theirs,
                             "let it take mail from this gateway without a password, as an MX does");
    }
    Outcome outcome = gateway::outcome_of(as_ours(theirs));
    outcome.is_own = is_misconfiguration(theirs);
    return outcome;
}

// XCLIENT stays in force until the next one; XFORWARD ends with the transaction.
awaitable<SmtpDelivery::Try> SmtpDelivery::introduce_client() {
    const auto wish = relay_.settings().downstream.announce_client;
    const Introduction how = introduction_for(wish, connection_->greeting);
    if (how == Introduction::none) {
        if (wish == config::AnnounceClient::xclient) relay_.note_missing_xclient(server_);
        co_return Try::done;
    }
    const auth::IprevOutcome iprev = co_await relay_.name_of(sender_.client.address);
    const protocol::ReverseName name = reverse_name(iprev);
    const auto& listed = connection_->greeting;
    if (how == Introduction::xforward) {
        connection_->dialogue.xforward(
            protocol::xforward_commands(sender_.client, name, listed.xforward_attributes));
    } else {
        std::vector<std::string> commands =
            protocol::xclient_commands(sender_.client, name, listed.xclient_attributes);
        std::string announced = joined(commands);
        if (announced == connection_->announced) co_return Try::done;
        was_announced_ = !std::exchange(connection_->announced, std::move(announced)).empty();
        connection_->dialogue.xclient(std::move(commands));
    }
    const ClientAction action = co_await finish_request(*connection_, share_of_time());
    co_return take_introduction(action, how == Introduction::xclient);
}

SmtpDelivery::Try SmtpDelivery::take_introduction(const ClientAction& action, bool is_xclient) {
    const std::string_view at = is_xclient ? "XCLIENT" : "XFORWARD";
    const auto* done = std::get_if<ClientDone>(&action);
    if (!done || done->reply.code == 421) {
        note_trouble(at, done ? done->reply.text() : std::get<ClientFailed>(action).why);
        return Try::broken;
    }
    if (done->reply.is_positive()) {
        if (is_xclient) route_.note_greeting(*connection_);
        return Try::done;
    }
    if (!is_xclient) {  // its log will name us instead, no more
        note_trouble(at, done->reply.text());
        return Try::done;
    }
    // Once more on a new connection: this one may have lost its leave with an earlier client's name.
    if (was_announced_) return Try::broken;
    log_misconfiguration(at, done->reply,
                         "let it take XCLIENT from this gateway, or set downstream.announce_client: none");
    answer_ = own_finding(reply::kDownstreamMisconfigured);
    return Try::refused;
}

// One that hangs leaves time for the others that are there.
Deadline SmtpDelivery::share_of_time() const {
    const auto now = Clock::now();
    if (accepted_ > 0 || now >= deadline_) return deadline_;
    const auto others = route_.others_there(tries_, connection_->place.server);
    return now + (deadline_ - now) / static_cast<int>(1 + others);
}

awaitable<SmtpDelivery::Try> SmtpDelivery::begin_transaction() {
    connection_ = co_await route_.obtain(tries_);
    if (!connection_) co_return Try::nobody;
    server_ = connection_->server;
    began_ = Clock::now();
    const Try introduced = co_await introduce_client();
    if (introduced != Try::done) co_return introduced;
    const protocol::Capabilities can = connection_->capabilities();
    unfit_ = outcome_of(mismatch(sender_.parameters, can, connection_->dialogue.is_tls()));
    if (unfit_) co_return Try::unfit;
    connection_->dialogue.begin(sender_.reverse_path.text(), mail_parameters(sender_.parameters, can));
    connection_->dialogue.next();  // done at once: MAIL travels with the first RCPT
    co_return Try::done;
}

awaitable<SmtpDelivery::Try> SmtpDelivery::ask_somebody(const protocol::Recipient& recipient) {
    began_ = Clock::now();
    Try begun = Try::done;
    if (!connection_) begun = co_await begin_transaction();
    if (begun != Try::done) co_return begun;
    const protocol::Capabilities can = connection_->capabilities();
    unfit_.reset();
    if (!is_fit(recipient, can)) unfit_ = outcome_of(mismatch(recipient, can));
    has_dsn_ = can.dsn;
    if (unfit_) co_return Try::unfit_recipient;
    co_return co_await ask(recipient);
}

// A 421 speaks of the connection and not of this transaction; a server may have sent it to a kept one just
// before we spoke.
awaitable<SmtpDelivery::Try> SmtpDelivery::ask(const protocol::Recipient& recipient) {
    const std::string parameters = rcpt_parameters(recipient, connection_->capabilities());
    connection_->dialogue.recipient(recipient.path.text(), parameters);
    const ClientAction action = co_await finish_request(*connection_, share_of_time());
    const auto* done = std::get_if<ClientDone>(&action);
    const bool is_broken = !done || done->reply.code == 421;
    if (is_broken) {
        answer_ = unreachable();
        note_trouble("RCPT", done ? done->reply.text() : std::get<ClientFailed>(action).why);
        if (done) answer_.reply = as_ours(done->reply);
        co_return Try::broken;
    }
    route_.servers().note_answer(connection_->place.server);
    if (!connection_->dialogue.has_refused_sender()) {
        relay_.recipients().learn(recipient.path, done->reply, Clock::now());
    }
    answer_ = passed_on("RCPT", done->reply);
    if (answer_.fate == Fate::accepted) ++accepted_;
    co_return Try::done;
}

bool SmtpDelivery::is_fit(const protocol::Recipient& recipient, const protocol::Capabilities& can) const {
    return sender_.notifies || !mismatch(recipient, can);
}

bool SmtpDelivery::could_go_elsewhere(const protocol::Recipient& recipient) const {
    const auto fits = [&](const protocol::Capabilities& can) {
        return !mismatch(sender_.parameters, can, true) && is_fit(recipient, can);
    };
    return accepted_ == 0 && route_.count_others(tries_, connection_->place.server, fits) > 0;
}

// What the connection broke over may be the client that XCLIENT told of; what only hangs is not.
void SmtpDelivery::leave(Try last) {
    const std::size_t server = connection_->place.server;
    const bool has_hung = connection_->transport.timed_out();
    if (last == Try::unfit || last == Try::unfit_recipient) {
        tries_.given_up[server] = true;
        connection_->needs_reset = true;
        route_.keep(std::move(connection_));
        return;
    }
    if (last == Try::broken && accepted_ > 0) {
        refusal_ = unreachable();  // those accepted so far are gone with it
        refusal_->why = reason(server_ + ": " + trouble_);
    } else if (last == Try::broken && connection_->is_reused && !has_hung) {
        tries_.may_reuse = false;  // it may have been closed a moment ago: once more on a new one
    } else {
        tries_.given_up[server] = true;
        const bool is_its_own = has_hung || connection_->announced.empty();
        if (last == Try::broken && is_its_own)
            route_.note_break(server, has_hung ? "timeout" : trouble_, began_);
    }
    connection_.reset();
}

// A server that could take it is away and may come back.
Outcome SmtpDelivery::answer_of_nobody() {
    if (unfit_ && unfit_->fate == Fate::refused) return own_finding(reply::kDownstreamDown);
    if (unfit_) return *unfit_;
    if (answer_.fate != Fate::unreachable) {
        refusal_ = answer_;
    } else if (std::string problem = route_.problem(); !problem.empty()) {
        answer_.why = std::move(problem);
    }
    return answer_;
}

// Server by server, until one has answered: before one has taken a recipient nothing is lost by that.
awaitable<Outcome> SmtpDelivery::add_recipient(const protocol::Recipient& recipient) {
    if (refusal_) co_return *refusal_;
    answer_ = unreachable();
    trouble_.clear();
    unfit_.reset();
    deadline_ = relay_.deadline();
    tries_ = route_.fresh_tries(deadline_);
    for (;;) {
        const Try last = co_await ask_somebody(recipient);
        if (last == Try::done) co_return answer_;
        if (last == Try::nobody) co_return answer_of_nobody();
        const bool is_unfit = last == Try::unfit || last == Try::unfit_recipient;
        if (is_unfit && !could_go_elsewhere(recipient)) {
            if (last == Try::unfit) refusal_ = unfit_;
            co_return *unfit_;
        }
        leave(last);
        if (refusal_ || Clock::now() >= deadline_) co_return answer_;
    }
}

std::vector<Outcome> SmtpDelivery::for_all(const Outcome& outcome) const {
    return std::vector<Outcome>(accepted_, outcome);
}

awaitable<std::vector<Outcome>> SmtpDelivery::deliver(Content& message) {
    if (!connection_ || accepted_ == 0) co_return for_all(unreachable());
    // One for all of it: the client waits ten minutes for the reply to its final dot, then it sends again
    // what the downstream may still have taken (RFC 1047).
    const Deadline deadline = relay_.deadline();
    const bool is_binary = sender_.parameters.body == protocol::BodyKind::binary;
    const std::size_t octets = message.size();
    if (is_binary) {
        connection_->dialogue.last_chunk(octets);
    } else {
        connection_->dialogue.data();
    }
    const ClientAction begun = co_await finish_request(*connection_, deadline);
    const auto* go = std::get_if<ClientDone>(&begun);
    const bool is_refused = go && !go->reply.is_intermediate();
    if (is_refused) {
        Outcome refused = passed_on("DATA", go->reply);
        if (go->reply.code == 421) refused.fate = Fate::unreachable;
        co_return for_all(refused);
    }
    if (go) {
        const auto framing = is_binary ? ContentWriter::Framing::chunk : ContentWriter::Framing::dots;
        ContentWriter writer(*connection_, message, framing, octets);
        const ContentWriter::Sent sent = co_await writer.write(deadline);
        if (sent == ContentWriter::Sent::flawed) co_return for_all(give_up_flawed());
        if (sent == ContentWriter::Sent::unreadable) co_return for_all(give_up_unreadable());
        if (sent != ContentWriter::Sent::whole) connection_->dialogue.connection_lost();
    }
    const ClientAction ended = co_await finish_request(*connection_, last_word_until(deadline));
    co_return outcomes(ended);
}

// Out of the spool nobody waits for us, and a try that ends too early makes a copy each time: ten minutes, if
// downstream_timeout is what it is by default (RFC 5321 section 4.5.3.2.6).
Deadline SmtpDelivery::last_word_until(Deadline deadline) const {
    return sender_.notifies ? Clock::now() + 2 * relay_.settings().limits.downstream_timeout : deadline;
}

// The server is not at fault, and drops what has no end.
Outcome SmtpDelivery::give_up_unreadable() {
    connection_.reset();
    LogLine line("buffer");
    log_error(line.add("id", sender_.client.id).add("why", "our copy of the message could not be read"));
    return own_finding(reply::kLocalError);
}

// Without its end nothing of it was delivered.
Outcome SmtpDelivery::give_up_flawed() {
    connection_.reset();
    LogLine line("bug");
    log_error(line.add("what", "bare CR, LF or NUL on its way to the downstream").add("server", server_));
    return own_finding(reply::kBareLineEnding);
}

// A 421 in place of the reply to the final dot says that the message was not taken.
std::vector<Outcome> SmtpDelivery::outcomes(const ClientAction& ended) {
    if (std::get_if<ClientDone>(&ended)) {
        std::vector<Outcome> each;
        for (const auto& theirs : connection_->dialogue.outcomes()) {
            each.push_back(passed_on("final dot", theirs));
            if (theirs.code == 421) each.back().fate = Fate::unreachable;
        }
        if (each.size() != accepted_ && !each.empty()) each = for_all(each.front());  // SMTP: one for all
        ++connection_->messages;
        route_.keep(std::move(connection_));
        return each;
    }
    const auto& failed = std::get<ClientFailed>(ended);
    note_trouble(failed.outcome_is_unknown ? "final dot" : "DATA", failed.why);
    // The downstream may have taken it: the client will send it again, a duplicate is better than a loss (RFC
    // 1047).
    Outcome broken = unreachable();
    if (failed.outcome_is_unknown) broken = {Fate::unknown, reply::kDownstreamTimeout};
    broken.why = reason(server_ + ": " + trouble_);
    std::vector<Outcome> each = for_all(broken);
    // Of LMTP some may have been answered for; that stands (RFC 2033 section 4.2).
    const auto& answered = connection_->dialogue.outcomes();
    for (std::size_t i = 0; failed.outcome_is_unknown && i < std::min(answered.size(), each.size()); ++i)
        each[i] = passed_on("final dot", answered[i]);
    connection_.reset();
    return each;
}

}  // namespace gatepost::gateway
