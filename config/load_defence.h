// The part of the configuration under `defence`. Private to this folder.
#pragma once

#include "config/reader.h"

namespace gatepost::config {

void read_defence(Mapping& top, Defence& defence);

}  // namespace gatepost::config
