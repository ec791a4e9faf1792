// Where and how clients come in: `listeners`, `tls` and `require_tls`. Private to this folder.
#pragma once

#include <filesystem>

#include "config/reader.h"

namespace gatepost::config {

void read_listeners(Mapping& top, std::vector<Listener>& listeners);
// Relative paths start at `folder`.
void read_tls(Mapping& top, std::vector<TlsIdentity>& identities, const std::filesystem::path& folder);
// After read_tls: nothing can be required that is not offered.
void read_require_tls(Mapping& top, Settings& settings);

}  // namespace gatepost::config
