// Reads the structured body of a header field: white space, comments, quoted strings (RFC 5322 section 3.2).
// Every octet is looked at once, and nothing is copied.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace gatepost::protocol {

// Whether an unfolded body holds only what a header field may: well-formed UTF-8 and no control character but
// HTAB, nor one that some reader takes for a line end (U+0085, U+2028, U+2029).
bool is_clean_text(std::string_view unfolded);

class FieldCursor {
  public:
    enum class Gap { none, present, broken };

    // `unfolded` must outlive the cursor.
    explicit FieldCursor(std::string_view unfolded) : text_(unfolded) {}

    // Skips white space and comments. Broken: a comment that is not closed or nested deeper than kMaxNesting.
    Gap skip_cfws();

    bool at_end() const { return at_ == text_.size(); }
    char peek() const { return at_end() ? '\0' : text_[at_]; }
    std::size_t position() const { return at_; }
    std::string_view between(std::size_t begin, std::size_t end) const {
        return text_.substr(begin, end - begin);
    }

    // Steps over `sign` if it is next.
    bool take(char sign);
    std::string_view take_while(bool (*belongs)(char));
    // Steps over a quoted string; gives what stands between the quotes, still escaped. Nothing if it is not
    // closed.
    std::optional<std::string_view> take_quoted();

    static constexpr int kMaxNesting = 20;

  private:
    bool skip_comment();

    std::string_view text_;
    std::size_t at_ = 0;
};

// The content of a quoted string with its quoted pairs resolved.
std::string unescaped(std::string_view quoted);

}  // namespace gatepost::protocol
