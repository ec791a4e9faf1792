// The octets of a message as they arrive, whoever frames them (DATA or BDAT): where their lines end, what is
// wrong with them, and what of them goes on.
#pragma once

#include <cstddef>
#include <string>
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

enum class BareNewlines { refused, normalized };

struct ContentRules {
    std::size_t size_limit = 0;     // octets, as they go on
    std::size_t line_limit = 8192;  // octets of a line without its CRLF
    BareNewlines bare_newlines = BareNewlines::refused;
    // BODY=BINARYMIME: only the header block is held to lines; it is never normalised (RFC 3030 section 3).
    bool is_binary = false;
};

// Bare LF becomes CR LF, bare CR becomes a space (specs/smtp.md M-21).
class NewlineNormalizer {
  public:
    // What stands in the place of `piece`: a view of it or of an own copy, valid until the next call. A CR at
    // its end is held back until its successor is known.
    std::string_view next(std::string_view piece);
    // For a CR that was held back and has no successor, or surely another one than LF.
    std::string_view end();
    void hold_cr() { holds_cr_ = true; }

  private:
    void append(char c);

    std::string converted_;
    bool holds_cr_ = false;
};

class ContentCheck {
  public:
    enum class Dots { stop_at_line_start, ordinary };

    explicit ContentCheck(ContentRules rules) : rules_(rules) {}

    // Takes octets from the front of `input`, and leaves a dot that begins a line if it is to stop there.
    // Returns the content among them; it may be empty, and is so always once the content is flawed, for it
    // goes nowhere.
    std::string_view take(std::string_view& input, Dots dots);
    // A dot at the line's start was taken away by the framing.
    void dot_removed() { place_ = Place::in_line; }
    // A CR was taken away by the framing that is content after all, and no LF follows.
    void bare_cr();
    // No more comes. What is still to go on: of a CR that was held back.
    std::string_view end();

    bool is_at_line_start() const { return place_ == Place::line_start; }
    const MailFlaws& flaws() const { return flaws_; }
    // Octets that went on, or would have without flaws: with CRLFs, without framing (RFC 1870 section 3).
    std::size_t size() const { return size_; }

  private:
    enum class Place { line_start, in_line, after_cr };
    bool is_normalizing() const;
    bool is_free() const { return rules_.is_binary && is_behind_header_; }
    std::size_t scan(std::string_view input, Dots dots);
    void end_line(std::string_view line);
    void check_line(std::string_view piece);
    std::string_view counted(std::string_view piece);

    ContentRules rules_;
    std::size_t size_ = 0;
    std::size_t line_ = 0;  // octets of the unfinished line
    Place place_ = Place::line_start;
    bool is_behind_header_ = false;
    MailFlaws flaws_;
    NewlineNormalizer normalizer_;
};

}  // namespace gatepost::protocol
