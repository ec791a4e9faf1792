#include "protocol/mail_data.h"

namespace gatepost::protocol {

std::string_view DataDecoder::next(std::string_view& input) {
    while (!input.empty() && place_ != Place::ended) {
        const char c = input.front();
        if (place_ == Place::line_start && c == '.') {
            place_ = Place::after_dot;
        } else if (place_ == Place::after_dot && c == '\r') {
            place_ = Place::after_dot_cr;
        } else if (place_ == Place::after_dot_cr && c == '\n') {
            place_ = Place::ended;
        } else {
            break;
        }
        input.remove_prefix(1);
    }
    if (input.empty() || place_ == Place::ended) return {};
    if (place_ == Place::after_dot_cr) {  // held back for the end that did not come; it is content, and bare
        flaws_.bare_cr = true;
        ++line_;
        ++size_;
    }
    if (place_ != Place::line_start && place_ != Place::after_cr) place_ = Place::in_line;
    const auto piece = input.substr(0, scan(input));
    input.remove_prefix(piece.size());
    return counted(piece);
}

// How far the content runs without a dot that must go. Line by line, for memchr is many times faster than a
// look at each octet.
std::size_t DataDecoder::scan(std::string_view input) {
    std::size_t at = 0;
    while (at < input.size() && !(place_ == Place::line_start && input[at] == '.')) {
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
void DataDecoder::end_line(std::string_view line) {
    const bool ends_well = line.empty() ? place_ == Place::after_cr : line.back() == '\r';
    if (!line.empty()) check_line(line);
    if (ends_well) {
        line_ = 0;
        place_ = Place::line_start;
    } else {
        flaws_.bare_lf = true;
        ++line_;
        place_ = Place::in_line;
    }
}

// A CR may stand at the end of the piece only; whether an LF follows, the next piece tells.
void DataDecoder::check_line(std::string_view piece) {
    if (place_ == Place::after_cr || piece.find('\r') < piece.size() - 1) flaws_.bare_cr = true;
    line_ += piece.size();
    if (line_ > line_limit_ + 1) flaws_.long_line = true;
}

std::string_view DataDecoder::counted(std::string_view piece) {
    size_ += piece.size();
    if (size_ > size_limit_) flaws_.too_large = true;
    if (piece.find('\0') != std::string_view::npos) flaws_.nul = true;
    return flaws_.any() ? std::string_view() : piece;
}

std::string_view DotStuffer::next(std::string_view& content) {
    if (content.empty()) return {};
    if (place_ == Place::line_start && content.front() == '.') {
        place_ = Place::at_stuffed_dot;
        return content.substr(0, 1);  // and once more as the first octet of what remains
    }
    if (place_ == Place::after_cr && content.front() == '\n') {
        const auto lf = content.substr(0, 1);
        content.remove_prefix(1);
        place_ = Place::line_start;
        return lf;
    }
    const auto dot_line = content.find("\r\n.");
    if (dot_line != std::string_view::npos) {
        const auto piece = content.substr(0, dot_line + 3);
        content.remove_prefix(dot_line + 2);
        place_ = Place::at_stuffed_dot;
        return piece;
    }
    const auto piece = content;
    content = {};
    place_ = piece.ends_with("\r\n") ? Place::line_start
             : piece.back() == '\r'  ? Place::after_cr
                                     : Place::in_line;
    return piece;
}

std::string_view DotStuffer::end() {
    const Place place = place_;
    place_ = Place::line_start;
    if (place == Place::line_start) return ".\r\n";
    return place == Place::after_cr ? "\n.\r\n" : "\r\n.\r\n";
}

}  // namespace gatepost::protocol
