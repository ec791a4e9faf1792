#include "simulated_disk.h"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace gatepost::simulation {

using gateway::DiskStep;

void SimulatedDisk::change(const std::string& name, std::shared_ptr<File> file) {
    if (file) {
        cache_[name] = file;
    } else {
        cache_.erase(name);
    }
    pending_.push_back({name, std::move(file)});
}

void SimulatedDisk::apply(const Change& change) {
    if (change.file) {
        durable_[change.name] = change.file;
    } else {
        durable_.erase(change.name);
    }
}

// A short write leaves its part behind, unless the caller takes it back.
int SimulatedDisk::put(File& file, const std::string& text, bool is_whole_or_nothing) {
    const bool is_cut = std::exchange(is_cut_, false);
    if (!is_cut && !fails()) {
        file.cache += text;
        return 0;
    }
    if (is_cut || !is_whole_or_nothing) file.cache += text.substr(0, dice_.below(text.size() + 1));
    return dice_.chance(50) ? ENOSPC : EIO;
}

int SimulatedDisk::sync(File& file) {
    if (fails()) {
        file.lost_from = std::min(file.durable.size(), file.cache.size());
        file.lost_to = file.cache.size();
        return EIO;
    }
    file.durable = file.cache;
    for (auto i = file.lost_from; i < std::min(file.lost_to, file.durable.size()); ++i)
        file.durable[i] = '\0';
    return 0;
}

int SimulatedDisk::run(const DiskStep& step, const std::vector<std::string>& contents) {
    using Kind = DiskStep::Kind;
    if (step.kind == Kind::sync_folder) {
        if (fails()) return EIO;
        const auto is_here = [&](const Change& change) { return change.name.starts_with(step.name + "/"); };
        for (const auto& change : pending_) {
            if (is_here(change)) apply(change);
        }
        std::erase_if(pending_, is_here);
        return 0;
    }
    const auto found = cache_.find(step.name);
    if (step.kind == Kind::write) {
        if (found != cache_.end()) return EEXIST;
        auto file = std::make_shared<File>();
        change(step.name, file);
        return put(*file, contents.at(step.item), false);
    }
    if (found == cache_.end()) return ENOENT;
    const auto file = found->second;
    switch (step.kind) {
        case Kind::append: {  // as Disk::append: a line that was cut off is taken away before the next one
            file->cache.resize(file->cache.rfind('\n') + 1);
            file->lost_to = std::min(file->lost_to, file->cache.size());
            return put(*file, step.text, true);
        }
        case Kind::sync_file: return sync(*file);
        case Kind::rename:
            if (fails()) return EIO;
            change(step.target, file);
            change(step.name, nullptr);
            return 0;
        default:
            if (fails()) return EIO;
            change(step.name, nullptr);
            return 0;
    }
}

void SimulatedDisk::lose_power() {
    for (const auto& change : pending_) {
        if (dice_.chance(50)) apply(change);
    }
    pending_.clear();
    cache_ = durable_;
    for (auto& [name, file] : cache_) {
        // What went out by itself before the end: a part, all of it, or blocks that were never filled.
        const std::size_t kept = file->durable.size();
        if (file->cache.size() > kept && file->cache.starts_with(file->durable)) {
            const std::size_t more = dice_.below(file->cache.size() - kept + 1);
            const std::size_t good = dice_.below(more + 1);
            file->durable +=
                file->cache.substr(kept, good) + std::string(dice_.chance(30) ? more - good : 0, '\0');
        }
        file->cache = file->durable;
        file->lost_from = file->lost_to = 0;
    }
}

std::vector<std::string> SimulatedDisk::names_in(const std::string& folder) const {
    std::vector<std::string> names;
    for (const auto& [name, file] : cache_) {
        if (name.starts_with(folder + "/")) names.push_back(name);
    }
    return names;
}

const std::string* SimulatedDisk::read(const std::string& name) const {
    const auto found = cache_.find(name);
    return found == cache_.end() ? nullptr : &found->second->cache;
}

void SimulatedDisk::truncate(const std::string& name, std::size_t octets) {
    const auto found = cache_.find(name);
    if (found == cache_.end()) return;
    found->second->cache.resize(octets);
    if (found->second->durable.size() > octets) found->second->durable.resize(octets);
}

}  // namespace gatepost::simulation
