#include "gateway/smtp_delivery.h"

#include "gateway/log.h"
#include "protocol/ascii.h"
#include "protocol/mail_data.h"

namespace gatepost::gateway {
namespace {

using protocol::ClientAction;
using protocol::ClientDone;
using protocol::ClientFailed;
using protocol::Reply;
namespace reply = protocol::reply;

constexpr std::size_t kGather = 64;  // buffers written in one call
constexpr std::size_t kGatherOctets = 256 * 1024;
constexpr std::size_t kMaxText = 400;

}  // namespace

Reply as_ours(const Reply& theirs) {
    const int family = theirs.code / 100;
    if (family != 2 && family != 4 && family != 5) return reply::kDownstreamDown;
    Reply ours{theirs.code, theirs.enhanced, {}};
    if (theirs.code == 421) ours.code = 451;
    const bool fits = ours.enhanced.size() > 1 && ours.enhanced[0] == static_cast<char>('0' + family);
    if (!fits) ours.enhanced = std::string(1, static_cast<char>('0' + family)) + ".0.0";
    for (const auto& line : theirs.lines) {
        if (ours.lines.size() < 8) ours.lines.push_back(protocol::escaped(line, kMaxText));
    }
    if (ours.lines.empty()) ours.lines.push_back("Answer of the mail server");
    return ours;
}

SmtpDelivery::~SmtpDelivery() {
    if (!connection_) return;
    connection_->needs_reset = true;
    relay_.keep(std::move(connection_));
}

std::optional<Reply> SmtpDelivery::mismatch() const {
    const auto& can = connection_->dialogue.capabilities();
    const auto& wanted = sender_.parameters;
    if (wanted.smtputf8 && !can.smtputf8) {
        return Reply{553, "5.6.7", {"The mail server here takes no internationalized addresses"}};
    }
    if (wanted.body == protocol::BodyKind::eight_bit && !can.eight_bit_mime) return reply::kConversionNeeded;
    if (can.max_size > 0 && wanted.declared_size > can.max_size) return reply::kTooLarge;
    return {};
}

std::string SmtpDelivery::parameters() const {
    const auto& can = connection_->dialogue.capabilities();
    const auto& wanted = sender_.parameters;
    std::string text;
    if (wanted.declared_size && can.size) text += " SIZE=" + std::to_string(*wanted.declared_size);
    if (wanted.body == protocol::BodyKind::eight_bit) text += " BODY=8BITMIME";
    if (wanted.smtputf8) text += " SMTPUTF8";
    return text.empty() ? text : text.substr(1);
}

// One try. `is_broken`: the connection has failed or is closing; 421 speaks of it and not of this
// transaction.
awaitable<Reply> SmtpDelivery::ask(const protocol::Path& forward_path, bool& is_broken) {
    auto& dialogue = connection_->dialogue;
    dialogue.recipient(forward_path.text());
    ClientAction action = co_await relay_.finish_request(*connection_, relay_.deadline());
    const auto* done = std::get_if<ClientDone>(&action);
    // A 421 speaks of the connection; a server may have sent it to a kept one just before we spoke.
    is_broken = !done || done->reply.code == 421;
    if (done && !is_broken) co_return as_ours(done->reply);
    const std::string why = done ? done->reply.text() : std::get<ClientFailed>(action).why;
    LogLine line("downstream");
    log_warning(line.add("server", connection_->server).add("at", "RCPT").add("why", why));
    co_return done ? as_ours(done->reply) : Reply(reply::kDownstreamDown);
}

awaitable<Reply> SmtpDelivery::add_recipient(const protocol::Recipient& recipient) {
    if (refusal_) co_return *refusal_;
    bool is_new = false;
    Reply answer = reply::kDownstreamDown;
    // A kept connection may have been closed by the server a moment ago: then once more on a new one.
    for (int attempt = 0; attempt < 2; ++attempt) {
        if (!connection_) {
            if (attempt == 0) connection_ = co_await relay_.take_kept();
            std::string why;
            if (!connection_) {
                connection_ = co_await relay_.connect(why);
                is_new = true;
            }
            if (!connection_) co_return reply::kDownstreamDown;
            server_ = connection_->server;
            refusal_ = mismatch();
            if (refusal_) co_return *refusal_;
            connection_->dialogue.begin(sender_.reverse_path.text(), parameters());
            connection_->dialogue.next();  // done at once: MAIL travels with the first RCPT
        }
        bool is_broken = false;
        answer = co_await ask(recipient.path, is_broken);
        if (answer.is_positive()) ++accepted_;
        if (!is_broken) co_return answer;
        connection_.reset();
        if (accepted_ > 0)
            refusal_ = reply::kDownstreamDown;  // the recipients accepted so far are gone with it
        if (accepted_ > 0 || is_new) break;
    }
    co_return answer;
}

awaitable<bool> SmtpDelivery::write_gathered(std::vector<asio::const_buffer>& pieces) {
    const bool written = co_await connection_->transport.write(pieces);
    pieces.clear();
    co_return written;
}

// A small message goes out in one call, its final dot included: each call costs about as much as parsing a
// header.
awaitable<bool> SmtpDelivery::write_content(Outgoing& message, Deadline deadline) {
    OutgoingReader reader(message);
    protocol::DotStuffer stuffer;
    std::vector<asio::const_buffer> pieces;
    std::size_t octets = 0;
    connection_->transport.set_deadline(deadline);
    for (std::string_view portion = reader.next(); !portion.empty(); portion = reader.next()) {
        while (!portion.empty()) {
            const std::string_view piece = stuffer.next(portion);
            pieces.emplace_back(piece.data(), piece.size());
            octets += piece.size();
            const bool is_full = pieces.size() == kGather || octets >= kGatherOctets;
            if (!is_full && (reader.lasts() || !portion.empty())) continue;
            const bool written = co_await write_gathered(pieces);
            if (!written) co_return false;
            octets = 0;
        }
    }
    // Without its final dot the downstream drops what it got so far.
    if (reader.failed() || stuffer.is_flawed()) co_return false;
    const std::string_view end = stuffer.end();
    pieces.emplace_back(end.data(), end.size());
    const bool ended = co_await write_gathered(pieces);
    co_return ended;
}

awaitable<Reply> SmtpDelivery::deliver(Outgoing& message) {
    if (!connection_ || accepted_ == 0) co_return reply::kDownstreamDown;
    // One for all of it: the client waits ten minutes for the reply to its final dot, then it sends again
    // what the downstream may still have taken (RFC 1047).
    const Deadline deadline = relay_.deadline();
    connection_->dialogue.data();
    ClientAction begun = co_await relay_.finish_request(*connection_, deadline);
    const auto* go = std::get_if<ClientDone>(&begun);
    if (go && !go->reply.is_intermediate()) co_return as_ours(go->reply);
    bool written = false;
    if (go) written = co_await write_content(message, deadline);
    if (!written) {
        LogLine line("downstream");
        log_warning(line.add("server", connection_->server).add("at", "DATA").add("why", "connection lost"));
        connection_.reset();
        co_return reply::kDownstreamDown;
    }
    connection_->dialogue.end_of_content();
    ClientAction ended = co_await relay_.finish_request(*connection_, deadline);
    if (const auto* done = std::get_if<ClientDone>(&ended)) {
        Reply answer = as_ours(done->reply);
        relay_.keep(std::move(connection_));
        co_return answer;
    }
    // The downstream may have taken it: the client will send it again, a duplicate is better than a loss (RFC
    // 1047).
    const auto& failed = std::get<ClientFailed>(ended);
    LogLine line("downstream");
    log_warning(line.add("server", connection_->server).add("at", "final dot").add("why", failed.why));
    connection_.reset();
    co_return reply::kDownstreamTimeout;
}

}  // namespace gatepost::gateway
