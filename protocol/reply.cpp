#include "protocol/reply.h"

#include <algorithm>

#include "protocol/ascii.h"

namespace gatepost::protocol {
namespace {

constexpr std::size_t kMaxReplyLine = 512;  // RFC 5321 section 4.5.3.1.5, with CRLF

bool is_reply_code(int code) {
    return code >= 200 && code <= 599;
}

// The length of the status code (RFC 3463 section 2: class.subject.detail) that `text` begins with, whose
// class is `digit`; 0 if there is none.
std::size_t status_code_length(std::string_view text, char digit) {
    if (text.size() < 5 || text[0] != digit) return 0;
    std::size_t at = 1;
    for (int part = 0; part < 2; ++part) {
        if (at == text.size() || text[at] != '.') return 0;
        const std::size_t begin = ++at;
        while (at < text.size() && is_digit(text[at])) ++at;
        const std::size_t digits = at - begin;
        if (digits == 0 || digits > 3 || (digits > 1 && text[begin] == '0')) return 0;
    }
    return at == text.size() || text[at] == ' ' ? at : 0;
}

char class_digit(int code) {
    return static_cast<char>('0' + code / 100);
}

std::string_view usable_status_code(int code, std::string_view enhanced) {
    const char digit = class_digit(code);
    return digit != '3' && status_code_length(enhanced, digit) == enhanced.size() ? enhanced
                                                                                  : std::string_view();
}

void append_printable(std::string& out, std::string_view text) {
    for (char c : text) out += is_control(c) || !is_ascii(c) ? '?' : c;
}

// How much of `text` goes on one line: at most `room`, broken at a space if there is one.
std::size_t line_length(std::string_view text, std::size_t room) {
    if (text.size() <= room) return text.size();
    const auto space = text.rfind(' ', room);
    return space == std::string_view::npos || space == 0 ? room : space;
}

struct Prefix {
    int code;
    std::string_view enhanced;  // usable
};

void append_line(std::string& out, const Prefix& prefix, std::string_view text, bool is_last) {
    out += std::to_string(prefix.code);
    if (!is_last) {
        out += '-';
    } else if (!prefix.enhanced.empty() || !text.empty()) {
        out += ' ';
    }
    out += prefix.enhanced;
    if (!prefix.enhanced.empty() && !text.empty()) out += ' ';
    append_printable(out, text);
    out += "\r\n";
}

void append_text(std::string& out, const Prefix& prefix, std::string_view text, bool is_last) {
    const std::size_t room =
        kMaxReplyLine - 2 - 4 - (prefix.enhanced.empty() ? 0 : prefix.enhanced.size() + 1);
    for (;;) {
        const std::size_t length = line_length(text, room);
        const bool is_end = length == text.size();
        append_line(out, prefix, text.substr(0, length), is_last && is_end);
        if (is_end) return;
        text.remove_prefix(length);
        if (text.front() == ' ') text.remove_prefix(1);
    }
}

}  // namespace

std::string Reply::text() const {
    std::string out = std::to_string(code);
    if (!enhanced.empty()) out += ' ' + enhanced;
    for (const auto& line : lines) out += ' ' + line;
    return out;
}

void append_wire(std::string& out, const Reply& reply) {
    if (!is_reply_code(reply.code)) return append_wire(out, reply::kLocalError);
    const Prefix prefix{reply.code, usable_status_code(reply.code, reply.enhanced)};
    if (reply.lines.empty()) return append_line(out, prefix, {}, true);
    for (std::size_t i = 0; i < reply.lines.size(); ++i) {
        append_text(out, prefix, reply.lines[i], i + 1 == reply.lines.size());
    }
}

void append_wire(std::string& out, const FixedReply& reply) {
    append_text(out, {reply.code, reply.enhanced}, reply.line, true);
}

std::string wire(const Reply& reply) {
    std::string out;
    append_wire(out, reply);
    return out;
}

ReplyParser::State ReplyParser::read(std::string_view& input) {
    while (state_ == State::incomplete && !input.empty()) {
        const auto lf = input.find('\n');
        const auto piece = input.substr(0, lf == std::string_view::npos ? lf : lf + 1);
        if (piece.size() > kMaxOctets - octets_) return fail("reply too long");
        octets_ += piece.size();
        line_ += piece;
        input.remove_prefix(piece.size());
        if (lf != std::string_view::npos) end_of_line();
    }
    return state_;
}

ReplyParser::State ReplyParser::end_of_line() {
    std::string_view line = line_;
    line.remove_suffix(1);
    if (!line.ends_with('\r')) return fail("reply line ends without CR LF");
    line.remove_suffix(1);
    if (line.find('\r') != std::string_view::npos) return fail("bare CR in a reply");
    if (line.size() < 3 || !std::all_of(line.begin(), line.begin() + 3, is_digit))
        return fail("reply without a code");
    const int code = (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
    if (!is_reply_code(code)) return fail("reply code of no known class");
    const bool is_last = line.size() == 3 || line[3] == ' ';
    if (!is_last && line[3] != '-') return fail("malformed reply line");
    if (!reply_.lines.empty() && code != reply_.code) return fail("reply lines with different codes");
    if (reply_.lines.size() == kMaxLines) return fail("reply with too many lines");
    const auto digit = line[0];
    line.remove_prefix(std::min<std::size_t>(4, line.size()));
    const std::size_t length = status_code_length(line, digit);
    if (reply_.lines.empty()) {
        reply_.code = code;
        reply_.enhanced = line.substr(0, length);
    }
    if (length > 0 && line.substr(0, length) == reply_.enhanced) {
        line.remove_prefix(std::min(length + 1, line.size()));
    }
    reply_.lines.emplace_back(line);
    line_.clear();
    return state_ = is_last ? State::complete : State::incomplete;
}

ReplyParser::State ReplyParser::fail(std::string_view why) {
    problem_ = why;
    return state_ = State::failed;
}

Reply ReplyParser::take() {
    Reply taken = std::move(reply_);
    reply_ = Reply{};
    octets_ = 0;
    state_ = State::incomplete;
    return taken;
}

}  // namespace gatepost::protocol
