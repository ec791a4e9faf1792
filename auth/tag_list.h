// A tag=value list as DKIM writes it (RFC 6376 section 3.2): in signatures, key records and ARC sets. Strict:
// one octet out of the grammar makes the whole list invalid. (DMARC records have a more lenient grammar of
// their own.)
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/result.h"

namespace gatepost::auth {

struct Tag {
    std::string_view name;   // as written; tag names are case-sensitive
    std::string_view value;  // without white space at its ends; may still be folded within
    std::string_view raw;    // everything between "=" and ";" or the end of the list
};

class TagList {
  public:
    static constexpr std::size_t kMaxTags = 100;  // ours: the RFC knows 15

    // The tags are views into `text`. A repeated name makes the list invalid, like any other error of syntax.
    static protocol::Result<TagList> parse(std::string_view text);

    const Tag* find(std::string_view name) const;
    const std::vector<Tag>& tags() const { return tags_; }

  private:
    protocol::Result<Tag> parse_tag(std::string_view spec) const;
    std::vector<Tag> tags_;
};

// Without folding and white space, wherever it stands: for base64.
std::string without_white_space(std::string_view value);

// "from : to:subject" in its parts, white space around each removed; an empty value is one empty part.
std::vector<std::string_view> colon_separated(std::string_view value);

}  // namespace gatepost::auth
