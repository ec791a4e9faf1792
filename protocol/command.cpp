#include "protocol/command.h"

#include <algorithm>
#include <charconv>

#include "protocol/ascii.h"
#include "protocol/delivery_parameters.h"

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

// esmtp-value of RFC 5321 section 4.1.2 and RFC 6531 section 3.3; of ours only ORCPT may hold UTF-8.
bool is_value(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(),
                                        [](char c) { return !is_control(c) && c != ' ' && c != '='; });
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

Refusal take_size(MailCommand& mail, const Value& value, const Extensions&) {
    if (!value || value->size() > 20) return &reply::kBadParameter;  // RFC 1870 section 5
    std::size_t size = 0;
    const auto [end, error] = std::from_chars(value->data(), value->data() + value->size(), size);
    if (error != std::errc() || end != value->data() + value->size()) return &reply::kBadParameter;
    mail.parameters.declared_size = size;
    return nullptr;
}

Refusal take_body(MailCommand& mail, const Value& value, const Extensions& extensions) {
    if (!value) return &reply::kBadParameter;
    if (equals_ignoring_case(*value, "BINARYMIME")) {
        mail.parameters.body = BodyKind::binary;
        return extensions.binarymime ? nullptr : &reply::kUnknownParameter;
    }
    const bool is_8bit = equals_ignoring_case(*value, "8BITMIME");
    if (is_8bit) mail.parameters.body = BodyKind::eight_bit;
    return is_8bit || equals_ignoring_case(*value, "7BIT") ? nullptr : &reply::kBadParameter;
}

Refusal take_smtputf8(MailCommand& mail, const Value& value, const Extensions&) {
    mail.parameters.smtputf8 = true;
    return value ? &reply::kBadParameter : nullptr;  // RFC 6531 section 3.4: takes no value
}

Refusal take_require_tls(MailCommand& mail, const Value& value, const Extensions& extensions) {
    mail.parameters.require_tls = true;
    if (value) return &reply::kBadParameter;  // RFC 8689 section 2
    return extensions.is_tls ? nullptr : &reply::kRequireTlsNeedsTls;
}

Refusal take_ret(MailCommand& mail, const Value& value, const Extensions&) {
    if (!value || !is_ret(*value)) return &reply::kBadParameter;
    mail.parameters.ret = *value;
    return nullptr;
}

Refusal take_envid(MailCommand& mail, const Value& value, const Extensions&) {
    if (!value || !is_envid(*value)) return &reply::kBadParameter;
    mail.parameters.envid = *value;
    return nullptr;
}

Refusal take_notify(Recipient& recipient, const Value& value, const Extensions&) {
    if (!value || !is_notify(*value)) return &reply::kBadParameter;
    recipient.notify = *value;
    return nullptr;
}

Refusal take_orcpt(Recipient& recipient, const Value& value, const Extensions& extensions) {
    const auto utf8 = extensions.smtputf8 ? Utf8::allowed : Utf8::refused;
    if (!value || !is_orcpt(*value, utf8)) return &reply::kBadParameter;
    recipient.orcpt = *value;
    return nullptr;
}

template <class Target>
struct ParameterRow {
    std::string_view keyword;
    bool Extensions::*offered;  // none: always
    Refusal (*take)(Target&, const Value&, const Extensions&);
};

constexpr ParameterRow<MailCommand> kMailParameters[] = {
    {"SIZE", nullptr, take_size},
    {"BODY", &Extensions::eight_bit_mime, take_body},
    {"SMTPUTF8", &Extensions::smtputf8, take_smtputf8},
    {"RET", &Extensions::dsn, take_ret},
    {"ENVID", &Extensions::dsn, take_envid},
    {"REQUIRETLS", &Extensions::requiretls, take_require_tls},
};

constexpr ParameterRow<Recipient> kRecipientParameters[] = {
    {"NOTIFY", &Extensions::dsn, take_notify},
    {"ORCPT", &Extensions::dsn, take_orcpt},
};

// Takes all parameters in `text` by the rows of the table; nothing: well.
template <class Target, std::size_t size>
std::optional<FixedReply> take_parameters(const ParameterRow<Target> (&table)[size], Target& target,
                                          std::string_view text, const Extensions& extensions) {
    const auto parameters = parse_parameters(text);
    if (auto* refusal = std::get_if<FixedReply>(&parameters)) return *refusal;
    for (const auto& parameter : std::get<0>(parameters)) {
        const auto row = std::find_if(std::begin(table), std::end(table), [&](const auto& each) {
            return equals_ignoring_case(each.keyword, parameter.keyword);
        });
        if (row == std::end(table) || (row->offered && !(extensions.*row->offered)))
            return reply::kUnknownParameter;
        if (auto refusal = row->take(target, parameter.value, extensions)) return *refusal;
    }
    return {};
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
    MailCommand mail{std::move(parsed->path), {}};
    if (auto refusal = take_parameters(kMailParameters, mail, parsed->rest, extensions)) return *refusal;
    if (mail.reverse_path.has_utf8 && !mail.parameters.smtputf8) return reply::kUtf8Sender;
    return mail;
}

std::variant<Recipient, FixedReply> parse_rcpt(std::string_view argument, const Extensions& extensions) {
    const auto text = behind("TO:", argument);
    if (!text) return reply::kSyntax;
    auto parsed = parse_forward_path(*text);
    if (!parsed) return reply::kBadRecipient;
    Recipient recipient{std::move(parsed->path), {}, {}};
    if (auto refusal = take_parameters(kRecipientParameters, recipient, parsed->rest, extensions))
        return *refusal;
    if (recipient.path.has_utf8 && !extensions.smtputf8) return reply::kUtf8Recipient;
    return recipient;
}

}  // namespace gatepost::protocol
