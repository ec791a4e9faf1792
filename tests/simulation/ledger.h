// What all sides know together: what each client heard, what the downstream took, who was told of a failure;
// and whether that may be so. Nothing of this is known to the gateway that is played.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gatepost::simulation {

// Why a recipient may have a message twice: each a documented window.
enum class Window { unheard, unknown, crash, partly_spooled, disk };
inline constexpr std::array<const char*, 5> kWindows{
    "the client did not hear our 250 and sent it again",
    "the downstream vanished behind the final dot (RFC 1047)",
    "crash between the downstream's 250 and the durable note of it",
    "some were delivered, the others could not be spooled: 4yz for all",
    "the disk failed: what was to be undone or noted was not",
};

inline constexpr std::size_t kNoMessage = static_cast<std::size_t>(-1);

enum class Heard { nothing, positive, temporary, permanent };

// What became of one recipient of one transaction.
struct Place {
    std::string path;  // "m0r1@example.org"
    bool is_accepted = false;
    bool heard_refusal = false;  // at RCPT
    unsigned deliveries = 0;
    bool is_last_unknown = false;
    unsigned last_life = 0;  // of the process that delivered it
    bool is_recorded = false;
    bool is_refused = false;          // by the downstream
    std::size_t notice = kNoMessage;  // the last that speaks of it
    bool is_dead_letter = false;
};

// One transaction of a client, or one notification of ours.
struct Attempt {
    std::string id;                    // in our log and spool
    std::size_t message = kNoMessage;  // a notification is none of theirs
    std::string content;
    std::vector<Place> places;
    Heard heard = Heard::nothing;
    std::int64_t spooled_at = 0;  // virtual milliseconds
    bool is_spooled = false;      // a notification: the gateway was told so
    unsigned life = 0;            // a notification: of the process that was told so last
    bool is_unknown = false, is_partly_delivered = false, has_failed_commit = false, has_failed_note = false;
};

class Ledger {
  public:
    Attempt& begin(std::string id, std::size_t message, std::string content);
    // Null: nobody ever sent that.
    Attempt* find(std::string_view id);
    std::size_t index_of(const Attempt& attempt) const {
        return static_cast<std::size_t>(&attempt - attempts_.data());
    }
    static Place* place_of(Attempt& attempt, std::string_view path);

    void heard(std::string_view id, Heard heard);
    // The downstream has it. `is_answered`: and its 250 was sent to us.
    void delivered(std::string_view id, std::string_view path, std::string_view content, bool is_answered,
                   unsigned life);
    void refused(std::string_view id, std::string_view path);
    // The disk has said that this is durable.
    void recorded(std::string_view id, std::string_view path);
    // The recipient is given up; `is_old`: it was old enough.
    void given_up(std::string_view id, std::string_view path, bool is_old);
    // At the end; is_dead(id): its dead letter lies there.
    template <class IsDead>
    void settle(IsDead is_dead);
    void violation(std::string what);

    const std::vector<std::string>& violations() const { return violations_; }
    const std::array<std::uint64_t, 5>& duplicates() const { return duplicates_; }
    std::uint64_t deliveries() const { return deliveries_; }
    std::size_t transactions() const { return attempts_.size(); }

  private:
    void judge_again(const Attempt& attempt, const Place& place, unsigned life);
    void judge_other(const Attempt& earlier, const Attempt& later, std::string_view path);
    void count(Window window) { ++duplicates_[static_cast<std::size_t>(window)]; }

    std::vector<Attempt> attempts_;
    std::vector<std::string> violations_;
    std::array<std::uint64_t, 5> duplicates_{};
    std::uint64_t deliveries_ = 0;
};

template <class IsDead>
void Ledger::settle(IsDead is_dead) {
    for (const auto& attempt : attempts_) {
        const bool is_notice = attempt.message == kNoMessage;
        const bool is_promised = is_notice ? attempt.is_spooled : attempt.heard == Heard::positive;
        if (!is_promised) continue;
        for (const auto& place : attempt.places) {
            const bool is_told = place.notice < attempts_.size();
            const bool is_cared_for =
                place.deliveries > 0 || is_told || (place.is_dead_letter && is_dead(attempt.id));
            if (place.is_accepted && !is_cared_for)
                violation("LOST: " + attempt.id + " for " + place.path + ", though we said 250");
        }
    }
}

}  // namespace gatepost::simulation
