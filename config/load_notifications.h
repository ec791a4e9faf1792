// `notifications` of the configuration. Private to this folder.
#pragma once

#include "config/reader.h"

namespace gatepost::config {

// `settings.downstream` must have been read: its tls holds for notifications.relay, too.
void read_notifications(Mapping& top, Settings& settings, const std::filesystem::path& folder);

}  // namespace gatepost::config
