// Macro strings of SPF (RFC 7208 section 7): checked when they are read, expanded when they are needed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace gatepost::auth {

// Where the string stands decides about its letters and its end. c, r and t are for explanations; a
// domain-spec ends in a top label or a macro; an unknown modifier is never expanded, so any letter will do.
enum class MacroUse { domain_spec, unknown_modifier, explanation };

class MacroString {
  public:
    // The value of a lower-case macro letter; nothing if it cannot be had, and then nothing comes of the
    // whole.
    using Values = std::function<std::optional<std::string>(char letter)>;

    static std::optional<MacroString> parse(std::string_view text, MacroUse use);

    const std::string& text() const { return text_; }

    // For a DNS question: lower case, no final dot, labels dropped at the left until 253 octets hold it. The
    // name may still be one that cannot be asked.
    std::optional<std::string> expand_domain(const Values& values) const;
    // For people; nothing if it would be longer than `limit` octets.
    std::optional<std::string> expand_text(const Values& values, std::size_t limit) const;

    friend bool operator==(const MacroString&, const MacroString&) = default;

  private:
    explicit MacroString(std::string_view text) : text_(text) {}
    std::optional<std::string> expand(const Values& values, std::size_t limit) const;
    std::string text_;
};

}  // namespace gatepost::auth
