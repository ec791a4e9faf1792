// The content of DATA on the wire: dot-stuffed lines, ended by CRLF.CRLF and by nothing else (RFC 5321
// section 4.5.2). Both directions work on portions of any size and never copy: what they give out are views
// into what they were given, or into a constant.
#pragma once

#include <cstddef>
#include <string_view>

namespace gatepost::protocol {

// What no content may have. It is remembered, not answered at once: up to the true end all octets are
// content, or a smuggled command would run (specs/smtp.md M-20).
struct MailFlaws {
    bool bare_cr = false;
    bool bare_lf = false;
    bool nul = false;
    bool long_line = false;
    bool too_large = false;
    bool any() const { return bare_cr || bare_lf || nul || long_line || too_large; }
    friend bool operator==(const MailFlaws&, const MailFlaws&) = default;
};

class DataDecoder {
  public:
    // `line_limit`: octets of a line, without its CRLF.
    explicit DataDecoder(std::size_t size_limit, std::size_t line_limit = 8192)
        : size_limit_(size_limit), line_limit_(line_limit) {}

    // Takes octets from the front of `input` (at least one, if there is one and the end has not come) and
    // returns the content among them. May be empty; is always empty once the content is flawed, for it goes
    // nowhere.
    std::string_view next(std::string_view& input);
    // The final dot was taken; what is left of `input` are commands.
    bool has_ended() const { return place_ == Place::ended; }
    const MailFlaws& flaws() const { return flaws_; }
    // Octets of content so far: with CRLFs, without stuffed dots and the final dot (RFC 1870 section 3).
    std::size_t size() const { return size_; }

  private:
    enum class Place { line_start, in_line, after_cr, after_dot, after_dot_cr, ended };
    std::size_t scan(std::string_view input);
    void end_line(std::string_view line);
    void check_line(std::string_view line);
    std::string_view counted(std::string_view piece);

    std::size_t size_limit_;
    std::size_t line_limit_;
    std::size_t size_ = 0;
    std::size_t line_ = 0;  // octets of the unfinished line
    Place place_ = Place::line_start;
    MailFlaws flaws_;
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
