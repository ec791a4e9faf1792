#include "protocol/address.h"

#include <algorithm>

#include "protocol/ascii.h"
#include "protocol/field_cursor.h"

namespace gatepost::protocol {
namespace {

constexpr std::size_t kMaxLocalPart = 64;  // RFC 5321 section 4.5.3.1.1
constexpr std::size_t kMaxPath = 256;      // section 4.5.3.1.3, with the angle brackets

enum class Direction { reverse, forward };

// atext of RFC 5322 section 3.2.3 and UTF8-non-ascii of RFC 6531 section 3.3.
bool is_atext(char c) {
    return is_alnum(c) || !is_ascii(c) ||
           std::string_view("!#$%&'*+-/=?^_`{|}~").find(c) != std::string_view::npos;
}

bool is_domain_character(char c) {
    return is_alnum(c) || c == '-' || c == '_' || c == '.' || !is_ascii(c);
}

bool is_dot_string(std::string_view text) {
    if (text.empty() || text.front() == '.' || text.back() == '.') return false;
    if (text.find("..") != std::string_view::npos) return false;
    return std::all_of(text.begin(), text.end(), [](char c) { return c == '.' || is_atext(c); });
}

class PathReader {
  public:
    explicit PathReader(std::string_view text) : text_(text) {}

    Result<ParsedPath> read(Direction direction) {
        if (!take('<')) return Problem{"path without <"};
        if (take('>')) {
            if (direction == Direction::forward) return Problem{"null path for a recipient"};
            path_.is_null = true;
            return ParsedPath{path_, text_.substr(at_)};
        }
        if (peek() == '@' && !skip_source_route()) return Problem{"malformed source route"};
        if (!read_local_part()) return Problem{"malformed local-part"};
        if (take('@')) {
            if (!read_domain()) return Problem{"malformed domain"};
        } else if (direction == Direction::reverse || !is_postmaster(path_)) {
            return Problem{"address without a domain"};
        }
        if (!take('>')) return Problem{"path without >"};
        return finished();
    }

  private:
    char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
    bool take(char c) {
        if (at_ == text_.size() || text_[at_] != c) return false;
        ++at_;
        return true;
    }
    template <class Predicate>
    std::string_view take_while(Predicate is_part) {
        const std::size_t begin = at_;
        while (at_ < text_.size() && is_part(text_[at_])) ++at_;
        return text_.substr(begin, at_ - begin);
    }

    // No final dot: it is not in the grammar, and would be a second spelling of our domains.
    std::optional<Domain> take_domain() {
        const auto name = take_while(is_domain_character);
        if (name.ends_with('.') || name.size() > kMaxPath) return {};
        return Domain::parse(name);
    }

    bool skip_source_route() {
        do {
            if (!take('@') || !take_domain()) return false;
        } while (take(','));
        return take(':');
    }

    bool read_local_part() {
        if (peek() == '"') {
            if (!read_quoted()) return false;
        } else {
            path_.local_part = take_while([](char c) { return c == '.' || is_atext(c); });
            if (!is_dot_string(path_.local_part)) return false;
        }
        return path_.local_part.size() <= kMaxLocalPart;
    }

    bool read_quoted() {
        take('"');
        while (at_ < text_.size() && !is_control(text_[at_])) {
            char c = text_[at_++];
            if (c == '"') return true;
            if (c == '\\') {
                if (is_control(peek()) || !is_ascii(peek())) return false;
                c = text_[at_++];
            }
            path_.local_part += c;
        }
        return false;
    }

    bool read_domain() {
        if (peek() != '[') {
            path_.domain = take_domain();
            return path_.domain.has_value();
        }
        const auto close = text_.find(']', at_);
        if (close == std::string_view::npos) return false;
        path_.literal = parse_address_literal(text_.substr(at_, close + 1 - at_));
        at_ = close + 1;
        return path_.literal.has_value();
    }

    Result<ParsedPath> finished() {
        const auto whole = text_.substr(0, at_);
        path_.has_utf8 = !std::all_of(whole.begin(), whole.end(), is_ascii);
        // The path goes into the Received field: what some reader takes for a line end must not be in it.
        if (path_.has_utf8 && !is_clean_text(whole)) return Problem{"malformed UTF-8 in path"};
        // A-labels may be longer than the U-labels that were sent.
        if (whole.size() > kMaxPath || path_.text().size() + 2 > kMaxPath) return Problem{"path too long"};
        return ParsedPath{std::move(path_), text_.substr(at_)};
    }

    std::string_view text_;
    std::size_t at_ = 0;
    Path path_;
};

std::string quoted_local_part(std::string_view content) {
    std::string out = "\"";
    for (char c : content) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    return out + '"';
}

}  // namespace

Result<ParsedPath> parse_reverse_path(std::string_view text) {
    return PathReader(text).read(Direction::reverse);
}

Result<ParsedPath> parse_forward_path(std::string_view text) {
    return PathReader(text).read(Direction::forward);
}

std::string Path::domain_text() const {
    if (domain) return domain->text();
    return literal ? address_literal(*literal) : std::string();
}

std::string Path::text() const {
    if (is_null) return {};
    std::string out = is_dot_string(local_part) ? local_part : quoted_local_part(local_part);
    if (domain || literal) out += '@' + domain_text();
    return out;
}

bool has_routing(const Path& path) {
    return path.local_part.find_first_of("%!@:") != std::string::npos;
}

bool is_postmaster(const Path& path) {
    return equals_ignoring_case(path.local_part, "postmaster");
}

std::optional<IpAddress> parse_address_literal(std::string_view text) {
    if (text.size() < 2 || text.front() != '[' || text.back() != ']') return {};
    text = text.substr(1, text.size() - 2);
    const bool is_v6 = starts_with_ignoring_case(text, "IPv6:");
    if (is_v6) text.remove_prefix(5);
    if (is_v6 != (text.find(':') != std::string_view::npos)) return {};
    return IpAddress::parse(text);
}

std::string address_literal(const IpAddress& ip) {
    return (ip.is_v4() ? "[" : "[IPv6:") + ip.text() + "]";
}

}  // namespace gatepost::protocol
