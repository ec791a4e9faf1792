// YAML to Settings: strict, and all problems at once, each with its place, what is wrong and what would be
// right.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/settings.h"

namespace gatepost::config {

struct Finding {
    enum class Weight { warning, error };
    Weight weight = Weight::error;
    Place place;
    std::string text;
    friend bool operator==(const Finding&, const Finding&) = default;
};

struct Loaded {
    std::optional<Settings> settings;  // only if there is no error
    std::vector<Finding> findings;     // in the order of the file
};

constexpr std::size_t kMaxConfigOctets = 1024 * 1024;

// `file` is used in messages and as the place from which relative paths start; `system_hostname` stands in
// for a missing `hostname`.
Loaded load_text(std::string_view yaml, const std::string& file, const std::string& system_hostname);
// A file that cannot be read is one finding without a line.
Loaded load_file(const std::string& file, const std::string& system_hostname);

// "/etc/gatepost.yaml:12:5: error: unknown key …"
std::string text(const Finding& finding, const std::string& file);

}  // namespace gatepost::config
