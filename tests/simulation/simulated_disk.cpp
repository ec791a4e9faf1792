#include "simulated_disk.h"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace gatepost::simulation {
namespace {

using gateway::DiskStep;

bool is_in(std::string_view name, std::string_view folder) {
    return name.size() > folder.size() && name.starts_with(folder) && name[folder.size()] == '/';
}

}  // namespace

void SimulatedDisk::change(const std::string& name, std::size_t file) {
    if (file == kNone) {
        cache_.erase(name);
    } else {
        cache_[name] = file;
    }
    pending_.push_back({name, file});
}

void SimulatedDisk::apply(const Change& change) {
    if (change.file == kNone) {
        durable_.erase(change.name);
    } else {
        durable_[change.name] = change.file;
    }
}

int SimulatedDisk::run(const DiskStep& step, std::string_view text) {
    using Kind = DiskStep::Kind;
    if (step.kind == Kind::sync_folder) return sync_folder(step.name);
    if (step.kind == Kind::write) return write(step.name, text);
    const auto found = cache_.find(step.name);
    if (found == cache_.end()) return ENOENT;
    const std::size_t file = found->second;
    switch (step.kind) {
        case Kind::append: return append(files_[file], step.text);
        case Kind::sync_file: return sync(files_[file]);
        case Kind::rename: return rename(step.name, step.target, file);
        default: break;
    }
    if (fails()) return EIO;
    change(step.name, kNone);
    return 0;
}

int SimulatedDisk::write(const std::string& name, std::string_view text) {
    if (cache_.contains(name)) return EEXIST;
    if (fails() && chance_.percent(30)) return ENOSPC;  // not even the name
    files_.emplace_back();
    change(name, files_.size() - 1);
    return put(files_.back(), text);
}

// What fails may leave a part behind.
int SimulatedDisk::put(File& file, std::string_view text) {
    const bool is_cut = std::exchange(is_cut_, false);
    if (!is_cut && !fails()) {
        file.cache += text;
        return 0;
    }
    file.cache += text.substr(0, chance_.below(text.size() + 1));
    return chance_.percent(50) ? ENOSPC : EIO;
}

// As the real one does: half a line that an earlier append has left behind goes first; then all or nothing,
// unless the process dies before it could take its part back, or that fails too.
int SimulatedDisk::append(File& file, std::string_view text) {
    const std::size_t end = is_careless_ ? file.cache.size() : file.cache.rfind('\n') + 1;
    file.cache.resize(end);
    file.lost_to = std::min(file.lost_to, end);
    const bool is_cut = is_cut_;
    const int error = put(file, text);
    if (error != 0 && !is_cut && !is_careless_ && !fails()) file.cache.resize(end);
    return error;
}

// What a failed sync did not write counts as clean from then on: the next one succeeds, and has not written
// it either.
int SimulatedDisk::sync(File& file) {
    is_cut_ = false;
    if (fails()) {
        const auto [cached, written] =
            std::mismatch(file.cache.begin(), file.cache.end(), file.durable.begin(), file.durable.end());
        file.lost_from = static_cast<std::size_t>(cached - file.cache.begin());
        file.lost_to = chance_.percent(70) ? file.cache.size() : 0;
        return EIO;
    }
    const bool is_lost = file.lost_from < std::min(file.lost_to, file.cache.size());
    file.durable = file.cache;
    if (is_lost)
        std::fill(
            file.durable.begin() + static_cast<std::ptrdiff_t>(file.lost_from),
            file.durable.begin() + static_cast<std::ptrdiff_t>(std::min(file.lost_to, file.durable.size())),
            '\0');
    return 0;
}

// A failed one may have written each of the changes; the others are written by the next one.
int SimulatedDisk::sync_folder(std::string_view folder) {
    is_cut_ = false;
    const bool is_failure = fails();
    std::erase_if(pending_, [&](const Change& change) {
        if (!is_in(change.name, folder)) return false;
        if (is_failure && chance_.percent(50)) return false;
        apply(change);
        return true;
    });
    return is_failure ? EIO : 0;
}

int SimulatedDisk::rename(const std::string& name, const std::string& target, std::size_t file) {
    is_cut_ = false;
    if (cache_.contains(target)) return EEXIST;
    if (fails()) return chance_.percent(50) ? EIO : ENOSPC;
    change(target, file);
    change(name, kNone);
    return 0;
}

int SimulatedDisk::link(const std::string& name, const std::string& target) {
    const auto found = cache_.find(name);
    if (found == cache_.end()) return ENOENT;
    if (cache_.contains(target)) return EEXIST;
    if (fails()) return ENOSPC;
    change(target, found->second);
    return 0;
}

void SimulatedDisk::truncate(const std::string& name, std::size_t octets) {
    const auto found = cache_.find(name);
    if (found == cache_.end()) return;
    File& file = files_[found->second];
    file.cache.resize(std::min(octets, file.cache.size()));
    file.lost_to = std::min(file.lost_to, file.cache.size());
}

void SimulatedDisk::lose_power() {
    for (const auto& each : pending_) {
        if (chance_.percent(50)) apply(each);
    }
    pending_.clear();
    for (auto& file : files_) lose_tail(file);
    cache_ = durable_;
}

// What went out by itself before the end: nothing, a part, all of it, or a length whose blocks were never
// filled.
void SimulatedDisk::lose_tail(File& file) {
    is_cut_ = false;
    if (file.cache != file.durable && chance_.percent(60)) {
        const auto same =
            std::mismatch(file.cache.begin(), file.cache.end(), file.durable.begin(), file.durable.end());
        const auto kept = static_cast<std::size_t>(same.first - file.cache.begin());
        const std::size_t more = chance_.below(file.cache.size() - kept + 1);
        const std::size_t filled = chance_.percent(30) ? chance_.below(more + 1) : more;
        file.durable = file.cache.substr(0, kept + filled) + std::string(more - filled, '\0');
    }
    file.cache = file.durable;
    file.lost_from = file.lost_to = 0;
}

const std::string* SimulatedDisk::read(const std::string& name) const {
    const auto found = cache_.find(name);
    return found == cache_.end() ? nullptr : &files_[found->second].cache;
}

std::vector<std::string> SimulatedDisk::names_in(std::string_view folder) const {
    std::vector<std::string> names;
    for (auto found = cache_.lower_bound(folder); found != cache_.end(); ++found) {
        if (is_in(found->first, folder)) names.push_back(found->first);
    }
    return names;
}

}  // namespace gatepost::simulation
