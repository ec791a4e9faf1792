// The section `downstream`: where accepted mail goes.
#pragma once

#include <filesystem>

#include "config/reader.h"

namespace gatepost::config {

// Paths that do not begin with / start at `folder`.
void read_downstream(Mapping& top, Settings& settings, const std::filesystem::path& folder);

}  // namespace gatepost::config
