// What mailing lists and gateways put into the Subject: "[talk] hello", "Re: [talk] hello".
#pragma once

#include <optional>

#include "protocol/header.h"

namespace gatepost::auth {

// The header with the first "[tag]" of its Subject taken away, and the blank behind it; every field at the
// same index. Nothing unless there is just one Subject and its first word, or the first behind "Re:" or the
// like, is a tag.
std::optional<protocol::Header> without_subject_tag(const protocol::Header& header);

}  // namespace gatepost::auth
