#include "ledger.h"

#include <algorithm>

namespace gatepost::simulation {

Attempt& Ledger::begin(std::string id, std::size_t message, std::string content) {
    auto& attempt = attempts_.emplace_back();
    attempt.id = std::move(id);
    attempt.message = message;
    attempt.content = std::move(content);
    return attempt;
}

Attempt* Ledger::find(std::string_view id) {
    const auto found =
        std::find_if(attempts_.begin(), attempts_.end(), [&](const Attempt& each) { return each.id == id; });
    return found == attempts_.end() ? nullptr : &*found;
}

Place* Ledger::place_of(Attempt& attempt, std::string_view path) {
    const auto found = std::find_if(attempt.places.begin(), attempt.places.end(),
                                    [&](const Place& each) { return each.path == path; });
    return found == attempt.places.end() ? nullptr : &*found;
}

void Ledger::violation(std::string what) {
    violations_.push_back(std::move(what));
}

void Ledger::heard(std::string_view id, Heard heard) {
    Attempt& attempt = *find(id);
    attempt.heard = heard;
    if (heard != Heard::permanent) return;
    for (const auto& place : attempt.places) {
        if (place.deliveries > 0) violation(attempt.id + " was delivered to " + place.path + " and refused");
    }
}

void Ledger::delivered(std::string_view id, std::string_view path, std::string_view content, bool is_answered,
                       unsigned life) {
    ++deliveries_;
    Attempt* attempt = find(id);
    Place* place = attempt ? place_of(*attempt, path) : nullptr;
    if (!place)
        return violation(std::string(id) + " was delivered to " + std::string(path) + ", who is none of its");
    if (content != attempt->content) violation(attempt->id + " was delivered altered");
    if (attempt->heard == Heard::permanent || place->heard_refusal)
        violation(attempt->id + " was refused, and then delivered to " + place->path);
    if (place->deliveries > 0) {
        judge_again(*attempt, *place, life);
    } else {
        for (const auto& other : attempts_) {
            if (&other == attempt || other.message != attempt->message) continue;
            judge_other(std::min(&other, static_cast<const Attempt*>(attempt)) == &other ? other : *attempt,
                        &other < attempt ? *attempt : other, path);
        }
    }
    ++place->deliveries;
    place->is_last_unknown = !is_answered;
    place->last_life = life;
    attempt->is_unknown = attempt->is_unknown || !is_answered;
}

// The same file was delivered twice.
void Ledger::judge_again(const Attempt& attempt, const Place& place, unsigned life) {
    if (place.is_last_unknown) return count(Window::unknown);
    const std::string what = attempt.id + " was delivered again to " + place.path;
    if (place.last_life == life) return violation(what + " by the same process");
    if (attempt.has_failed_note) return count(Window::disk);
    if (place.is_recorded) return violation(what + ", though that was durable");
    count(Window::crash);
}

// The client has sent it twice and both went through: then it did not hear of the first.
void Ledger::judge_other(const Attempt& earlier, const Attempt& later, std::string_view path) {
    if (earlier.message == kNoMessage) return;
    const auto has = [&](const Attempt& attempt) {
        return std::any_of(attempt.places.begin(), attempt.places.end(),
                           [&](const Place& each) { return each.path == path && each.deliveries > 0; });
    };
    if (!has(earlier) && !has(later)) return;
    if (earlier.heard == Heard::nothing) return count(Window::unheard);
    if (earlier.heard == Heard::temporary) {
        if (earlier.is_unknown) return count(Window::unknown);
        if (earlier.has_failed_commit) {
            return count(earlier.is_partly_delivered ? Window::partly_spooled : Window::disk);
        }
    }
    violation(earlier.id + " and " + later.id + " were both delivered to " + std::string(path));
}

void Ledger::refused(std::string_view id, std::string_view path) {
    Attempt* attempt = find(id);
    Place* place = attempt ? place_of(*attempt, path) : nullptr;
    if (place) place->is_refused = true;
}

void Ledger::recorded(std::string_view id, std::string_view path) {
    Attempt* attempt = find(id);
    Place* place = attempt ? place_of(*attempt, path) : nullptr;
    if (place) place->is_recorded = true;
}

void Ledger::given_up(std::string_view id, std::string_view path, bool is_old) {
    Attempt* attempt = find(id);
    Place* place = attempt ? place_of(*attempt, path) : nullptr;
    if (!place)
        return violation(std::string(id) + " is given up for " + std::string(path) + ", who is none of its");
    if (!place->is_refused && !is_old)
        violation(attempt->id + " is given up for " + place->path +
                  ", who was not refused, and it is not old");
}

}  // namespace gatepost::simulation
