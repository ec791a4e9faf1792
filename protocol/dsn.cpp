#include "protocol/dsn.h"

#include <algorithm>

#include "protocol/ascii.h"
#include "protocol/date.h"
#include "protocol/delivery_parameters.h"
#include "protocol/dsn_text.h"
#include "protocol/folded_field.h"
#include "protocol/ip_address.h"
#include "protocol/transfer_encoding.h"

namespace gatepost::protocol {
namespace {

constexpr std::size_t kMaxWord = 200;  // of a line of diagnostic text
constexpr std::size_t kMaxDiagnostic = 2000;
constexpr std::size_t kMaxId = 50;  // a boundary has at most 70 characters (RFC 2046 section 5.1.1)

// A field whose value is ours, or a parsed one: on one line, since most readers of reports do not unfold.
void add_field(std::string& out, std::string_view name, std::string_view value) {
    out += name;
    out += ": ";
    out += value;
    out += "\r\n";
}

bool is_international(std::string_view text) {
    return std::any_of(text.begin(), text.end(), [](char c) { return !is_ascii(c); });
}

bool is_international(const Dsn& dsn) {
    return is_international(dsn.reverse_path.text()) ||
           std::any_of(dsn.recipients.begin(), dsn.recipients.end(), [](const DsnRecipient& each) {
               return is_international(each.recipient.path.text()) || is_international(each.recipient.orcpt);
           });
}

std::string_view word(DsnAction action) {
    switch (action) {
        case DsnAction::failed: return "failed";
        case DsnAction::delayed: return "delayed";
        case DsnAction::relayed: return "relayed";
    }
    return "failed";
}

// RFC 3464 section 2.3.2: only where the client gave one; its xtext decoded.
void add_original_recipient(std::string& out, const std::string& orcpt) {
    if (!is_orcpt(orcpt, Utf8::allowed)) return;
    const auto semicolon = orcpt.find(';');
    const auto address = decoded_xtext(std::string_view(orcpt).substr(semicolon + 1));
    add_field(out, "Original-Recipient", orcpt.substr(0, semicolon) + ";" + dsn_printable(address));
}

// RFC 3464 section 2.3.5: the name of the server; where we know none, there is no field. Addresses and
// sockets behind an edge are nobody's business outside.
void add_remote_mta(std::string& out, const std::string& server) {
    const auto colon = server.rfind(':');
    for (const auto& text : {server, server.substr(0, colon == std::string::npos ? 0 : colon)}) {
        const bool has_brackets = text.size() > 2 && text.front() == '[' && text.back() == ']';
        const auto bare = has_brackets ? text.substr(1, text.size() - 2) : text;
        if (IpAddress::parse(bare)) return;
        if (const auto name = Domain::parse(text))
            return add_field(out, "Remote-MTA", "dns; " + name->text());
    }
}

// `smtp` is for what a server said (RFC 3464 section 2.3.6); our own findings are of another type.
void add_diagnostic(std::string& out, const DsnRecipient& recipient) {
    FoldedField field("Diagnostic-Code");
    field.add(recipient.server.empty() ? "X-Gatepost;" : "smtp;");
    const auto text = dsn_words(recipient.reply);
    std::string_view rest = std::string_view(text).substr(0, kMaxDiagnostic);
    while (!rest.empty()) {
        const auto word = rest.substr(0, std::min(rest.find(' '), kMaxWord));
        if (!word.empty()) field.add(word);
        rest.remove_prefix(word.size());
        if (rest.starts_with(' ')) rest.remove_prefix(1);
    }
    out += field.finished();
}

void add_recipient(std::string& out, const Dsn& dsn, const DsnRecipient& recipient) {
    const auto address = dsn_printable(recipient.recipient.path.text());
    add_original_recipient(out, recipient.recipient.orcpt);
    add_field(out, "Final-Recipient", (is_international(address) ? "utf-8; " : "rfc822; ") + address);
    add_field(out, "Action", word(dsn.action));
    add_field(out, "Status", dsn_status(dsn.action, recipient.reply));
    add_remote_mta(out, recipient.server);
    add_diagnostic(out, recipient);
    add_field(out, "Last-Attempt-Date", internet_date(dsn.last_attempt));
    if (dsn.action == DsnAction::delayed && dsn.will_retry_until)
        add_field(out, "Will-Retry-Until", internet_date(*dsn.will_retry_until));
}

std::string delivery_status(const Dsn& dsn) {
    std::string out;
    if (is_envid(dsn.parameters.envid))
        add_field(out, "Original-Envelope-Id", decoded_xtext(dsn.parameters.envid));
    add_field(out, "Reporting-MTA", "dns; " + dsn.hostname);
    add_field(out, "Arrival-Date", internet_date(dsn.arrived));
    for (const auto& recipient : dsn.recipients) {
        out += "\r\n";
        add_recipient(out, dsn, recipient);
    }
    return out;
}

// One part of the multipart, with its own small header.
struct Part {
    std::string type;
    EncodedText content;
};

// Whole only where that was asked for, of a failure, and where it is 7-bit: message/rfc822 may not be encoded
// (RFC 2046 section 5.2.1).
bool returns_whole(const Dsn& dsn, Eight eight) {
    if (dsn.action != DsnAction::failed || !equals_ignoring_case(dsn.parameters.ret, "FULL")) return false;
    if (dsn.parameters.require_tls || !dsn.content || dsn.content->size() > kMaxReturnedOctets) return false;
    const auto traits = traits_of(*dsn.content);
    return !traits.is_unfit && (!traits.has_8bit || eight == Eight::allowed);
}

// Whole lines that begin a field, as far as they go.
std::string_view bounded_header(std::string_view header) {
    if (header.size() <= kMaxReturnedOctets) return header;
    auto end = header.rfind("\r\n", kMaxReturnedOctets - 2);
    while (end != std::string_view::npos && end > 0 && is_wsp(header[end + 2])) {
        end = header.rfind("\r\n", end - 1);
    }
    return end == std::string_view::npos ? std::string_view() : header.substr(0, end + 2);
}

Part returned_message(const Dsn& dsn, Eight eight) {
    const bool is_global = eight == Eight::allowed;
    if (returns_whole(dsn, eight)) {
        return {is_global ? "message/global" : "message/rfc822", encoded_text(*dsn.content, eight)};
    }
    return {is_global ? "message/global-headers" : "text/rfc822-headers",
            encoded_text(bounded_header(dsn.header), eight)};
}

std::vector<Part> parts_of(const Dsn& dsn, Eight eight) {
    const bool is_global = eight == Eight::allowed;
    return {{"text/plain; charset=utf-8", encoded_text(dsn_text(dsn), eight)},
            {is_global ? "message/global-delivery-status" : "message/delivery-status",
             encoded_text(delivery_status(dsn), eight)},
            returned_message(dsn, eight)};
}

// One that stands in none of the parts, however they were made up.
std::string boundary_for(const std::vector<Part>& parts, const std::string& id) {
    for (unsigned n = 0;; ++n) {
        const std::string boundary = "=_" + id + "_" + std::to_string(n);
        const bool is_free = std::none_of(parts.begin(), parts.end(), [&](const Part& part) {
            return part.content.text.find(boundary) != std::string::npos;
        });
        if (is_free) return boundary;
    }
}

std::string header_of(const Dsn& dsn, const std::string& id, const std::string& boundary) {
    std::string out;
    add_field(out, "From",
              "Mail delivery <MAILER-DAEMON@" + (dsn.domain ? dsn.domain->text() : dsn.hostname) + ">");
    add_field(out, "To", "<" + dsn.reverse_path.text() + ">");
    add_field(out, "Subject", dsn_subject(dsn.action));
    add_field(out, "Date", internet_date(dsn.now));
    add_field(out, "Message-ID", "<" + id + "@" + dsn.hostname + ">");
    add_field(out, "Auto-Submitted", "auto-replied");  // RFC 3834 section 5
    add_field(out, "MIME-Version", "1.0");
    add_field(out, "Content-Type",
              "multipart/report; report-type=delivery-status;\r\n boundary=\"" + boundary + "\"");
    return out;
}

}  // namespace

std::string decoded_xtext(std::string_view text) {
    if (!is_xtext(text)) return std::string(text);
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto value = [&](char c) { return is_digit(c) ? c - '0' : c - 'A' + 10; };
        if (text[i] != '+') {
            out += text[i];
            continue;
        }
        out += static_cast<char>(value(text[i + 1]) * 16 + value(text[i + 2]));
        i += 2;
    }
    return out;
}

DsnMessage written(const Dsn& dsn) {
    const Eight eight = is_international(dsn) ? Eight::allowed : Eight::refused;
    std::string id;
    std::copy_if(dsn.id.begin(), dsn.id.end(), std::back_inserter(id), is_alnum);
    id.resize(std::min(id.size(), kMaxId));
    const auto parts = parts_of(dsn, eight);
    const auto boundary = boundary_for(parts, id);
    DsnMessage message;
    message.header = header_of(dsn, id, boundary);
    const bool has_8bit = std::any_of(parts.begin(), parts.end(),
                                      [](const Part& part) { return part.content.encoding == "8bit"; });
    if (has_8bit) add_field(message.header, "Content-Transfer-Encoding", "8bit");
    message.body = "This is a report in MIME format.\r\n";
    for (const auto& part : parts) {
        message.body += "\r\n--" + boundary + "\r\n";
        add_field(message.body, "Content-Type", part.type);
        add_field(message.body, "Content-Transfer-Encoding", part.content.encoding);
        message.body += "\r\n" + part.content.text;
    }
    message.body += "\r\n--" + boundary + "--\r\n";
    message.parameters.smtputf8 = eight == Eight::allowed;
    // The header may be UTF-8 where no part is.
    if (eight == Eight::allowed) message.parameters.body = BodyKind::eight_bit;
    message.parameters.require_tls = dsn.parameters.require_tls;
    return message;
}

}  // namespace gatepost::protocol
