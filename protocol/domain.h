// A domain name as mail identities use it: A-labels, lower case, no final dot, letters, digits, hyphen and
// underscore only. Parsed once at the edge and right ever after.
#pragma once

#include <compare>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace gatepost::protocol {

class Domain {
  public:
    // Accepts U-labels (IDNA2008, RFC 5891: no mapping beyond ASCII case) and one final dot. Nothing for an
    // empty name or label, a label over 63 or a name over 253 octets, any other character.
    static std::optional<Domain> parse(std::string_view text);

    const std::string& text() const { return text_; }
    std::size_t labels() const;

    // Whether each label that begins with "xn--" is an A-label: what it stands for is a valid U-label, and
    // comes back to it (RFC 5891 section 4.2.3.1). Others are shown by some readers as the name that they
    // hold.
    bool has_valid_a_labels() const;

    // The rightmost `count` labels; the whole name if it has no more.
    Domain last_labels(std::size_t count) const;
    // Compared label by label: "nk.example" is not above "bank.example".
    bool is_or_is_below(const Domain& other) const;

    friend auto operator<=>(const Domain&, const Domain&) = default;

  private:
    explicit Domain(std::string text) : text_(std::move(text)) {}
    std::string text_;
};

// Whether `name` is `domain` or below it, for lower-case names in dotted form.
bool is_or_is_below(std::string_view name, std::string_view domain);

}  // namespace gatepost::protocol
