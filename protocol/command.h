// One command line of a client, taken apart (RFC 5321 section 4.1.1).
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "protocol/address.h"
#include "protocol/envelope.h"
#include "protocol/reply.h"

namespace gatepost::protocol {

enum class Verb {
    unknown,
    helo,
    ehlo,
    mail,
    rcpt,
    data,
    bdat,
    rset,
    noop,
    quit,
    vrfy,
    help,
    starttls,
    not_implemented,  // known to RFCs, but not to us
    foreign           // HTTP, TLS, SSH: some other protocol has come to the wrong door
};

struct Command {
    Verb verb = Verb::unknown;
    std::string_view argument;  // white space trimmed at both ends (RFC 5321 section 4.1.1)
};

// `line` is without its CRLF.
Command parse_command(std::string_view line);

// One ESMTP parameter.
struct Parameter {
    std::string_view keyword;
    std::optional<std::string_view> value;
};

// The parameters behind a path: " SIZE=1000 BODY=8BITMIME". A duplicate or malformed one is a refusal.
std::variant<std::vector<Parameter>, FixedReply> parse_parameters(std::string_view text);

// Which parameters are known: what was advertised.
struct Extensions {
    bool eight_bit_mime = true;
    bool smtputf8 = true;
    bool binarymime = false;
    bool dsn = false;
    bool requiretls = false;  // is it done at all; it is good inside TLS only
    bool is_tls = false;
};

struct MailCommand {
    Path reverse_path;
    MailParameters parameters;
};

// The argument of MAIL: "FROM:<a@b> SIZE=1000", or the reply that refuses it.
std::variant<MailCommand, FixedReply> parse_mail(std::string_view argument, const Extensions& extensions);
// The argument of RCPT: "TO:<a@b> NOTIFY=NEVER". Here `smtputf8` says that the parameter was given with MAIL.
std::variant<Recipient, FixedReply> parse_rcpt(std::string_view argument, const Extensions& extensions);

}  // namespace gatepost::protocol
