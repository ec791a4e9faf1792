#include "gateway/metrics.h"

#include <fmt/format.h>

#include <initializer_list>
#include <utility>

namespace gatepost::gateway {
namespace {

void begin(std::string& text, const char* name, const char* type, const char* help) {
    text += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
}

template <class Number>
void single(std::string& text, const char* name, const char* type, const char* help, Number value) {
    begin(text, name, type, help);
    text += fmt::format("{} {}\n", name, value);
}

void family(std::string& text, const char* name, const char* label, const char* help,
            std::initializer_list<std::pair<const char*, std::uint64_t>> rows) {
    begin(text, name, "counter", help);
    for (const auto& [which, value] : rows)
        text += fmt::format("{}{{{}=\"{}\"}} {}\n", name, label, which, value);
}

void add_queue(std::string& text, const Metrics& metrics) {
    single(text, "gatepost_queue_messages", "gauge", "Messages in the spool, held ones too.",
           metrics.queued_messages);
    single(text, "gatepost_queue_bytes", "gauge", "What they take up.", metrics.queued_octets);
    single(text, "gatepost_queue_tries_running", "gauge", "Messages that are being delivered from the spool.",
           metrics.running_tries);
    family(text, "gatepost_queue_recipients_tried_total", "outcome",
           "Tries to deliver from the spool, by recipient and what came of it.",
           {{"accepted", metrics.accepted},
            {"refused", metrics.refused},
            {"deferred", metrics.deferred},
            {"unreachable", metrics.unreachable},
            {"unknown", metrics.unknown}});
    family(text, "gatepost_notifications_total", "event",
           "Delivery status notifications that were put into the spool.",
           {{"failed", metrics.failure_notices},
            {"delayed", metrics.delay_notices},
            {"relayed", metrics.relay_notices}});
    single(text, "gatepost_dead_letters_total", "counter",
           "Recipients whose mail was kept as a dead letter: there was nobody to tell.",
           metrics.dead_letters);
}

}  // namespace

std::string exposition(const Metrics& metrics) {
    std::string text;
    begin(text, "gatepost_build_info", "gauge", "1; the label says which version runs.");
    text += fmt::format("gatepost_build_info{{version=\"{}\"}} 1\n", metrics.version);
    single(text, "process_start_time_seconds", "gauge", "When gatepost began, in Unix seconds.",
           fmt::format("{:.3f}", metrics.started));
    single(text, "gatepost_sessions", "gauge", "Clients that are connected.", metrics.sessions);
    if (metrics.has_queue) add_queue(text, metrics);
    return text;
}

}  // namespace gatepost::gateway
