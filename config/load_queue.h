// The section `queue`: how much may be spooled, and how it is delivered.
#pragma once

#include "config/reader.h"

namespace gatepost::config {

void read_queue(Mapping& top, Queue& queue);

}  // namespace gatepost::config
