#include "ledger.h"

#include <algorithm>

namespace gatepost::simulation {

using Heard = Attempt::Heard;

std::size_t Ledger::begin(std::size_t message, std::vector<std::size_t> recipients, std::int64_t now) {
    Attempt attempt;
    attempt.message = message;
    attempt.recipients = std::move(recipients);
    attempt.began = now;
    attempts_.push_back(std::move(attempt));
    return attempts_.size() - 1;
}

void Ledger::violation(std::string what) {
    violations_.push_back(std::move(what));
}

void Ledger::answered(std::size_t number, Heard heard) {
    Attempt& attempt = attempts_.at(number);
    attempt.heard = heard;
    if (heard != Heard::permanent) return;
    for (const auto& delivery : deliveries_) {
        if (delivery.attempt == number)
            violation("attempt " + std::to_string(number) + " is refused, but was delivered");
    }
}

std::size_t Ledger::delivered(std::size_t number, std::size_t recipient, bool is_unknown, unsigned life) {
    const Delivery now{number, recipient, is_unknown, life, false};
    const Attempt& attempt = attempts_.at(number);
    if (attempt.heard == Heard::permanent)
        violation("attempt " + std::to_string(number) + " was refused, and is delivered");
    const Delivery* last = nullptr;
    for (const auto& before : deliveries_) {
        if (before.recipient != recipient || attempts_.at(before.attempt).message != attempt.message)
            continue;
        if (before.attempt == number && before.is_recorded)
            violation("attempt " + std::to_string(number) + " is delivered again though that was recorded");
        last = &before;
    }
    if (last) judge_again(*last, now);
    deliveries_.push_back(now);
    return deliveries_.size() - 1;
}

void Ledger::judge_again(const Delivery& before, const Delivery& now) {
    const auto count = [&](Window window) { ++duplicates_[static_cast<std::size_t>(window)]; };
    if (before.attempt == now.attempt) {
        if (before.is_recorded) return;  // said already
        if (before.is_unknown) return count(Window::unknown_outcome);
        if (before.life != now.life) return count(Window::crash_before_record);
        return violation("attempt " + std::to_string(now.attempt) + " is delivered twice by one process");
    }
    // The client came again, so it was not told that the earlier one is safe.
    const Attempt& earlier = attempts_.at(std::min(before.attempt, now.attempt));
    if (earlier.heard == Heard::nothing) return count(Window::missed_answer);
    if (earlier.is_unknown) return count(Window::unknown_outcome);
    if (earlier.is_partly_spooled) return count(Window::partly_spooled);
    if (earlier.has_failed_commit) return count(Window::failed_commit);
    violation("attempts " + std::to_string(before.attempt) + " and " + std::to_string(now.attempt) +
              " are both delivered");
}

void Ledger::recorded(std::size_t attempt, std::size_t recipient) {
    for (auto& delivery : deliveries_) {
        if (delivery.attempt == attempt && delivery.recipient == recipient) delivery.is_recorded = true;
    }
}

void Ledger::refused(std::size_t message, std::size_t recipient) {
    refusals_.push_back({message, recipient});
}

void Ledger::notified(std::size_t number, std::size_t recipient, bool is_expired) {
    notices_.push_back({number, recipient});
    const std::size_t message = attempts_.at(number).message;
    const bool is_refused = std::any_of(refusals_.begin(), refusals_.end(), [&](const Pair& each) {
        return each.attempt == message && each.recipient == recipient;
    });
    if (!is_refused && !is_expired)
        violation("attempt " + std::to_string(number) + " is given up though nobody refused it");
}

bool Ledger::is_cared_for(std::size_t message, std::size_t recipient) const {
    const auto is_it = [&](const auto& each) {
        return each.recipient == recipient && attempts_.at(each.attempt).message == message;
    };
    return std::any_of(deliveries_.begin(), deliveries_.end(), is_it) ||
           std::any_of(notices_.begin(), notices_.end(), is_it);
}

void Ledger::settle() {
    for (std::size_t number = 0; number < attempts_.size(); ++number) {
        const Attempt& attempt = attempts_[number];
        if (attempt.heard != Heard::positive) continue;
        for (const std::size_t recipient : attempt.recipients) {
            if (!is_cared_for(attempt.message, recipient)) {
                violation("LOST: message " + std::to_string(attempt.message) + " for recipient " +
                          std::to_string(recipient) + ", attempt " + std::to_string(number) + " heard 250");
            }
        }
    }
}

}  // namespace gatepost::simulation
