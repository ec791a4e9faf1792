#include "config/load_defence.h"

namespace gatepost::config {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

// A sender waits five minutes for a reply to RCPT (RFC 5321 section 4.5.3.2.3): no delay comes near that.
constexpr milliseconds kLongestDelay = 60s;

void read_tarpit(Mapping& defence, Tarpit& tarpit) {
    Mapping map(defence["tarpit"], "defence.tarpit", defence.findings());
    map.count("after", tarpit.after, 0, 1000);
    map.duration<milliseconds>("delay", tarpit.delay, 1ms, kLongestDelay);
    map.duration<milliseconds>("max", tarpit.max, 1ms, kLongestDelay);
    map.finish();
}

void read_harvest(Mapping& defence, Harvest& harvest) {
    Mapping map(defence["harvest"], "defence.harvest", defence.findings());
    map.count("slow_after", harvest.slow_after, 0, 100'000);
    map.duration<milliseconds>("delay", harvest.delay, 1ms, kLongestDelay);
    map.count("end_after", harvest.end_after, 1, 100'000);
    map.finish();
}

}  // namespace

void read_defence(Mapping& top, Defence& defence) {
    Mapping map(top["defence"], "defence", top.findings());
    read_tarpit(map, defence.tarpit);
    read_harvest(map, defence.harvest);
    map.count("delayed_sessions", defence.delayed_sessions, 0, 1'000'000);
    map.finish();
}

}  // namespace gatepost::config
