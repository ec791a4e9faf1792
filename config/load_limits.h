// The part of the configuration under `limits`. Private to this folder.
#pragma once

#include "config/reader.h"

namespace gatepost::config {

void read_limits(Mapping& top, Limits& limits);

}  // namespace gatepost::config
