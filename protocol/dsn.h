// Delivery status notifications (RFC 3461 section 6, 3464, 6522, 6533; specs/smtp.md M-36): the whole message
// that tells a sender what became of his. Time, host and names are arguments; what strangers said is cut,
// folded and without controls in it.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/domain.h"
#include "protocol/envelope.h"
#include "protocol/reply.h"

namespace gatepost::protocol {

enum class DsnAction { failed, delayed, relayed };  // RFC 3464 section 2.3.3

struct DsnRecipient {
    Recipient recipient;  // as the client named it
    Reply reply;          // the last thing that was said of it
    std::string server;   // who said so: a name or address, with its port or not; empty: nobody but us
};

struct Dsn {
    using Time = std::chrono::sys_seconds;

    DsnAction action = DsnAction::failed;
    std::vector<DsnRecipient> recipients;  // all with that action
    // Of the message it is about.
    Path reverse_path;  // not null
    MailParameters parameters;
    Time arrived{};
    std::string header;  // whole fields with CRLF, as they went out; may be cut off at the end of a field
    // All of it, for RET=FULL; nothing if it is not at hand or too large.
    std::optional<std::string> content;
    // Of the notification.
    std::string hostname;          // the Reporting-MTA
    std::optional<Domain> domain;  // of MAILER-DAEMON; nothing: the hostname
    std::string id;                // letters and digits, another one for each notification
    Time now{};
    Time last_attempt{};
    std::optional<Time> will_retry_until;  // of a delayed one
};

// Above that a message is not returned whole, nor more of its header.
inline constexpr std::size_t kMaxReturnedOctets = 64 * 1024;

struct DsnMessage {
    std::string header;  // whole fields with CRLF, without the empty line
    std::string body;
    MailParameters parameters;  // what has to be said in MAIL FROM:<>
};

// To the reverse-path. 7-bit unless an address is internationalised: no server on its way has a reason to
// recode it, which would break its signature. REQUIRETLS is kept up, and such a message never returned whole
// (RFC 8689 section 5).
DsnMessage written(const Dsn& dsn);

// What an xtext stands for (RFC 3461 section 4); text that is none comes back as it is.
std::string decoded_xtext(std::string_view text);

}  // namespace gatepost::protocol
