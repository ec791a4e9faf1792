// The section `recipients`: who is there, beyond the downstream's own answers.
#pragma once

#include <filesystem>

#include "config/reader.h"

namespace gatepost::config {

// Paths that do not begin with / start at `folder`.
void read_recipients(Mapping& top, Recipients& recipients, const std::filesystem::path& folder);

}  // namespace gatepost::config
