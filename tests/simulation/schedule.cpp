#include "schedule.h"

#include <algorithm>
#include <optional>

#include "simulated_client.h"
#include "simulated_downstream.h"
#include "simulated_gateway.h"
#include "world.h"

namespace gatepost::simulation {
namespace {

using std::chrono::seconds;

constexpr std::size_t kMostSteps = 20'000;  // a few hundred are usual
constexpr std::size_t kMostDeliveries = 2;  // at once

class Schedule {
  public:
    Schedule(std::uint64_t seed, Break fault, bool has_trace)
        : world_(seed, fault, has_trace), downstream_(world_) {
        settings_.downstream.retry = {seconds(60), seconds(600), world_.plan.expire};
        settings_.queue.deliveries = kMostDeliveries;
        settings_.notifications.delay_after = world_.plan.delay_after;
        if (fault == Break::record_behind_half_a_line) world_.disk.set_careless();
        for (std::size_t i = 0; i < world_.plan.messages.size(); ++i) clients_.emplace_back(world_, i);
    }

    std::vector<std::string> play(Report& report) {
        while (go_on()) continue;
        if (world_.ledger.violations().empty()) {
            calm_down();
            start();  // what was left in the spool unknown to the queue is found at the latest now
            while (go_on()) continue;
        }
        settle();
        add_to(report);
        return world_.ledger.violations();
    }

  private:
    void start() {
        ++world_.life;
        world_.trace("the gateway starts");
        gateway_.reset();
        gateway_ = std::make_unique<SimulatedGateway>(world_, downstream_, settings_);
    }

    // One step, or the time until the next; false when all is at rest.
    bool go_on() {
        if (!world_.ledger.violations().empty()) return false;
        if (world_.step > kMostSteps) {
            world_.ledger.violation("does not come to rest");
            return false;
        }
        if (!gateway_ && world_.now >= starts_at_) start();
        if (gateway_) gateway_->drive();
        const std::size_t going_on = gateway_ ? gateway_->ready() : 0;
        const std::size_t sending = static_cast<std::size_t>(
            std::count_if(clients_.begin(), clients_.end(), [&](auto& each) { return is_due(each); }));
        if (going_on + sending == 0) return wait();
        ++world_.step;
        if (is_crash_due()) return crash();
        step(world_.chance.below(going_on + sending), going_on);
        for (auto& client : clients_) client.look();
        return true;
    }

    bool is_due(const SimulatedClient& client) const {
        const auto at = client.sends_at();
        return at && *at <= world_.now && gateway_ && gateway_->is_up();
    }

    void step(std::size_t which, std::size_t going_on) {
        if (which < going_on) return gateway_->resume(which);
        which -= going_on;
        for (auto& client : clients_) {
            if (is_due(client) && which-- == 0) return client.send(*gateway_);
        }
    }

    bool is_crash_due() const {
        const auto& crashes = world_.plan.crashes;
        return gateway_ && next_crash_ < crashes.size() && crashes[next_crash_].step <= world_.step;
    }

    // Cut: the step that was due next is half done.
    bool crash() {
        const CrashPlan& crash = world_.plan.crashes[next_crash_++];
        const std::size_t ready = gateway_->ready();
        if (crash.cuts_step && ready > 0) {
            world_.disk.cut_next();
            gateway_->resume(world_.chance.below(ready));
            for (auto& client : clients_) client.look();
        }
        world_.disk.is_whole_again();
        gateway_.reset();
        world_.trace(crash.is_of_machine ? "the machine dies" : "the process dies");
        if (crash.is_of_machine) world_.disk.lose_power();
        ++(crash.is_of_machine ? machine_crashes_ : process_crashes_);
        starts_at_ = world_.now + crash.downtime;
        for (auto& client : clients_) client.lose_connection();
        return true;
    }

    // Nothing can be done now: on to the moment when something can.
    bool wait() {
        std::optional<Time> next;
        const auto consider = [&](std::optional<Time> time) {
            if (time && (!next || *time < *next)) next = time;
        };
        for (const auto& client : clients_) consider(client.sends_at());
        if (gateway_) consider(gateway_->wake_at());
        if (!gateway_) next = starts_at_;
        if (!next) return false;
        world_.now = std::max(world_.now, *next);
        const bool is_calm = world_.now - Time() >= world_.plan.calm_after;
        if (is_calm) calm_down();
        return true;
    }

    void calm_down() {
        if (world_.is_calm) return;
        world_.trace("nothing goes wrong any more");
        world_.is_calm = true;
        world_.disk.set_faults(0);
    }

    void settle() {
        if (world_.ledger.violations().empty()) {
            if (gateway_->queued() > 0) world_.ledger.violation("something is left in the queue's memory");
            for (const auto& name : world_.disk.names_in("queue")) world_.ledger.violation(name + " is left");
            world_.disk.lose_power();
            world_.ledger.settle(
                [&](const std::string& id) { return world_.disk.read("dead/" + id) != nullptr; });
        }
        for (const auto& violation : world_.ledger.violations()) world_.trace("VIOLATION:", violation);
    }

    void add_to(Report& report) const {
        ++report.schedules;
        report.steps += world_.step;
        report.messages += clients_.size();
        report.transactions += world_.ledger.transactions();
        report.deliveries += world_.ledger.deliveries();
        report.process_crashes += process_crashes_;
        report.machine_crashes += machine_crashes_;
        report.failed += world_.ledger.violations().empty() ? 0 : 1;
        for (std::size_t i = 0; i < report.duplicates.size(); ++i)
            report.duplicates[i] += world_.ledger.duplicates()[i];
    }

    World world_;
    SimulatedDownstream downstream_;
    config::Settings settings_;
    std::vector<SimulatedClient> clients_;
    std::unique_ptr<SimulatedGateway> gateway_;
    Time starts_at_{};
    std::size_t next_crash_ = 0;
    std::uint64_t process_crashes_ = 0, machine_crashes_ = 0;
};

}  // namespace

std::vector<std::string> play(std::uint64_t seed, Break fault, bool has_trace, Report& report) {
    Schedule schedule(seed, fault, has_trace);
    return schedule.play(report);
}

}  // namespace gatepost::simulation
