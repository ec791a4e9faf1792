#include "protocol/mail_content.h"

#include <utility>

namespace gatepost::protocol {
namespace {

// Whether CR and LF stand in pairs only.
bool has_only_pairs(std::string_view piece) {
    std::size_t at = 0;
    for (std::size_t lf; (lf = piece.find('\n', at)) != std::string_view::npos; at = lf + 1) {
        if (lf == at || piece[lf - 1] != '\r') return false;
        if (piece.substr(at, lf - at).find('\r') != lf - 1 - at) return false;
    }
    return piece.find('\r', at) == std::string_view::npos;
}

}  // namespace

std::string_view NewlineNormalizer::next(std::string_view piece) {
    if (piece.empty()) return {};
    if (!holds_cr_ && has_only_pairs(piece)) return piece;
    converted_.clear();
    for (const char c : piece) append(c);
    return converted_;
}

void NewlineNormalizer::append(char c) {
    if (std::exchange(holds_cr_, false)) {
        converted_ += c == '\n' ? "\r\n" : " ";
        if (c == '\n') return;
    }
    if (c == '\r') {
        holds_cr_ = true;
    } else if (c == '\n') {
        converted_ += "\r\n";
    } else {
        converted_ += c;
    }
}

std::string_view NewlineNormalizer::end() {
    return std::exchange(holds_cr_, false) ? " " : "";
}

std::string_view ContentCheck::take(std::string_view& input, Dots dots) {
    const bool was_free = is_free();
    const auto piece = input.substr(0, was_free ? input.size() : scan(input, dots));
    input.remove_prefix(piece.size());
    if (!was_free && piece.find('\0') != std::string_view::npos) flaws_.nul = true;
    return counted(is_normalizing() ? normalizer_.next(piece) : piece);
}

bool ContentCheck::is_normalizing() const {
    return rules_.bare_newlines == BareNewlines::normalized && !rules_.is_binary;
}

// How far the content runs without a dot that must go, or to the end of a binary message's header. Line by
// line, for memchr is many times faster than a look at each octet.
std::size_t ContentCheck::scan(std::string_view input, Dots dots) {
    std::size_t at = 0;
    while (at < input.size() && !is_free()) {
        if (dots == Dots::stop_at_line_start && is_at_line_start() && input[at] == '.') break;
        const auto lf = input.find('\n', at);
        if (lf == std::string_view::npos) {
            check_line(input.substr(at));
            place_ = input.back() == '\r' ? Place::after_cr : Place::in_line;
            return input.size();
        }
        end_line(input.substr(at, lf - at));
        at = lf + 1;
    }
    return at;
}

// `line` ends before the LF; what of it came earlier is told by place_.
void ContentCheck::end_line(std::string_view line) {
    const bool ends_well = line.empty() ? place_ == Place::after_cr : line.back() == '\r';
    if (!line.empty()) check_line(line);
    if (ends_well) {
        if (line_ == 1) is_behind_header_ = true;  // nothing but the CR: the first empty line
        line_ = 0;
        place_ = Place::line_start;
    } else {
        if (!is_normalizing()) flaws_.bare_lf = true;
        line_ = is_normalizing() ? 0 : line_ + 1;
        place_ = Place::in_line;  // no line begins here for who reads dots
    }
}

// A CR may stand at the end of the piece only; whether an LF follows, the next piece tells.
void ContentCheck::check_line(std::string_view piece) {
    const bool has_bare_cr = place_ == Place::after_cr || piece.find('\r') < piece.size() - 1;
    if (has_bare_cr && !is_normalizing()) flaws_.bare_cr = true;
    line_ += piece.size();
    if (line_ > rules_.line_limit + 1) flaws_.long_line = true;
}

std::string_view ContentCheck::counted(std::string_view piece) {
    size_ += piece.size();
    if (size_ > rules_.size_limit) flaws_.too_large = true;
    return flaws_.any() ? std::string_view() : piece;
}

void ContentCheck::bare_cr() {
    ++line_;
    place_ = Place::in_line;
    if (is_normalizing()) return normalizer_.hold_cr();
    flaws_.bare_cr = true;
    ++size_;
}

std::string_view ContentCheck::end() {
    if (place_ != Place::after_cr || is_free()) return {};
    place_ = Place::in_line;
    if (is_normalizing()) return counted(normalizer_.end());
    flaws_.bare_cr = true;
    return {};
}

}  // namespace gatepost::protocol
