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

// For content without flaws: bare CR, bare LF and NUL would be sent as they are, and must not come here
// (specs/smtp.md M-22).
class DotStuffer {
  public:
    // Takes octets from the front of `content` and returns what is to be written next. Until `content` is
    // empty.
    std::string_view next(std::string_view& content);
    // The final dot, behind a CRLF if the last line lacks one. Ready for the next message then.
    std::string_view end();

  private:
    enum class Place { line_start, in_line, after_cr, at_stuffed_dot };
    Place place_ = Place::line_start;
};

}  // namespace gatepost::protocol
