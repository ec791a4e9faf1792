// Values with a unit, as people write them in the configuration.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "config/settings.h"

namespace gatepost::config {

// "512", "64KiB", "50MiB", "1GiB": octets.
std::optional<std::size_t> parse_size(std::string_view text);
// "250ms", "30s", "5m", "1h", "5d"; a number without unit is no duration.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);
// "127.0.0.1:53", "[::1]:53", and without a port if `default_port` is given.
std::optional<Endpoint> parse_endpoint(std::string_view text, std::optional<std::uint16_t> default_port = {});
// "2027-06-30"
std::optional<std::chrono::sys_days> parse_date(std::string_view text);
// smtp://host[:port], lmtp://host:port, lmtp+unix:///path, maildir:///path (or maildir://path, relative)
std::optional<DownstreamServer> parse_downstream(std::string_view url);

}  // namespace gatepost::config
