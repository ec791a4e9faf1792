#include "plan.h"

#include <algorithm>

namespace gatepost::simulation {
namespace {

using std::chrono::seconds;

MessagePlan draw_message(Chance& chance) {
    MessagePlan message;
    message.recipients = chance.between(1, kMaxRecipients);
    for (auto& is_unknown_user : message.is_unknown_user) is_unknown_user = chance.percent(15);
    message.may_notify = chance.percent(50);
    message.is_refused = chance.percent(5);
    message.begins = seconds(chance.percent(50) ? 0 : chance.below(1200));
    message.octets = chance.below(200);
    return message;
}

// Calm, changeable or foul.
unsigned draw_rate(Chance& chance, unsigned most) {
    return chance.percent(50) ? 0 : static_cast<unsigned>(chance.between(1, most));
}

Weather draw_weather(Chance& chance) {
    Weather weather;
    weather.disk_fails = draw_rate(chance, 12);
    weather.client_leaves = draw_rate(chance, 6);
    weather.unreachable = draw_rate(chance, 60);
    weather.away_for_long = draw_rate(chance, 20);
    weather.deferred = draw_rate(chance, 40);
    weather.refused = draw_rate(chance, 20);
    weather.vanishes = draw_rate(chance, 40);
    return weather;
}

// Most come early, for schedules are short; an even spread would seldom hit anything.
std::vector<CrashPlan> draw_crashes(Chance& chance) {
    std::vector<CrashPlan> crashes(chance.below(4));
    for (auto& crash : crashes) {
        crash.step = chance.below(chance.percent(60) ? 60 : 250);
        crash.is_of_machine = chance.percent(60);
        crash.cuts_step = chance.percent(30);
        crash.downtime = seconds(chance.percent(70) ? chance.below(120) : chance.below(20'000));
    }
    std::sort(crashes.begin(), crashes.end(), [](auto& a, auto& b) { return a.step < b.step; });
    return crashes;
}

}  // namespace

Plan Plan::draw(Chance& chance) {
    using config::SpoolMode;
    Plan plan;
    const std::size_t mode = chance.below(10);
    plan.mode = mode < 1 ? SpoolMode::never : mode < 5 ? SpoolMode::outage : SpoolMode::always;
    plan.is_lmtp = chance.percent(40);
    plan.refuses_at_end = chance.percent(50);
    plan.messages.resize(chance.between(1, kMaxMessages));
    for (auto& message : plan.messages) message = draw_message(chance);
    plan.crashes = draw_crashes(chance);
    plan.weather = draw_weather(chance);
    constexpr seconds kExpire[] = {seconds(900), seconds(7200), seconds(5 * 86400)};
    plan.expire = kExpire[chance.below(3)];
    plan.delay_after = seconds(chance.percent(50) ? 0 : 300);
    plan.calm_after = seconds(chance.between(600, 10'000));
    return plan;
}

}  // namespace gatepost::simulation
