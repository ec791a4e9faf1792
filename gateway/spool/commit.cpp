#include "gateway/spool/commit.h"

#include <algorithm>
#include <cerrno>

namespace gatepost::gateway {
namespace {

using Kind = DiskStep::Kind;

}  // namespace

Commit::Commit(std::vector<std::string> ids, bool has_left)
    : ids_(std::move(ids)),
      errors_(ids_.size(), 0),
      places_(ids_.size(), Place::nowhere),
      has_left_(has_left) {}

// What has failed goes no further, and is removed at the end, wherever it got to.
bool Commit::is_due(std::size_t item) const {
    if (phase_ == Phase::remove) return errors_[item] != 0 && places_[item] != Place::nowhere;
    return errors_[item] == 0;
}

DiskStep Commit::step_for(std::size_t item) const {
    const std::string tmp = "tmp/" + ids_[item], queue = "queue/" + ids_[item];
    switch (phase_) {
        case Phase::write: return {.kind = Kind::write, .name = tmp, .item = item};
        case Phase::sync: return {.kind = Kind::sync_file, .name = tmp};
        case Phase::rename: return {.kind = Kind::rename, .name = tmp, .target = queue};
        default: return {.kind = Kind::remove, .name = places_[item] == Place::tmp ? tmp : queue};
    }
}

std::optional<DiskStep> Commit::next() {
    while (phase_ != Phase::over) {
        if (phase_ == Phase::sync_folder) {
            const bool is_any_there =
                std::any_of(errors_.begin(), errors_.end(), [](int error) { return error == 0; });
            if (is_any_there || has_left_) return DiskStep{.kind = Kind::sync_folder, .name = "queue"};
            phase_ = Phase::remove;
        }
        while (item_ < ids_.size() && !is_due(item_)) ++item_;
        if (item_ < ids_.size()) return step_for(item_);
        item_ = 0;
        phase_ = static_cast<Phase>(static_cast<int>(phase_) + 1);
    }
    return {};
}

std::vector<std::string> Commit::left() const {
    std::vector<std::string> names;
    for (std::size_t i = 0; i < ids_.size(); ++i) {
        if (errors_[i] == 0 || places_[i] == Place::nowhere) continue;
        names.push_back((places_[i] == Place::tmp ? "tmp/" : "queue/") + ids_[i]);
    }
    return names;
}

void Commit::fail_all(int error) {
    for (auto& each : errors_) {
        if (each == 0) each = error;
    }
}

void Commit::ended(int error) {
    if (phase_ == Phase::sync_folder) {
        folder_error_ = error;
        if (error != 0) fail_all(error);
        phase_ = Phase::remove;
        return;
    }
    auto& place = places_[item_];
    switch (phase_) {
        // Whatever fails may have left a part behind. What was there already is such a part, of an earlier
        // failure whose removal failed too: a notification comes again under the same id.
        case Phase::write: place = Place::tmp; break;
        case Phase::rename:
            if (error == 0) place = Place::queue;
            break;
        case Phase::remove:
            if (error == 0 || error == ENOENT) place = Place::nowhere;
            break;
        default: break;
    }
    if (phase_ != Phase::remove && error != 0) errors_[item_] = error;
    ++item_;
}

}  // namespace gatepost::gateway
