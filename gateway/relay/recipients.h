// Who is there, as far as that is known without asking the downstream: the administrator's file and folder
// decide where they are given, and what the downstream said lately is remembered. One for each worker.
#pragma once

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "config/settings.h"
#include "gateway/relay/recipient_cache.h"
#include "gateway/relay/recipient_file.h"

namespace gatepost::gateway {

class Recipients {
  public:
    using Time = RecipientCache::Time;
    // Whether the downstream could be asked instead: then only a fresh yes is taken (recipients.refresh),
    // while it is away an older one as well (recipients.positive).
    enum class Downstream { there, away };

    // `file`: null if recipients.file is not given.
    Recipients(const config::Settings& settings, std::shared_ptr<RecipientFile> file);

    // The file has been opened anew, by the same name or, if it is null, not at all; and these are our
    // domains now: they may change while the settings stay that all else stands on.
    void use(std::shared_ptr<RecipientFile> file, std::vector<protocol::Domain> domains) {
        file_ = std::move(file);
        domains_ = std::move(domains);
    }

    // What file and folder say; unclear without both. Unknown: refused at once with reply::kUnknownUser,
    // whether the downstream is there or not. <Postmaster> is always known.
    Standing listed(const protocol::Path& recipient) const;
    // The same, and beyond it what is remembered. Known: it may be taken without asking. Unclear: ask the
    // downstream; if it is away, say so.
    Standing lookup(const protocol::Path& recipient, Downstream downstream, Time now);
    // The downstream's answer to RCPT, as it came.
    void learn(const protocol::Path& recipient, const protocol::Reply& theirs, Time now);

  private:
    const config::Settings& settings_;
    std::shared_ptr<RecipientFile> file_;
    std::vector<protocol::Domain> domains_;
    RecipientCache cache_;
};

}  // namespace gatepost::gateway
