// The section `metrics`: where monitoring asks.
#pragma once

#include "config/reader.h"

namespace gatepost::config {

void read_metrics(Mapping& top, Metrics& metrics);

}  // namespace gatepost::config
