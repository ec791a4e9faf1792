// `notifications` of the configuration. Private to this folder.
#pragma once

#include "config/reader.h"

namespace gatepost::config {

void read_notifications(Mapping& top, Notifications& notifications, const std::filesystem::path& folder);

}  // namespace gatepost::config
