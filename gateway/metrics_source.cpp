#include "gateway/metrics_source.h"

namespace gatepost::gateway {

Metrics metrics_of(double started, const Admission& admission, const Spool* spool, const QueueRunner* queue) {
    Metrics metrics;
    metrics.version = GATEPOST_VERSION;
    metrics.started = started;
    metrics.sessions = admission.sessions();
    metrics.has_queue = spool && queue;
    if (!metrics.has_queue) return metrics;
    const Spool::Load load = spool->load();
    metrics.queued_messages = load.messages;
    metrics.queued_octets = load.octets;
    const QueueCounts& counts = queue->counts();
    const auto tried = [&](Fate fate) { return counts.tried[static_cast<std::size_t>(fate)].load(); };
    const auto told = [&](Queue::Notify::What what) {
        return counts.notices[static_cast<std::size_t>(what)].load();
    };
    metrics.running_tries = counts.tries;
    metrics.accepted = tried(Fate::accepted);
    metrics.refused = tried(Fate::refused);
    metrics.deferred = tried(Fate::deferred);
    metrics.unreachable = tried(Fate::unreachable);
    metrics.unknown = tried(Fate::unknown);
    metrics.failure_notices = told(Queue::Notify::What::failed);
    metrics.delay_notices = told(Queue::Notify::What::delayed);
    metrics.relay_notices = told(Queue::Notify::What::relayed);
    metrics.dead_letters = counts.dead_letters;
    return metrics;
}

}  // namespace gatepost::gateway
