#include "gateway/spool/key_check.h"

#include "auth/published_key.h"
#include "gateway/log.h"

namespace gatepost::gateway {
namespace {

using auth::Published;
using auth::PublishedKey;

// Empty: there is none.
std::string name_of_key(const Snapshot& snapshot) {
    const auto& notifications = snapshot.settings.notifications;
    if (!notifications.is_on || !snapshot.notification_key || notifications.selector.empty()) return {};
    const auto domain =
        notifications.domain ? notifications.domain : protocol::Domain::parse(snapshot.settings.hostname);
    return domain ? notifications.selector + "._domainkey." + domain->text() : std::string();
}

void log_published(const std::string& name, const PublishedKey& published, const std::string& file) {
    LogLine line("notification_key");
    line.add("name", name);
    switch (published.state) {
        case Published::fits: return log_info(line.add("state", "published"));
        case Published::unknown: return log_info(line.add("state", "unknown").add("why", published.why));
        case Published::missing: line.add("state", "missing"); break;
        case Published::unfit: line.add("state", "unfit").add("why", published.why); break;
    }
    log_warning(line.add("remedy", "publish what this prints: gatepost keygen --show --config " + file));
}

}  // namespace

awaitable<void> check_notification_key(std::shared_ptr<Environment> environment) {
    const Snapshot& snapshot = *environment->snapshot;
    const std::string name = name_of_key(snapshot);
    if (name.empty()) co_return;
    PublishedKey published;
    auth::DnsFacts facts = environment->resolver.facts();
    const std::function<void(auth::DnsFacts&)> evaluate = [&](auth::DnsFacts& known) {
        const auth::DnsAnswer* answer = known.find(auth::RecordType::txt, name);
        if (answer) published = auth::compare_published_key(*snapshot.notification_key, *answer);
    };
    const Deadline deadline = Clock::now() + snapshot.settings.limits.dns_timeout;
    co_await settle(environment->resolver, deadline, facts, evaluate);
    log_published(name, published, snapshot.settings.file);
}

}  // namespace gatepost::gateway
