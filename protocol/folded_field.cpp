#include "protocol/folded_field.h"

#include <algorithm>

namespace gatepost::protocol {
namespace {

constexpr std::size_t kMaxLine = 78;  // RFC 5322 section 2.1.1

}  // namespace

FoldedField::FoldedField(std::string_view name) : text_(name) {
    text_ += ':';
}

void FoldedField::add(std::string_view word) {
    if (text_.size() - line_begin_ + 1 + word.size() > kMaxLine) {
        text_ += "\r\n";
        line_begin_ = text_.size();
    }
    text_ += ' ';
    text_ += word;
}

void FoldedField::add_words(std::string_view text) {
    for (std::size_t at = 0; (at = text.find_first_not_of(' ', at)) != std::string_view::npos;) {
        const auto end = std::min(text.find(' ', at), text.size());
        add(text.substr(at, end - at));
        at = end;
    }
}

}  // namespace gatepost::protocol
