// The mail server behind us, SMTP or LMTP: takes, refuses, puts off, is away, or vanishes at the worst
// moment.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gateway/relay/outcome.h"
#include "world.h"

namespace gatepost::simulation {

class SimulatedDownstream {
  public:
    explicit SimulatedDownstream(World& world) : world_(world) {}

    bool answers_each() const { return world_.plan.is_lmtp; }
    // Whether nobody of that name is there, by the plan.
    bool is_unknown_user(std::string_view path) const;
    // One RCPT of the transaction `id`. `is_unknown_user`: nobody of that name is there.
    gateway::Outcome ask(std::string_view id, std::string_view path, bool is_unknown_user);

    struct Recipient {
        std::string path;
        bool is_unknown_user = false;
    };
    // The content and its final dot, for recipients that were taken at RCPT; one outcome for each.
    std::vector<gateway::Outcome> take(std::string_view id, const std::vector<Recipient>& recipients,
                                       std::string_view content);

  private:
    bool is_away();
    gateway::Outcome judge(const Recipient& recipient);

    World& world_;
    Time away_until_{};
};

}  // namespace gatepost::simulation
