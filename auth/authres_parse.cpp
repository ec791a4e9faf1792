#include "auth/authres_parse.h"

#include <algorithm>

#include "protocol/ascii.h"
#include "protocol/domain.h"
#include "protocol/field_cursor.h"
#include "protocol/header.h"

namespace gatepost::auth {
namespace {

using protocol::FieldCursor;
using protocol::is_alnum;

bool is_token_char(char c) {
    static constexpr std::string_view kSpecials = "()<>@,;:\\\"/[]?=";  // RFC 2045 section 5.1
    return !protocol::is_control(c) && c != ' ' && kSpecials.find(c) == std::string_view::npos;
}

bool is_keyword_char(char c) {
    return is_alnum(c) || c == '-' || c == '_';
}

// Wider than the grammar: addresses with '=' and '/', IPv6 addresses and base64 stand unquoted in real
// fields. What would end a value for some reader and not for another is left out.
bool is_value_char(char c) {
    static constexpr std::string_view kEnds = "();,\"\\ \t";
    return kEnds.find(c) == std::string_view::npos;
}

class AuthresParser {
  public:
    explicit AuthresParser(std::string_view unfolded) : cursor_(unfolded) {}

    // The raw authserv-id, or nothing.
    std::optional<std::string> parse();
    // The same behind the instance of an ARC-Authentication-Results field (RFC 8617 section 4.1.1).
    std::optional<std::string> parse_of_chain();
    // The raw receiver= of a Received-SPF field, which has the same white space and values.
    std::optional<std::string> parse_receiver();

  private:
    bool skip() { return cursor_.skip_cfws() != FieldCursor::Gap::broken; }
    bool sign(char c) { return skip() && cursor_.take(c) && skip(); }
    bool keyword() { return !cursor_.take_while(is_keyword_char).empty(); }
    std::optional<std::string> value(bool (*belongs)(char));
    bool version();
    bool results();
    bool result();
    bool property();
    bool property_value();

    FieldCursor cursor_;
};

std::optional<std::string> AuthresParser::value(bool (*belongs)(char)) {
    if (cursor_.peek() == '"') {
        const auto quoted = cursor_.take_quoted();
        if (!quoted) return {};
        return protocol::unescaped(*quoted);
    }
    const auto run = cursor_.take_while(belongs);
    if (run.empty()) return {};
    return std::string(run);
}

// A value, or "local part"@domain.
bool AuthresParser::property_value() {
    if (!value(is_value_char)) return false;
    return cursor_.peek() != '@' || !cursor_.take_while(is_value_char).empty();
}

bool AuthresParser::version() {
    const auto digits = cursor_.take_while(protocol::is_digit);
    return digits.empty() || (digits == "1" && skip());
}

bool AuthresParser::property() {
    if (!keyword() || !skip()) return false;
    if (cursor_.peek() == '.' && (!sign('.') || !keyword())) return false;
    return sign('=') && property_value() && skip();
}

bool AuthresParser::result() {
    if (!keyword() || !skip()) return false;
    if (cursor_.peek() == '/' && (!sign('/') || cursor_.take_while(protocol::is_digit).empty())) return false;
    if (!sign('=') || !keyword() || !skip()) return false;
    while (!cursor_.at_end() && cursor_.peek() != ';') {
        if (!property()) return false;
    }
    return true;
}

// "; none", or results. A last ';' with nothing behind it is common and harmless.
bool AuthresParser::results() {
    bool is_first = true;
    while (!cursor_.at_end()) {
        if (!sign(';')) return false;
        if (cursor_.at_end()) return !is_first;
        FieldCursor ahead = cursor_;
        const auto word = ahead.take_while(is_keyword_char);
        if (is_first && protocol::equals_ignoring_case(word, "none")) {
            cursor_ = ahead;
            if (!skip()) return false;
            if (cursor_.at_end()) return true;
            return cursor_.take(';') && skip() && cursor_.at_end();
        }
        if (!result()) return false;
        is_first = false;
    }
    return !is_first;
}

std::optional<std::string> AuthresParser::parse() {
    if (!skip()) return {};
    auto id = value(is_token_char);
    // "none" where the id should stand: a field without an id, which some readers take as ours.
    if (!id || id->empty() || protocol::equals_ignoring_case(*id, "none")) return {};
    if (!skip() || !version() || !results()) return {};
    return id;
}

std::optional<std::string> AuthresParser::parse_of_chain() {
    if (!skip() || !protocol::equals_ignoring_case(cursor_.take_while(is_keyword_char), "i")) return {};
    if (!sign('=') || cursor_.take_while(protocol::is_digit).empty()) return {};
    if (!sign(';')) return {};
    return parse();
}

// Result, comment, then key=value pairs (RFC 7208 section 9.1); some writers leave the semicolons out.
std::optional<std::string> AuthresParser::parse_receiver() {
    std::optional<std::string> receiver;
    if (!skip() || !keyword() || !skip()) return {};
    while (!cursor_.at_end()) {
        if (cursor_.take(';') && !skip()) return {};
        if (cursor_.at_end()) break;
        const auto key = cursor_.take_while(is_keyword_char);
        if (key.empty() || !sign('=')) return {};
        auto text = value(is_value_char);
        if (!text || !skip()) return {};
        if (!protocol::equals_ignoring_case(key, "receiver")) continue;
        if (receiver) return {};
        receiver = std::move(text);
    }
    return receiver;
}

}  // namespace

std::string comparable_id(std::string_view id) {
    if (const auto domain = protocol::Domain::parse(id)) return domain->text();
    return protocol::lowered(id);
}

namespace {

// An id in other letters than ASCII's that is no domain name may look like ours: "mx" in full-width letters.
std::optional<std::string> readable_id(const std::optional<std::string>& id) {
    if (!id) return {};
    const bool is_plain = std::all_of(id->begin(), id->end(), protocol::is_ascii);
    if (!is_plain && !protocol::Domain::parse(*id)) return {};
    return comparable_id(*id);
}

}  // namespace

std::optional<std::string> parsed_authserv_id(std::string_view field_body) {
    const std::string text = protocol::unfolded(field_body);
    if (!protocol::is_clean_text(text)) return {};
    return readable_id(AuthresParser(text).parse());
}

std::optional<std::string> parsed_chain_authserv_id(std::string_view field_body) {
    const std::string text = protocol::unfolded(field_body);
    if (!protocol::is_clean_text(text)) return {};
    return readable_id(AuthresParser(text).parse_of_chain());
}

std::optional<std::string> parsed_spf_receiver(std::string_view field_body) {
    const std::string text = protocol::unfolded(field_body);
    if (!protocol::is_clean_text(text)) return {};
    const auto receiver = AuthresParser(text).parse_receiver();
    if (!receiver) return {};
    return comparable_id(*receiver);
}

}  // namespace gatepost::auth
