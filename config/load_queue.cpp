#include "config/load_queue.h"

namespace gatepost::config {

using namespace std::chrono_literals;

void read_queue(Mapping& top, Queue& queue) {
    Mapping map(top["queue"], "queue", top.findings());
    map.count("messages", queue.messages, 1, 10'000'000);
    map.size("size", queue.size, std::size_t(1) << 20, std::size_t(1) << 50);
    map.size("free_space", queue.free_space, 0, std::size_t(1) << 50);
    map.count("deliveries", queue.deliveries, 1, 100);
    map.duration<seconds>("dead_letters", queue.dead_letters, 0s, 3650 * 86400s);
    map.finish();
}

void warn_of_small_queue(Mapping& top, const Settings& settings) {
    const bool is_used = settings.downstream.spool != SpoolMode::never;
    if (!is_used || settings.queue.size >= settings.limits.message_size || !top.is_given("queue")) return;
    note(top.findings(), top["queue"]["size"] ? top["queue"]["size"] : top["queue"],
         "queue.size is less than limits.message_size: larger messages are told to come again later (452), "
         "for "
         "ever; make it larger, or message_size smaller",
         Finding::Weight::warning);
}

}  // namespace gatepost::config
