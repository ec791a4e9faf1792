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
    bool long_line = false;  // over 8192 octets without CRLF
    bool too_large = false;
    bool any() const { return bare_cr || bare_lf || nul || long_line || too_large; }
    friend bool operator==(const MailFlaws&, const MailFlaws&) = default;
};

class DataDecoder {
  public:
    explicit DataDecoder(std::size_t size_limit) : size_limit_(size_limit) {}

    // Takes octets from the front of `input` (at least one, if there is one and the end has not come) and
    // returns the content among them. May be empty; is always empty once the content is flawed, for it goes
    // nowhere.
    std::string_view next(std::string_view& input);
    // The final dot was taken; what is left of `input` are commands.
    bool has_ended() const { return place_ == Place::ended; }
    const MailFlaws& flaws() const { return flaws_; }
    // Octets of content so far: with CRLFs, without stuffed dots and the final dot (RFC 1870 section 3).
    std::size_t size() const { return size_; }

    static constexpr std::size_t kMaxLine = 8192;

  private:
    enum class Place { line_start, in_line, after_cr, after_dot, after_dot_cr, ended };
    std::size_t scan(std::string_view input);
    void end_line(std::string_view line);
    void check_line(std::string_view line);
    std::string_view counted(std::string_view piece);

    std::size_t size_limit_;
    std::size_t size_ = 0;
    std::size_t line_ = 0;  // octets of the unfinished line
    Place place_ = Place::line_start;
    MailFlaws flaws_;
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
