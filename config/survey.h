// A look at the text before yaml-cpp makes nodes of it: what yaml-cpp reads in silence otherwise than people
// do, or does not survive, is refused here. Private to this folder.
#pragma once

#include <optional>
#include <string>

#include "config/load.h"

namespace gatepost::config {

constexpr int kMaxDepth = 16;  // the deepest configuration has 5 levels

// Throws YAML::Exception where the text is no YAML at all.
std::optional<Finding> refusal_of(const std::string& yaml);

}  // namespace gatepost::config
