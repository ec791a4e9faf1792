// What everybody knows together: which client heard what, what the downstream took, who was notified; and
// whether that may be so. Only this judges; the gateway under test sees none of it.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace gatepost::simulation {

// Why a recipient may have a message twice; each is a documented window.
enum class Window { missed_answer, unknown_outcome, crash_before_record, partly_spooled, failed_commit };
inline constexpr std::size_t kWindows = 5;
inline constexpr const char* kWindowNames[kWindows] = {
    "the client missed our answer and sent again (RFC 1047)",
    "the downstream vanished between the final dot and its answer (RFC 1047)",
    "a crash between the downstream's answer and the durable record of it",
    "some recipients were delivered, the others could not be spooled: 451",
    "451, for the disk failed, but a crash brought the file back"};

// One client's sending of a message, for some of its recipients.
struct Attempt {
    enum class Heard { nothing, positive, temporary, permanent };
    std::size_t message = 0;
    std::vector<std::size_t> recipients;
    Heard heard = Heard::nothing;
    bool is_over = false;  // answered, or the connection broke
    bool is_unknown = false, is_partly_spooled = false, has_failed_commit = false;
    std::int64_t began = 0;  // milliseconds
};

class Ledger {
  public:
    std::size_t begin(std::size_t message, std::vector<std::size_t> recipients, std::int64_t now);
    Attempt& attempt(std::size_t number) { return attempts_.at(number); }

    void answered(std::size_t attempt, Attempt::Heard heard);
    // The downstream has it for this recipient. Returns the number of the delivery.
    std::size_t delivered(std::size_t attempt, std::size_t recipient, bool is_unknown, unsigned life);
    // The gateway believes that this is durable.
    void recorded(std::size_t attempt, std::size_t recipient);
    void refused(std::size_t message, std::size_t recipient);  // by the downstream, for good
    void notified(std::size_t attempt, std::size_t recipient, bool is_expired);
    // At the end: everybody has got what he was promised.
    void settle();
    void violation(std::string what);

    const std::vector<std::string>& violations() const { return violations_; }
    const std::array<std::uint64_t, kWindows>& duplicates() const { return duplicates_; }
    std::uint64_t deliveries() const { return deliveries_.size(); }
    std::uint64_t notices() const { return notices_.size(); }

  private:
    struct Delivery {
        std::size_t attempt, recipient;
        bool is_unknown;
        unsigned life;  // of the process that delivered it
        bool is_recorded;
    };
    struct Pair {
        std::size_t attempt, recipient;
    };
    void judge_again(const Delivery& before, const Delivery& now);
    bool is_cared_for(std::size_t message, std::size_t recipient) const;

    std::vector<Attempt> attempts_;
    std::vector<Delivery> deliveries_;
    std::vector<Pair> notices_, refusals_;  // a refusal's `attempt` is the message
    std::vector<std::string> violations_;
    std::array<std::uint64_t, kWindows> duplicates_{};
};

}  // namespace gatepost::simulation
