#include "protocol/command.h"

#include <algorithm>
#include <charconv>

#include "protocol/ascii.h"

namespace gatepost::protocol {
namespace {

struct VerbRow {
    std::string_view name;
    Verb verb;
};

// The frequent ones first.
constexpr VerbRow kVerbs[] = {
    {"MAIL", Verb::mail},
    {"RCPT", Verb::rcpt},
    {"DATA", Verb::data},
    {"EHLO", Verb::ehlo},
    {"QUIT", Verb::quit},
    {"RSET", Verb::rset},
    {"STARTTLS", Verb::starttls},
    {"HELO", Verb::helo},
    {"NOOP", Verb::noop},
    {"VRFY", Verb::vrfy},
    {"HELP", Verb::help},
    {"BDAT", Verb::bdat},
    {"EXPN", Verb::not_implemented},
    {"AUTH", Verb::not_implemented},
    {"ETRN", Verb::not_implemented},
    {"ATRN", Verb::not_implemented},
    {"TURN", Verb::not_implemented},
    {"SEND", Verb::not_implemented},
    {"SOML", Verb::not_implemented},
    {"SAML", Verb::not_implemented},
    {"BURL", Verb::not_implemented},
    {"LHLO", Verb::not_implemented},
    {"XCLIENT", Verb::not_implemented},
    {"XFORWARD", Verb::not_implemented},
    {"GET", Verb::foreign},
    {"POST", Verb::foreign},
    {"PUT", Verb::foreign},
    {"HEAD", Verb::foreign},
    {"CONNECT", Verb::foreign},
    {"OPTIONS", Verb::foreign},
    {"DELETE", Verb::foreign},
    {"PATCH", Verb::foreign},
    {"TRACE", Verb::foreign},
    {"PRI", Verb::foreign},  // HTTP/2
};

constexpr std::size_t kMaxParameters = 16;

bool is_other_protocol(std::string_view line) {
    return line.starts_with('\x16') || line.starts_with("SSH-");  // TLS ClientHello, RFC 4253 section 4.2
}

bool is_keyword(std::string_view text) {
    if (text.empty() || !is_alnum(text.front())) return false;
    return std::all_of(text.begin(), text.end(), [](char c) { return is_alnum(c) || c == '-'; });
}

// esmtp-value of RFC 5321 section 4.1.2; none of ours takes UTF-8.
bool is_value(std::string_view text) {
    return !text.empty() &&
           std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f && c != '='; });
}

std::optional<Parameter> parse_parameter(std::string_view text) {
    const auto equals = text.find('=');
    Parameter parameter{text.substr(0, equals), {}};
    if (equals != std::string_view::npos) parameter.value = text.substr(equals + 1);
    if (!is_keyword(parameter.keyword) || (parameter.value && !is_value(*parameter.value))) return {};
    return parameter;
}

using Value = std::optional<std::string_view>;
using Refusal = const FixedReply*;  // none: well

Refusal take_size(MailCommand& mail, const Value& value) {
    if (!value || value->size() > 20) return &reply::kBadParameter;  // RFC 1870 section 5
    std::size_t size = 0;
    const auto [end, error] = std::from_chars(value->data(), value->data() + value->size(), size);
    if (error != std::errc() || end != value->data() + value->size()) return &reply::kBadParameter;
    mail.parameters.declared_size = size;
    return nullptr;
}

Refusal take_body(MailCommand& mail, const Value& value) {
    if (!value) return &reply::kBadParameter;
    if (equals_ignoring_case(*value, "BINARYMIME")) return &reply::kUnknownParameter;
    const bool is_8bit = equals_ignoring_case(*value, "8BITMIME");
    if (is_8bit) mail.parameters.body = BodyKind::eight_bit;
    return is_8bit || equals_ignoring_case(*value, "7BIT") ? nullptr : &reply::kBadParameter;
}

Refusal take_smtputf8(MailCommand& mail, const Value& value) {
    mail.parameters.smtputf8 = true;
    return value ? &reply::kBadParameter : nullptr;  // RFC 6531 section 3.4: takes no value
}

struct ParameterRow {
    std::string_view keyword;
    bool Extensions::*offered;  // none: always
    Refusal (*take)(MailCommand&, const Value&);
};

constexpr ParameterRow kMailParameters[] = {
    {"SIZE", nullptr, take_size},
    {"BODY", &Extensions::eight_bit_mime, take_body},
    {"SMTPUTF8", &Extensions::smtputf8, take_smtputf8},
};

Refusal take_parameter(MailCommand& mail, const Parameter& parameter, const Extensions& extensions) {
    for (const auto& row : kMailParameters) {
        if (!equals_ignoring_case(row.keyword, parameter.keyword)) continue;
        if (row.offered && !(extensions.*row.offered)) break;
        return row.take(mail, parameter.value);
    }
    return &reply::kUnknownParameter;
}

// What stands behind "FROM:" or "TO:"; spaces there are tolerated, nothing else is (specs/smtp.md M-7).
std::optional<std::string_view> behind(std::string_view prefix, std::string_view argument) {
    if (!starts_with_ignoring_case(argument, prefix)) return {};
    argument.remove_prefix(prefix.size());
    while (argument.starts_with(' ')) argument.remove_prefix(1);
    return argument;
}

}  // namespace

Command parse_command(std::string_view line) {
    if (is_other_protocol(line)) return {Verb::foreign, {}};
    const auto end = std::min(line.find_first_of(" \t"), line.size());
    const auto name = line.substr(0, end);
    for (const auto& row : kVerbs) {
        if (equals_ignoring_case(row.name, name)) return {row.verb, trimmed(line.substr(end))};
    }
    return {Verb::unknown, {}};
}

std::variant<std::vector<Parameter>, FixedReply> parse_parameters(std::string_view text) {
    std::vector<Parameter> parameters;
    while (!text.empty()) {
        if (text.front() != ' ' || parameters.size() == kMaxParameters) return reply::kBadParameter;
        text.remove_prefix(1);
        const auto end = std::min(text.find(' '), text.size());
        const auto parameter = parse_parameter(text.substr(0, end));
        if (!parameter) return reply::kBadParameter;
        for (const auto& other : parameters) {
            if (equals_ignoring_case(other.keyword, parameter->keyword)) return reply::kDuplicateParameter;
        }
        parameters.push_back(*parameter);
        text.remove_prefix(end);
    }
    return parameters;
}

std::variant<MailCommand, FixedReply> parse_mail(std::string_view argument, const Extensions& extensions) {
    const auto text = behind("FROM:", argument);
    if (!text) return reply::kSyntax;
    auto parsed = parse_reverse_path(*text);
    if (!parsed) return reply::kBadSender;
    const auto parameters = parse_parameters(parsed->rest);
    if (auto* refusal = std::get_if<FixedReply>(&parameters)) return *refusal;
    MailCommand mail{std::move(parsed->path), {}};
    for (const auto& parameter : std::get<0>(parameters)) {
        if (auto refusal = take_parameter(mail, parameter, extensions)) return *refusal;
    }
    if (mail.reverse_path.has_utf8 && !mail.parameters.smtputf8) return reply::kUtf8Sender;
    return mail;
}

std::variant<Recipient, FixedReply> parse_rcpt(std::string_view argument, bool smtputf8) {
    const auto text = behind("TO:", argument);
    if (!text) return reply::kSyntax;
    auto parsed = parse_forward_path(*text);
    if (!parsed) return reply::kBadRecipient;
    const auto parameters = parse_parameters(parsed->rest);
    if (auto* refusal = std::get_if<FixedReply>(&parameters)) return *refusal;
    if (!std::get<0>(parameters).empty()) return reply::kUnknownParameter;
    if (parsed->path.has_utf8 && !smtputf8) return reply::kUtf8Recipient;
    return Recipient{std::move(parsed->path), {}, {}};
}

}  // namespace gatepost::protocol
