#include "protocol/trace.h"

#include <algorithm>

#include "protocol/address.h"
#include "protocol/ascii.h"
#include "protocol/date.h"
#include "protocol/folded_field.h"

namespace gatepost::protocol {
namespace {

constexpr std::size_t kMaxShownHelo = 60;

std::optional<std::string> as_domain_or_literal(std::string_view helo) {
    if (auto domain = Domain::parse(helo)) return domain->text();
    if (auto literal = parse_address_literal(helo)) return address_literal(*literal);
    return {};
}

// What may stand in a comment without ending it (RFC 5322 section 3.2.2), nor ends anything for a reader that
// knows no comments; the rest becomes a question mark.
std::string harmless(std::string_view text) {
    static constexpr std::string_view kEnds = "()\\\";";
    std::string out(text.substr(0, kMaxShownHelo));
    std::replace_if(
        out.begin(), out.end(),
        [](char c) { return is_control(c) || !is_ascii(c) || kEnds.find(c) != std::string_view::npos; }, '?');
    return out;
}

std::string atom(std::string_view text) {
    std::string out(text);
    std::replace_if(
        out.begin(), out.end(), [](char c) { return !is_alnum(c) && c != '-' && c != '_' && c != '.'; }, '-');
    return out.empty() ? "unknown" : out;
}

// A forward-path in canonical form; anything that is none is left out.
bool is_plain_path(const std::string& text) {
    const auto parsed = parse_forward_path('<' + text + '>');
    return parsed && parsed->rest.empty();
}

}  // namespace

std::string received_field(const Trace& trace) {
    FoldedField field("Received");
    const auto helo = as_domain_or_literal(trace.helo);
    field.add("from " + helo.value_or("unknown"));
    const std::string reverse_name = trace.reverse_name ? trace.reverse_name->text() : "unknown";
    field.add('(' + reverse_name + ' ' + address_literal(trace.client) + ')');
    if (!helo) field.add("(HELO " + harmless(trace.helo) + ')');
    field.add("by " + trace.hostname);
    field.add("with " + atom(trace.with));
    if (!trace.tls_cipher.empty()) field.add("tls " + atom(trace.tls_cipher));  // RFC 8314 section 4.3
    const bool shows_recipient = !trace.recipient.empty() && is_plain_path(trace.recipient);
    field.add("id " + atom(trace.id) + (shows_recipient ? "" : ";"));
    if (shows_recipient) field.add("for <" + trace.recipient + ">;");
    field.add(internet_date(trace.time));
    return field.finished();
}

std::string_view with_protocol(Transmission transmission) {
    if (transmission.uses_smtputf8) return transmission.is_tls ? "UTF8SMTPS" : "UTF8SMTP";
    if (!transmission.is_extended) return "SMTP";
    return transmission.is_tls ? "ESMTPS" : "ESMTP";
}

std::size_t hops(const Header& header) {
    std::size_t count = 0;
    for (std::size_t i = 0; i < header.size(); ++i) count += equals_ignoring_case(header[i].name, "Received");
    return count;
}

}  // namespace gatepost::protocol
