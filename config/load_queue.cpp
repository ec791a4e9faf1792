#include "config/load_queue.h"

namespace gatepost::config {

using namespace std::chrono_literals;

void read_queue(Mapping& top, Queue& queue) {
    Mapping map(top["queue"], "queue", top.findings());
    map.count("messages", queue.messages, 1, 10'000'000);
    map.size("size", queue.size, std::size_t(1) << 20, std::size_t(1) << 50);
    map.size("free_space", queue.free_space, 0, std::size_t(1) << 50);
    map.count("deliveries", queue.deliveries, 1, 1000);
    map.duration<seconds>("dead_letters", queue.dead_letters, 0s, 3650 * 86400s);
    map.finish();
}

}  // namespace gatepost::config
