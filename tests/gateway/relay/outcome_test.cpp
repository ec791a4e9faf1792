#include "gateway/relay/outcome.h"

#include <gtest/gtest.h>

namespace gatepost::gateway {
namespace {

namespace reply = protocol::reply;

TEST(Outcome, GivesAReasonOnOneShortLine) {
    EXPECT_EQ(reason("RCPT: 421 4.3.2 \"Bye\" C:\\"), "RCPT: 421 4.3.2 \"Bye\" C:\\")
        << "escaped by who shows it";
    EXPECT_EQ(reason("a\r\nb\x1b[31m\x7f\xc3\xbc"), "a??b?[31m???");
    EXPECT_EQ(reason(std::string(5000, 'x')), std::string(kMaxReason, 'x'));
}

TEST(Outcome, SaysTheProblemWithItsReason) {
    EXPECT_EQ(problem_of({Fate::refused, reply::kUnknownUser}), protocol::Reply(reply::kUnknownUser).text());
    Outcome away{Fate::unreachable, {451, "4.4.1", {"Not reachable"}}};
    away.why = "10.0.0.5: Connection refused";
    EXPECT_EQ(problem_of(away), "451 4.4.1 Not reachable (10.0.0.5: Connection refused)");
}

TEST(Outcome, KnowsOurOwnFindings) {
    EXPECT_FALSE(outcome_of(reply::kUnknownUser).is_own);
    EXPECT_TRUE(own_finding(reply::kUnknownUser).is_own);
    EXPECT_EQ(own_finding(reply::kUnknownUser).fate, Fate::refused);
    EXPECT_EQ(own_finding(reply::kLocalError).fate, Fate::deferred);
}

}  // namespace
}  // namespace gatepost::gateway
