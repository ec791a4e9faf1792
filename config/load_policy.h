// The part of the configuration under `policy`. Private to this folder.
#pragma once

#include "config/reader.h"

namespace gatepost::config {

void read_policy(Mapping& top, DmarcPolicy& policy);

}  // namespace gatepost::config
