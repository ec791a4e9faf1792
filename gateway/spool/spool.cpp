#include "gateway/spool/spool.h"

#include <filesystem>

#include "gateway/spool/disk_spool.h"

namespace gatepost::gateway {

using protocol::Problem;
using protocol::Result;

Result<std::unique_ptr<Spool>> Spool::open(const std::string& folder, const config::Queue& limits) {
    auto opened = SpoolFolder::open(folder);
    if (!opened) return Problem{opened.problem()};
    return std::unique_ptr<Spool>(std::make_unique<DiskSpool>(std::move(*opened), limits));
}

Result<std::unique_ptr<Spool>> open_spool(const config::Settings& settings) {
    const std::string folder = settings.state + "/spool";
    std::error_code ignored;
    const bool is_needed = settings.downstream.spool != config::SpoolMode::never ||
                           std::filesystem::exists(folder + "/queue", ignored);
    if (!is_needed) return std::unique_ptr<Spool>();
    return Spool::open(folder, settings.queue);
}

}  // namespace gatepost::gateway
