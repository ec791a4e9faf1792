#include "schedule.h"

#include <algorithm>
#include <memory>

#include "process.h"

namespace gatepost::simulation {
namespace {

using config::SpoolMode;
using gateway::Fate;
using Heard = Attempt::Heard;

constexpr Milliseconds kSecond = 1000;
constexpr Milliseconds kCalm = 2 * 3600 * kSecond;  // from then on nothing breaks any more
constexpr std::uint64_t kMostEvents = 100'000;      // who is not at rest after these never will be

class Schedule {
  public:
    Schedule(std::uint64_t seed, Break order, bool has_trace)
        : world_(seed, has_trace), order_(order), downstream_(world_, world_.dice.chance(40)) {}

    Report play();

  private:
    void draw();
    void start();
    void step(const std::function<void()>& event);
    void crash();
    void toggle(std::size_t destination);
    void calm_down();
    void send(std::size_t message);
    void ask_recipients(std::size_t attempt);
    void hears(std::size_t attempt, const protocol::Reply& reply);
    void broken(std::size_t attempt);
    void settle();
    Milliseconds between(Milliseconds least, Milliseconds most) {
        return least + static_cast<Milliseconds>(world_.dice.below(static_cast<std::size_t>(most - least)));
    }

    World world_;
    Break order_;
    config::Settings settings_;
    Downstream downstream_;
    std::vector<Letter> letters_;
    std::unique_ptr<Process> process_;
    std::size_t crashes_ = 0, steps_ = 0;  // crashes to come; steps to the next one
    bool is_calm_ = false;
    Report report_;
};

void Schedule::draw() {
    auto& dice = world_.dice;
    settings_.downstream.spool = static_cast<SpoolMode>(dice.below(10) < 2 ? 0 : 1 + dice.below(2));
    settings_.downstream.retry = {std::chrono::seconds(60), std::chrono::seconds(600),
                                  std::chrono::seconds(dice.chance(30) ? 1800 : 5 * 86400)};
    settings_.queue.deliveries = 1 + dice.below(3);
    settings_.notifications.delay_after = std::chrono::seconds(600);
    downstream_.set_trouble(dice.chance(25) ? 0 : 15);
    world_.disk.set_faults(dice.chance(60) ? 0 : 8);
    crashes_ = dice.below(4);
    steps_ = 1 + dice.below(60);
    letters_.resize(1 + dice.below(5));
    for (auto& letter : letters_) {
        letter.destination = dice.below(2);
        letter.is_bad_content = dice.chance(5);
        for (std::size_t i = 0; i <= dice.below(3); ++i) {
            letter.is_unknown_user.push_back(dice.chance(10));
            letter.pending.push_back(i);
        }
    }
}

void Schedule::start() {
    ++world_.life;
    world_.is_up = true;
    world_.trace("--- the process starts");
    const auto tell = [this](std::size_t attempt, const protocol::Reply& reply) {
        // What was said last may get lost on its way.
        const bool is_lost = !is_calm_ && world_.dice.chance(4);
        world_.at(between(1, 50), [this, attempt, reply, is_lost] {
            if (is_lost) {
                broken(attempt);
            } else {
                hears(attempt, reply);
            }
        });
    };
    process_ = std::make_unique<Process>(world_, downstream_, letters_, settings_, order_, tell);
    world_.in_process(1, [this] { process_->recover(); });
}

// It may die before a step, in the middle of it or right after it.
void Schedule::step(const std::function<void()>& event) {
    if (is_calm_ || crashes_ == 0 || --steps_ > 0) return event();
    const std::size_t when = world_.dice.below(3);
    if (when == 1) world_.disk.cut_next();
    if (when > 0) event();
    crash();
}

void Schedule::crash() {
    const bool is_machine = world_.dice.chance(60);
    world_.trace(is_machine ? "--- the machine dies" : "--- the process dies");
    ++(is_machine ? report_.machine_crashes : report_.process_crashes);
    if (is_machine) world_.disk.lose_power();
    world_.disk.mend();
    for (const auto attempt : process_->open()) {
        world_.at(between(1, 100), [this, attempt] { broken(attempt); });
    }
    world_.is_up = false;
    --crashes_;
    steps_ = 1 + world_.dice.below(40);
    world_.at(between(100, 60 * kSecond), [this] { start(); });
}

void Schedule::toggle(std::size_t destination) {
    if (is_calm_) return;
    downstream_.set_up(destination, !downstream_.is_up(destination));
    world_.trace("downstream ", destination, downstream_.is_up(destination) ? " is there" : " is away");
    world_.at(between(kSecond, 1800 * kSecond), [this, destination] { toggle(destination); });
}

void Schedule::calm_down() {
    world_.trace("--- from here on nothing breaks");
    is_calm_ = true;
    downstream_.set_trouble(0);
    downstream_.set_up(0, true);
    downstream_.set_up(1, true);
    world_.disk.set_faults(0);
}

void Schedule::send(std::size_t message) {
    auto& letter = letters_[message];
    if (letter.pending.empty()) return;
    if (!world_.is_up) {
        world_.at(between(kSecond, 120 * kSecond), [this, message] { send(message); });
        return;
    }
    const std::size_t attempt = world_.ledger.begin(message, letter.pending, world_.now);
    world_.trace("client: m", message, " as a", attempt);
    world_.in_process(between(1, 40), [this, attempt] { ask_recipients(attempt); });
    // Whoever does not get so far notices it.
    const unsigned life = world_.life;
    world_.at(100, [this, attempt, life] {
        const bool is_gone = world_.life != life || !world_.is_up;
        if (is_gone && !world_.ledger.attempt(attempt).is_over && !process_->open().contains(attempt))
            broken(attempt);
    });
}

// As Intake does it. Without a spool LMTP takes one recipient at a time.
void Schedule::ask_recipients(std::size_t number) {
    Attempt& attempt = world_.ledger.attempt(number);
    Letter& letter = letters_[attempt.message];
    const bool has_spool = settings_.downstream.spool != SpoolMode::never;
    const bool is_one_by_one = !has_spool && downstream_.is_lmtp();
    std::vector<std::size_t> accepted;
    bool is_connected = true;
    for (const auto recipient : std::exchange(attempt.recipients, {})) {
        if (is_one_by_one && !accepted.empty()) continue;
        auto answer = downstream_.asked(letter, recipient);
        if (answer.fate == Fate::refused && is_connected) {
            world_.trace("client: r", recipient, " is refused");
            std::erase(letter.pending, recipient);
            continue;
        }
        if (answer.fate == Fate::unreachable) is_connected = false;
        if (answer.fate == Fate::accepted || (has_spool && !is_connected)) accepted.push_back(recipient);
    }
    if (!has_spool && !is_connected) accepted.clear();
    attempt.recipients = accepted;
    if (accepted.empty()) {
        hears(number, protocol::reply::kDownstreamDown);
    } else {
        process_->begin_session(number, is_connected);
    }
}

void Schedule::hears(std::size_t number, const protocol::Reply& reply) {
    Attempt& attempt = world_.ledger.attempt(number);
    if (std::exchange(attempt.is_over, true)) return;
    world_.trace("client: a", number, " hears ", reply.text());
    const Heard heard = reply.is_positive()    ? Heard::positive
                        : reply.is_permanent() ? Heard::permanent
                                               : Heard::temporary;
    world_.ledger.answered(number, heard);
    const std::size_t message = attempt.message;
    if (heard != Heard::temporary) {
        for (const auto recipient : attempt.recipients) std::erase(letters_[message].pending, recipient);
    }
    world_.at(between(kSecond, 900 * kSecond), [this, message] { send(message); });
}

void Schedule::broken(std::size_t number) {
    Attempt& attempt = world_.ledger.attempt(number);
    if (std::exchange(attempt.is_over, true)) return;
    world_.trace("client: a", number, " is cut off");
    const std::size_t message = attempt.message;
    world_.at(between(kSecond, 900 * kSecond), [this, message] { send(message); });
}

void Schedule::settle() {
    if (world_.events >= kMostEvents) world_.ledger.violation("it never comes to rest");
    for (std::size_t i = 0; i < letters_.size(); ++i) {
        if (!letters_[i].pending.empty())
            world_.ledger.violation("message " + std::to_string(i) + " is still with its client");
    }
    for (const auto& name : world_.disk.names_in("queue")) {
        // What could not be taken back waits for the next start.
        if (!world_.ledger.attempt(attempt_of(name.substr(6))).has_failed_commit)
            world_.ledger.violation("left behind: " + name);
    }
    world_.ledger.settle();
}

Report Schedule::play() {
    draw();
    start();
    for (std::size_t i = 0; i < letters_.size(); ++i) {
        world_.at(between(1, world_.dice.chance(50) ? 1200 * kSecond : 100), [this, i] { send(i); });
    }
    for (std::size_t i = 0; i < 2; ++i) {
        if (world_.dice.chance(60)) world_.at(between(1, 900 * kSecond), [this, i] { toggle(i); });
        if (world_.dice.chance(30)) downstream_.set_up(i, false);
    }
    world_.at(kCalm, [this] { calm_down(); });
    const auto run = [this](const std::function<void()>& event) { step(event); };
    while (world_.events < kMostEvents && world_.run_next(run)) continue;
    settle();
    report_.violations = world_.ledger.violations();
    report_.duplicates = world_.ledger.duplicates();
    report_.deliveries = world_.ledger.deliveries();
    report_.notices = world_.ledger.notices();
    report_.events = world_.events;
    return report_;
}

}  // namespace

Report play(std::uint64_t seed, Break order, bool has_trace) {
    return Schedule(seed, order, has_trace).play();
}

}  // namespace gatepost::simulation
