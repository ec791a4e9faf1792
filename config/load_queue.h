// The section `queue`: how much may be spooled, and how it is delivered.
#pragma once

#include "config/reader.h"

namespace gatepost::config {

void read_queue(Mapping& top, Queue& queue);
// When all else has been read.
void warn_of_small_queue(Mapping& top, const Settings& settings);

}  // namespace gatepost::config
