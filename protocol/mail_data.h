// The content of DATA on the wire: dot-stuffed lines, ended by CRLF.CRLF and by nothing else (RFC 5321
// section 4.5.2). Both directions work on portions of any size, and copy nothing but what they normalise:
// what they give out are views.
#pragma once

#include <cstddef>
#include <string_view>

#include "protocol/mail_content.h"

namespace gatepost::protocol {

class DataDecoder {
  public:
    explicit DataDecoder(ContentRules rules) : check_(rules) {}

    // Takes octets from the front of `input` (at least one, if there is one and the end has not come) and
    // returns the content among them. May be empty; is always empty once the content is flawed, for it goes
    // nowhere. Valid until the next call.
    std::string_view next(std::string_view& input);
    // The final dot was taken; what is left of `input` are commands.
    bool has_ended() const { return place_ == Place::ended; }
    const MailFlaws& flaws() const { return check_.flaws(); }
    // Octets of content so far, without stuffed dots and the final dot.
    std::size_t size() const { return check_.size(); }

  private:
    enum class Place { content, after_dot, after_dot_cr, ended };

    ContentCheck check_;
    Place place_ = Place::content;
};

// For content without flaws. Should a bare CR, a bare LF or a NUL come here all the same, none of them is
// given out, nor anything behind it, nor the final dot: a mistake upstream then costs one message, and never
// makes two of it (specs/smtp.md M-22).
class DotStuffer {
  public:
    // Takes octets from the front of `content` and returns what is to be written next. Until `content` is
    // empty, which it is at once when the content is flawed.
    std::string_view next(std::string_view& content);
    // The final dot, behind a CRLF if the last line lacks one; empty if the content was flawed. Ready for the
    // next message then.
    std::string_view end();
    // Bare CR, bare LF or NUL so far in this message: the connection is to be given up.
    bool is_flawed() const { return is_flawed_; }

  private:
    enum class Place { line_start, in_line, after_cr, at_stuffed_dot };
    std::string_view checked(std::string_view piece, Place before, std::string_view& content);
    Place place_ = Place::line_start;
    bool is_flawed_ = false;
};

}  // namespace gatepost::protocol
