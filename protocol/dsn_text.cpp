#include "protocol/dsn_text.h"

#include <algorithm>

#include "protocol/ascii.h"
#include "protocol/date.h"
#include "protocol/field_cursor.h"

namespace gatepost::protocol {
namespace {

constexpr std::size_t kColumns = 76;
constexpr std::size_t kMaxWords = 1000;  // octets of what a server said

struct Wording {
    std::string_view subject;
    std::string_view what;  // "Your message of DATE <what>:"
    std::string_view advice;
};

// In the order of DsnAction.
constexpr Wording kWordings[] = {
    {"Undelivered mail: your message could not be delivered", "could not be delivered to",
     "It will not be tried again. The text below each address is what the mail server said, or why it was "
     "given up. Please check the address, mend what the text asks for, and send the message again; or reach "
     "the recipient in another way. Postmasters find the details and your message's header in the parts "
     "below."},
    {"Delayed mail: your message has not been delivered yet", "has not been delivered yet to",
     "You need not do anything: it is tried again and again. You will hear from us if that comes to "
     "nothing."},
    {"Relayed mail: your message has been handed on", "has been handed on for",
     "The mail server that took it sends no confirmations, so this is the last that you hear about its "
     "delivery, unless it fails."},
};

const Wording& wording(DsnAction action) {
    return kWordings[static_cast<std::size_t>(action)];
}

// Filled lines, each after `indent`.
void add_filled(std::string& out, std::string_view text, std::string_view indent) {
    std::size_t column = 0;
    while (!text.empty()) {
        const auto word = text.substr(0, std::min(text.find(' '), kColumns - indent.size()));
        if (!word.empty()) {
            const bool fits = column > 0 && column + 1 + word.size() <= kColumns;
            if (column > 0) out += fits ? " " : "\r\n";
            if (!fits) {
                out += indent;
                column = indent.size();
            }
            column += word.size() + (fits ? 1 : 0);
            out += word;
        }
        text.remove_prefix(word.size());
        if (text.starts_with(' ')) text.remove_prefix(1);
    }
    if (column > 0) out += "\r\n";
}

// class.subject.detail without the class, if the code is one (RFC 3463 section 2).
std::string_view subject_and_detail(const std::string& enhanced) {
    const std::string_view text = enhanced;
    const auto is_number = [](std::string_view part) {
        return !part.empty() && part.size() <= 3 && std::all_of(part.begin(), part.end(), is_digit);
    };
    if (text.size() < 5 || text[1] != '.' || std::string_view("245").find(text[0]) == std::string_view::npos)
        return {};
    const auto rest = text.substr(2);
    const auto dot = rest.find('.');
    const bool is_whole =
        dot != std::string_view::npos && is_number(rest.substr(0, dot)) && is_number(rest.substr(dot + 1));
    return is_whole ? text.substr(1) : std::string_view();
}

}  // namespace

std::string_view dsn_subject(DsnAction action) {
    return wording(action).subject;
}

std::string dsn_printable(std::string_view text) {
    const bool is_clean = is_clean_text(text);
    std::string out(text);
    std::replace_if(
        out.begin(), out.end(), [&](char c) { return is_control(c) || (!is_clean && !is_ascii(c)); }, '?');
    return out;
}

std::string dsn_words(const Reply& reply) {
    std::string out = reply.text();
    std::replace_if(
        out.begin(), out.end(), [](char c) { return is_control(c) || !is_ascii(c); }, '?');
    return out;
}

std::string dsn_status(DsnAction action, const Reply& reply) {
    const auto rest = subject_and_detail(reply.enhanced);
    // Given up although nobody said that it never will be taken: RFC 3463 section 3.5, X.4.7.
    if (action == DsnAction::failed && !reply.is_permanent()) return "5.4.7";
    const char digit = action == DsnAction::failed ? '5' : action == DsnAction::delayed ? '4' : '2';
    const bool fits = !reply.enhanced.empty() && reply.enhanced[0] == digit;
    return digit + (fits && !rest.empty() ? std::string(rest) : ".0.0");
}

std::string dsn_text(const Dsn& dsn) {
    std::string out = "This is the mail system at " + dsn.hostname + ".\r\n\r\n";
    add_filled(
        out,
        "Your message of " + internet_date(dsn.arrived) + " " + std::string(wording(dsn.action).what) + ":",
        "");
    for (const auto& recipient : dsn.recipients) {
        out += "\r\n  <" + dsn_printable(recipient.recipient.path.text()) + ">\r\n";
        const auto said = dsn_words(recipient.reply);
        add_filled(out, std::string_view(said).substr(0, kMaxWords), "    ");
        const bool is_given_up = dsn.action == DsnAction::failed && !recipient.reply.is_permanent();
        if (is_given_up)
            add_filled(out, "Given up after a last try on " + internet_date(dsn.last_attempt), "    ");
    }
    out += "\r\n";
    add_filled(out, wording(dsn.action).advice, "");
    if (dsn.action == DsnAction::delayed && dsn.will_retry_until)
        add_filled(out, "It is tried until " + internet_date(*dsn.will_retry_until) + ".", "");
    return out;
}

}  // namespace gatepost::protocol
