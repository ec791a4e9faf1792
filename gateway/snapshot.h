// Reading the configuration as a whole, with all that it names: nothing of it is used unless all of it is
// good.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "gateway/environment.h"

namespace gatepost::gateway {

struct SnapshotResult {
    std::shared_ptr<const Snapshot> snapshot;  // null if anything is wrong
    std::vector<std::string> problems;         // whole lines, errors and warnings, with file, line and column
};

// For checks that reach outside the file (certificates, folders). `for_serving`: also makes folders ready.
enum class Purpose { checking, serving, verifying };

// Certificates whose files are still those of `before` are taken from there, and session tickets stay good.
SnapshotResult take_snapshot(const std::string& file, Purpose purpose, const Snapshot* before = nullptr);
SnapshotResult take_snapshot(config::Settings settings, Purpose purpose, const Snapshot* before = nullptr);

// The certificates and keys that the settings name, into the snapshot; empty, or what is wrong with them.
// `before`: as above, or null.
std::string load_certificates(const config::Settings& settings, const Snapshot* before, Snapshot& snapshot);

std::string system_hostname();

}  // namespace gatepost::gateway
