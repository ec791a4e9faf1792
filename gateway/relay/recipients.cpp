#include "gateway/relay/recipients.h"

#include <algorithm>

namespace gatepost::gateway {

Recipients::Recipients(const config::Settings& settings, std::shared_ptr<RecipientFile> file)
    : settings_(settings), file_(std::move(file)), domains_(settings.domains), cache_(settings.recipients) {}

Standing Recipients::listed(const protocol::Path& recipient) const {
    const auto& folder = settings_.recipients.folder;
    if (protocol::is_postmaster(recipient)) return Standing::known;  // RFC 5321 section 4.5.1
    if (file_ && file_->list()->includes(recipient)) return Standing::known;
    if (!folder.empty()) return look_up_in_folder(folder, recipient);
    return file_ ? Standing::unknown : Standing::unclear;
}

// The downstream knows better than a list that somebody is gone.
Standing Recipients::lookup(const protocol::Path& recipient, Downstream downstream, Time now) {
    const Standing standing = listed(recipient);
    if (standing == Standing::unknown || protocol::is_postmaster(recipient)) return standing;
    const auto& times = settings_.recipients;
    const auto max_age = downstream == Downstream::there ? times.refresh : times.positive;
    const std::optional<bool> remembered = cache_.lookup(recipient, max_age, now);
    if (!remembered) return standing;
    return *remembered ? Standing::known : Standing::unknown;
}

void Recipients::learn(const protocol::Path& recipient, const protocol::Reply& theirs, Time now) {
    const bool is_ours =
        recipient.domain && std::find(domains_.begin(), domains_.end(), *recipient.domain) != domains_.end();
    if (is_ours) cache_.learn(recipient, theirs, now);
}

}  // namespace gatepost::gateway
