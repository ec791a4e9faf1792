#include "auth/body_hash.h"

#include <algorithm>

namespace gatepost::auth {

void BodyHash::want(std::uint64_t length) {
    const auto at =
        std::lower_bound(cuts_.begin(), cuts_.end(), length,
                         [](const Cut& cut, std::uint64_t wanted) { return cut.length < wanted; });
    if (at == cuts_.end() || at->length != length) cuts_.insert(at, Cut{length, {}});
}

void BodyHash::write(std::string_view chunk) {
    canonicalizer_.write(chunk, [this](std::string_view octets) { hash(octets); });
}

void BodyHash::finish() {
    canonicalizer_.finish([this](std::string_view octets) { hash(octets); });
    note_cuts();
    whole_ = sha256_.finish();
}

void BodyHash::hash(std::string_view octets) {
    note_cuts();
    while (next_cut_ < cuts_.size() && cuts_[next_cut_].length - length_ <= octets.size()) {
        const auto part = static_cast<std::size_t>(cuts_[next_cut_].length - length_);
        sha256_.update(octets.substr(0, part));
        octets.remove_prefix(part);
        length_ += part;
        note_cuts();
    }
    sha256_.update(octets);
    length_ += octets.size();
}

void BodyHash::note_cuts() {
    while (next_cut_ < cuts_.size() && cuts_[next_cut_].length == length_) {
        cuts_[next_cut_++].digest = sha256_.so_far();
    }
}

std::optional<Digest> BodyHash::digest(std::optional<std::uint64_t> length) const {
    if (!length) return whole_;
    for (std::size_t i = 0; i < next_cut_; ++i) {
        if (cuts_[i].length == *length) return cuts_[i].digest;
    }
    return {};
}

}  // namespace gatepost::auth
