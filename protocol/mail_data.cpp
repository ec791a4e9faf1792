#include "protocol/mail_data.h"

namespace gatepost::protocol {

std::string_view DataDecoder::next(std::string_view& input) {
    while (!input.empty() && place_ != Place::ended) {
        const char c = input.front();
        if (place_ == Place::content && check_.is_at_line_start() && c == '.') {
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
    if (place_ == Place::after_dot_cr) check_.bare_cr();  // held back for the end that did not come
    if (place_ == Place::after_dot) check_.dot_removed();
    place_ = Place::content;
    return check_.take(input, ContentCheck::Dots::stop_at_line_start);
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
