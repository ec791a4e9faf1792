#include "gateway/relay/envelope_fit.h"

#include "protocol/ascii.h"

namespace gatepost::gateway {
namespace {

using protocol::BodyKind;
using protocol::Capabilities;
using protocol::MailParameters;
using protocol::Recipient;
using protocol::Reply;
namespace reply = protocol::reply;

void add(std::string& text, const std::string& parameter) {
    text += (text.empty() ? "" : " ") + parameter;
}

}  // namespace

bool wants_success(const Recipient& wanted) {
    return protocol::lowered(wanted.notify).find("success") != std::string::npos;
}

std::optional<Reply> mismatch(const MailParameters& wanted, const Capabilities& can, bool is_tls) {
    if (wanted.require_tls && !is_tls) return reply::kRequireTlsUnencrypted;
    if (wanted.require_tls && !can.requiretls) return reply::kRequireTlsUnsupported;
    if (wanted.smtputf8 && !can.smtputf8) return reply::kNoUtf8Downstream;
    if (wanted.body == BodyKind::eight_bit && !can.eight_bit_mime) return reply::kConversionNeeded;
    const bool takes_binary = can.chunking && can.binarymime;
    if (wanted.body == BodyKind::binary && !takes_binary) return reply::kConversionNeeded;
    if (can.max_size > 0 && wanted.declared_size > can.max_size) return reply::kTooLarge;
    return {};
}

// RFC 3461 section 5.2.2: who hands such a mail on to a server without DSN has to notify, and we send
// nothing. DSN was offered only because the server had it: it will not be offered when the client comes
// again.
std::optional<Reply> mismatch(const Recipient& wanted, const Capabilities& can) {
    if (wants_success(wanted) && !can.dsn) return reply::kDownstreamChanged;
    return {};
}

std::string mail_parameters(const MailParameters& wanted, const Capabilities& can) {
    std::string text;
    if (wanted.declared_size && can.size) add(text, "SIZE=" + std::to_string(*wanted.declared_size));
    if (wanted.body == BodyKind::eight_bit) add(text, "BODY=8BITMIME");
    if (wanted.body == BodyKind::binary) add(text, "BODY=BINARYMIME");
    if (wanted.smtputf8) add(text, "SMTPUTF8");
    if (wanted.require_tls) add(text, "REQUIRETLS");
    if (can.dsn && !wanted.ret.empty()) add(text, "RET=" + wanted.ret);
    if (can.dsn && !wanted.envid.empty()) add(text, "ENVID=" + wanted.envid);
    return text;
}

std::string rcpt_parameters(const Recipient& wanted, const Capabilities& can) {
    std::string text;
    if (can.dsn && !wanted.notify.empty()) add(text, "NOTIFY=" + wanted.notify);
    if (can.dsn && !wanted.orcpt.empty()) add(text, "ORCPT=" + wanted.orcpt);
    return text;
}

}  // namespace gatepost::gateway
