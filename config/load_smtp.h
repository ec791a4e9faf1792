// The part of the configuration under `smtp`. Private to this folder.
#pragma once

#include "config/reader.h"

namespace gatepost::config {

void read_smtp(Mapping& top, Smtp& smtp);

}  // namespace gatepost::config
