// Lists of downstream servers, wherever the configuration has one, and the routes of `downstream`.
#pragma once

#include <filesystem>
#include <string_view>

#include "config/reader.h"

namespace gatepost::config {

// Reads `key` of `map`: each a URL or {url, priority, weight}. Paths that do not begin with / start at
// `folder`.
void read_servers(Mapping& map, std::string_view key, const std::filesystem::path& folder,
                  std::vector<DownstreamServer>& servers);

// downstream.routes; `settings.domains` must have been read.
void read_routes(Mapping& downstream, Settings& settings, const std::filesystem::path& folder);

// A server at which we would talk to ourselves is an error; `settings.listeners` must have been read.
void refuse_loops(const Settings& settings, const std::vector<DownstreamServer>& servers, Findings& findings);
// Servers without a name have no DNS records, so tls: dane does nothing for them.
void warn_of_nameless(const std::vector<DownstreamServer>& servers, Findings& findings);

}  // namespace gatepost::config
