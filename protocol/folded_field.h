// Writes a header field of ours, word by word, with no line longer than it must be.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace gatepost::protocol {

class FoldedField {
  public:
    explicit FoldedField(std::string_view name);

    // `word` must hold neither controls nor anything that could end it early; blanks in it are kept together.
    // A new line is begun before it if the line would grow beyond 78 octets (RFC 5322 section 2.1.1).
    void add(std::string_view word);
    // The words of a text, each by itself.
    void add_words(std::string_view text);
    // The whole field with its final CRLF.
    std::string finished() { return std::move(text_) + "\r\n"; }

  private:
    std::string text_;
    std::size_t line_begin_ = 0;
};

}  // namespace gatepost::protocol
