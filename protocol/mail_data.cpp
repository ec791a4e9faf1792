#include "protocol/mail_data.h"

#include <utility>

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

namespace {

// Whether all CR and LF of `piece` are pairs; a CR at its end is whole only with what follows.
bool has_whole_line_ends(std::string_view piece) {
    while (!piece.empty()) {
        const auto lf = piece.find('\n');
        if (lf == std::string_view::npos) return piece.find('\r') >= piece.size() - 1;
        if (lf == 0 || piece.find('\r') != lf - 1) return false;
        piece.remove_prefix(lf + 1);
    }
    return true;
}

}  // namespace

std::string_view DotStuffer::checked(std::string_view piece, Place before, std::string_view& content) {
    if (before == Place::after_cr) {  // `piece` is the LF or a mistake
        is_flawed_ = piece != "\n";
    } else {
        is_flawed_ = piece.find('\0') != std::string_view::npos || !has_whole_line_ends(piece);
    }
    if (!is_flawed_) return piece;
    content = {};
    return {};
}

std::string_view DotStuffer::next(std::string_view& content) {
    if (is_flawed_) content = {};
    if (content.empty()) return {};
    if (place_ == Place::line_start && content.front() == '.') {
        place_ = Place::at_stuffed_dot;
        return content.substr(0, 1);  // and once more as the first octet of what remains
    }
    if (place_ == Place::after_cr) {
        const auto lf = content.substr(0, 1);
        content.remove_prefix(1);
        place_ = Place::line_start;
        return checked(lf, Place::after_cr, content);
    }
    const Place before = place_;
    const auto dot_line = content.find("\r\n.");
    if (dot_line != std::string_view::npos) {
        const auto piece = content.substr(0, dot_line + 3);
        content.remove_prefix(dot_line + 2);
        place_ = Place::at_stuffed_dot;
        return checked(piece, before, content);
    }
    const auto piece = content;
    content = {};
    place_ = piece.ends_with("\r\n") ? Place::line_start
             : piece.back() == '\r'  ? Place::after_cr
                                     : Place::in_line;
    return checked(piece, before, content);
}

std::string_view DotStuffer::end() {
    const Place place = std::exchange(place_, Place::line_start);
    const bool was_flawed = std::exchange(is_flawed_, false) || place == Place::after_cr;
    if (was_flawed) return {};
    return place == Place::line_start ? ".\r\n" : "\r\n.\r\n";
}

}  // namespace gatepost::protocol
