#include "protocol/author.h"

#include <algorithm>

#include "protocol/ascii.h"
#include "protocol/encoded_word.h"
#include "protocol/field_cursor.h"
#include "protocol/lookalike.h"

namespace gatepost::protocol {
namespace {

bool is_atext(char c) {
    static constexpr std::string_view kSigns = "!#$%&'*+-/=?^_`{|}~";
    return is_alnum(c) || !is_ascii(c) || kSigns.find(c) != std::string_view::npos;  // RFC 6532 section 3.2
}

bool is_dtext(char c) {
    return is_ascii(c) && c > ' ' && c != '[' && c != ']' && c != '\\';
}

constexpr std::string_view kNameCharacters =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";

bool is_number(std::string_view text) {
    return std::all_of(text.begin(), text.end(), is_digit);
}

// `literal` is "[…]"; `sign` any other character by itself, '.' too.
enum class TokenKind { atom, quoted, literal, sign, end, broken };

struct Token {
    TokenKind kind = TokenKind::end;
    char sign = '\0';
    bool spaced = false;  // white space or a comment before it
    std::size_t begin = 0, end = 0;

    bool is(char c) const { return kind == TokenKind::sign && sign == c; }
    bool is_word() const { return kind == TokenKind::atom || kind == TokenKind::quoted; }
};

// What stands before '@', '<', ':' or a delimiter: a local part, a phrase, or neither. Dots are let into
// phrases (RFC 5322 section 4.1); white space or a comment inside a local part is not, although section 4.4
// has it: nobody writes it but to be read differently by different readers. The same goes for domains.
struct Lead {
    bool is_empty = true;
    bool is_phrase = true;
    bool is_local_part = true;
    bool ends_in_word = false;

    void add(const Token& token) {
        const bool word = token.is_word();
        if (!word && !token.is('.')) is_phrase = is_local_part = false;
        if (is_empty && !word) is_phrase = is_local_part = false;
        if (!is_empty && (token.spaced || word == ends_in_word)) is_local_part = false;
        is_empty = false;
        ends_in_word = word;
    }
    bool is_whole_local_part() const { return !is_empty && is_local_part && ends_in_word; }
};

class AuthorParser {
  public:
    explicit AuthorParser(std::string_view unfolded) : cursor_(unfolded) { advance(); }
    Author parse();

  private:
    void advance();
    Token read_sign_or_run();
    Lead read_lead();
    bool has_plain_local_part(const Lead& lead, std::size_t begin);
    void parse_element();
    void parse_angle();
    bool skip_route();
    void parse_domain();
    bool skip_domain_name();
    void add_domain(std::string_view text);
    void note_other_name(std::string_view text);
    void refuse_other_names();
    void end_element();
    void fail(AuthorProblem problem, const char* why);
    void malformed(const char* why) { fail(AuthorProblem::malformed, why); }
    bool is_failed() const { return author_.problem != AuthorProblem::none; }

    FieldCursor cursor_;
    Token token_;  // the next one
    bool in_group_ = false;
    // Names that stand where a careless reader may look for the author: in a route, or behind a quoted @.
    std::vector<Domain> other_names_;
    Author author_;
};

void AuthorParser::fail(AuthorProblem problem, const char* why) {
    if (!is_failed()) author_ = {problem, {}, why};
}

void AuthorParser::advance() {
    const auto gap = cursor_.skip_cfws();
    const auto begin = cursor_.position();
    token_ = gap == FieldCursor::Gap::broken ? Token{TokenKind::broken} : read_sign_or_run();
    token_.spaced = gap == FieldCursor::Gap::present;
    token_.begin = begin;
    token_.end = cursor_.position();
    if (token_.kind == TokenKind::broken) malformed("an unclosed comment, quotation or bracket");
}

Token AuthorParser::read_sign_or_run() {
    if (cursor_.at_end()) return {TokenKind::end};
    const char c = cursor_.peek();
    if (is_atext(c)) {
        cursor_.take_while(is_atext);
        return {TokenKind::atom};
    }
    if (c == '"') return {cursor_.take_quoted() ? TokenKind::quoted : TokenKind::broken};
    cursor_.take(c);
    if (c != '[') return {TokenKind::sign, c};
    cursor_.take_while(is_dtext);
    return {cursor_.take(']') ? TokenKind::literal : TokenKind::broken};
}

Lead AuthorParser::read_lead() {
    Lead lead;
    while (token_.is_word() || token_.is('.') || token_.kind == TokenKind::literal) {
        lead.add(token_);
        advance();
    }
    return lead;
}

Author AuthorParser::parse() {
    while (!is_failed() && token_.kind != TokenKind::end) parse_element();
    if (in_group_) malformed("an unclosed group");
    refuse_other_names();
    if (author_.domains.empty()) fail(AuthorProblem::no_domain, "no address in it");
    return author_;
}

// Whether what stands between `begin` and the next token is the local part of an address. An encoded word is
// none (RFC 2047 section 5): a reader that decodes it shows another address, perhaps cut off at a NUL.
bool AuthorParser::has_plain_local_part(const Lead& lead, std::size_t begin) {
    if (!lead.is_whole_local_part()) return false;
    const auto text = cursor_.between(begin, token_.begin);
    if (has_encoded_word(text) || has_deceptive_character(text)) return false;
    if (const auto at = text.rfind('@'); at != std::string_view::npos) {
        const auto name = text.substr(at + 1);
        note_other_name(name.substr(0, name.find_first_not_of(kNameCharacters)));
    }
    return true;
}

// One mailbox, the head or the end of a group, or nothing between two commas (RFC 5322 section 4.4).
void AuthorParser::parse_element() {
    const auto begin = token_.begin;
    const Lead lead = read_lead();
    if (is_failed()) return;
    if (token_.is('@')) {
        if (!has_plain_local_part(lead, begin)) return malformed("a malformed address");
        advance();
        parse_domain();
        end_element();
    } else if (token_.is('<')) {
        if (!lead.is_empty && !lead.is_phrase) return malformed("a malformed display name");
        advance();
        parse_angle();
        end_element();
    } else if (token_.is(':')) {
        if (lead.is_empty || !lead.is_phrase || in_group_) return malformed("a malformed group");
        in_group_ = true;
        advance();
    } else if (lead.is_empty) {
        end_element();
    } else if (lead.is_whole_local_part()) {
        fail(AuthorProblem::no_domain, "an address without a domain");
    } else {
        malformed("text that is no address");
    }
}

// After an address only a delimiter may stand; text there is what some readers show as the author.
void AuthorParser::end_element() {
    if (is_failed() || token_.kind == TokenKind::end) return;
    if (token_.is(';') && in_group_) {
        in_group_ = false;
        advance();
        if (token_.kind == TokenKind::end) return;
    }
    if (!token_.is(',')) return malformed("text after an address");
    advance();
}

void AuthorParser::parse_angle() {
    if (!skip_route()) return malformed("a malformed source route");
    const auto begin = token_.begin;
    const Lead lead = read_lead();
    if (!has_plain_local_part(lead, begin)) return malformed("a malformed address");
    if (token_.is('>')) return fail(AuthorProblem::no_domain, "an address without a domain");
    if (!token_.is('@')) return malformed("a malformed address");
    advance();
    parse_domain();
    if (!token_.is('>')) return malformed("a malformed address");
    advance();
}

// "@a,@b:" before the address that counts (RFC 5322 section 4.4).
bool AuthorParser::skip_route() {
    if (!token_.is('@') && !token_.is(',')) return true;
    bool has_domain = false;
    while (token_.is('@') || token_.is(',')) {
        const bool names = token_.is('@');
        advance();
        if (!names) continue;
        const auto begin = token_.begin;
        const bool is_name = skip_domain_name();
        note_other_name(trimmed(cursor_.between(begin, token_.begin)));
        if (!is_name || (!token_.is(',') && !token_.is(':'))) return false;
        has_domain = true;
    }
    if (!has_domain || !token_.is(':')) return false;
    advance();
    return true;
}

// Steps over dot-atom text; one dot may stand at its end (specs R-34).
bool AuthorParser::skip_domain_name() {
    if (token_.kind != TokenKind::atom) return false;
    for (;;) {
        advance();
        if (!token_.is('.') || token_.spaced) return true;
        advance();
        if (token_.kind != TokenKind::atom) return true;
        if (token_.spaced) return false;
    }
}

void AuthorParser::parse_domain() {
    if (token_.kind == TokenKind::literal)
        return fail(AuthorProblem::no_domain, "an address literal, no domain");
    const auto begin = token_.begin;
    std::size_t end = token_.end;
    if (token_.kind != TokenKind::atom) return malformed("a malformed domain");
    for (bool wants_atom = false;; wants_atom = !wants_atom) {
        advance();
        const bool goes_on = wants_atom ? token_.kind == TokenKind::atom : token_.is('.');
        if (goes_on && token_.spaced) return malformed("white space inside a domain");
        if (!goes_on) break;
        end = token_.end;
    }
    add_domain(cursor_.between(begin, end));
}

void AuthorParser::add_domain(std::string_view text) {
    if (is_failed()) return;
    const auto domain = Domain::parse(text);
    if (!domain || !domain->has_valid_a_labels())
        return fail(AuthorProblem::no_domain, "a domain that is no valid name");
    if (is_number(domain->last_labels(1).text()))
        return fail(AuthorProblem::no_domain, "an IP address, no domain");
    auto& domains = author_.domains;
    if (std::find(domains.begin(), domains.end(), *domain) != domains.end()) return;
    if (domains.size() == kMaxAuthorDomains)
        return fail(AuthorProblem::too_many_domains, "too many author domains");
    domains.push_back(*domain);
}

// "@b" of one label is nobody's name on the Internet.
void AuthorParser::note_other_name(std::string_view text) {
    const auto domain = Domain::parse(text);
    if (!domain || domain->labels() < 2 || other_names_.size() > kMaxAuthorDomains) return;
    if (std::find(other_names_.begin(), other_names_.end(), *domain) == other_names_.end())
        other_names_.push_back(*domain);
}

void AuthorParser::refuse_other_names() {
    const auto& domains = author_.domains;
    for (const auto& name : other_names_) {
        if (std::find(domains.begin(), domains.end(), name) == domains.end())
            return malformed("a source route or quotation that names another domain");
    }
}

// Lines of nothing but white space end the header for some readers (RFC 5322 section 4.2 has them as
// obsolete).
bool has_blank_line(std::string_view folded) {
    for (auto at = folded.find("\r\n"); at != std::string_view::npos; at = folded.find("\r\n", at + 2)) {
        const auto next = folded.find_first_not_of(" \t", at + 2);
        if (next == std::string_view::npos || folded[next] == '\r') return true;
    }
    return false;
}

// Whether an address that is not one of the authors' stands in the text where a reader that knows little of
// quoting takes it for the author: in angle brackets, or as an element of the list.
bool shows_another_address(std::string_view text, const std::vector<Domain>& authors) {
    for (auto at = text.find('@'); at != std::string_view::npos; at = text.find('@', at + 1)) {
        const auto end = std::min(text.find_first_not_of(kNameCharacters, at + 1), text.size());
        const auto name = Domain::parse(text.substr(at + 1, end - at - 1));
        if (!name || name->labels() < 2 || std::find(authors.begin(), authors.end(), *name) != authors.end())
            continue;
        const auto begin = text.find_last_of(" \t\"<>,;:()", at);
        const bool is_opened = begin != std::string_view::npos && text[begin] == '<';
        const bool is_closed =
            end < text.size() && std::string_view(">,;").find(text[end]) != std::string_view::npos;
        if (is_opened || is_closed) return true;
    }
    return false;
}

// What a reader makes of the field that decodes encoded words first. Nothing if it comes to the same authors.
const char* second_reading(const std::string& text, const Author& author) {
    const auto decoded = with_decoded_words(text);
    if (has_direction_override(decoded.text)) return "text that reads backwards";
    if (!has_encoded_word(text)) return nullptr;
    if (decoded.has_hidden_signs) return "control characters in an encoded word";
    const auto again = AuthorParser(decoded.text).parse();
    const bool differs = again.problem == AuthorProblem::none
                             ? again.domains != author.domains
                             : shows_another_address(decoded.text, author.domains);
    return differs ? "an encoded word that holds an address" : nullptr;
}

}  // namespace

Author parse_author(std::string_view field_body) {
    const std::string text = unfolded(field_body);
    if (!is_clean_text(text)) return {AuthorProblem::malformed, {}, "control characters or malformed UTF-8"};
    auto author = AuthorParser(text).parse();
    if (author.problem != AuthorProblem::none) return author;
    if (has_blank_line(field_body)) return {AuthorProblem::malformed, {}, "a blank line within it"};
    if (const char* why = second_reading(text, author)) return {AuthorProblem::malformed, {}, why};
    return author;
}

Author find_author(const Header& header) {
    const auto fields = header.find("From");
    if (fields.empty()) return {AuthorProblem::no_from, {}, "no From field"};
    if (fields.size() > 1) return {AuthorProblem::several_from, {}, "more than one From field"};
    return parse_author(header[fields.front()].body);
}

}  // namespace gatepost::protocol
