#include "auth/verification.h"

#include <gtest/gtest.h>

namespace gatepost::auth {
namespace {

template <class Enum>
struct Word {
    Enum value;
    std::string_view word;
};

TEST(Names, AreTheStandardsWords) {
    // RFC 7208 section 2.6.
    const Word<SpfResult> spf[] = {{SpfResult::none, "none"},          {SpfResult::neutral, "neutral"},
                                   {SpfResult::pass, "pass"},          {SpfResult::fail, "fail"},
                                   {SpfResult::softfail, "softfail"},  {SpfResult::temperror, "temperror"},
                                   {SpfResult::permerror, "permerror"}};
    for (const auto& [value, word] : spf) EXPECT_EQ(name(value), word);
    // RFC 8601 section 2.7.1.
    const Word<DkimResult> dkim[] = {
        {DkimResult::none, "none"},          {DkimResult::pass, "pass"},
        {DkimResult::fail, "fail"},          {DkimResult::policy, "policy"},
        {DkimResult::neutral, "neutral"},    {DkimResult::temperror, "temperror"},
        {DkimResult::permerror, "permerror"}};
    for (const auto& [value, word] : dkim) EXPECT_EQ(name(value), word);
    // RFC 8617 section 4.4.
    const Word<ArcResult> arc[] = {
        {ArcResult::none, "none"}, {ArcResult::pass, "pass"}, {ArcResult::fail, "fail"}};
    for (const auto& [value, word] : arc) EXPECT_EQ(name(value), word);
    // RFC 8601 section 2.7.3.
    const Word<IprevResult> iprev[] = {{IprevResult::pass, "pass"},
                                       {IprevResult::fail, "fail"},
                                       {IprevResult::temperror, "temperror"},
                                       {IprevResult::permerror, "permerror"}};
    for (const auto& [value, word] : iprev) EXPECT_EQ(name(value), word);
    // RFC 9989 section 4.7, p=.
    const Word<Policy> policies[] = {
        {Policy::none, "none"}, {Policy::quarantine, "quarantine"}, {Policy::reject, "reject"}};
    for (const auto& [value, word] : policies) EXPECT_EQ(name(value), word);
    // RFC 8601 section 2.7.6 names the method's results.
    const Word<DmarcResult> dmarc[] = {{DmarcResult::none, "none"},
                                       {DmarcResult::pass, "pass"},
                                       {DmarcResult::fail, "fail"},
                                       {DmarcResult::temperror, "temperror"},
                                       {DmarcResult::permerror, "permerror"}};
    for (const auto& [value, word] : dmarc) EXPECT_EQ(name(value), word);
    // RFC 9990, the type ActionDispositionType.
    const Word<Disposition> dispositions[] = {{Disposition::none, "none"},
                                              {Disposition::pass, "pass"},
                                              {Disposition::quarantine, "quarantine"},
                                              {Disposition::reject, "reject"}};
    for (const auto& [value, word] : dispositions) EXPECT_EQ(name(value), word);
}

// A value out of memory that is no longer good must not read behind the table.
TEST(Names, AreKnownToBeUnknown) {
    EXPECT_EQ(name(static_cast<SpfResult>(7)), "?");
    EXPECT_EQ(name(static_cast<DmarcResult>(-1)), "?");
}

// The domain owner has a wish only where the message failed, and only the policy that is in force counts.
TEST(DmarcOutcome, HasTheOwnersDisposition) {
    const struct {
        DmarcResult result;
        Policy policy, effective;
        Disposition expected;
    } rows[] = {
        {DmarcResult::pass, Policy::reject, Policy::reject, Disposition::pass},
        {DmarcResult::pass, Policy::none, Policy::none, Disposition::pass},
        {DmarcResult::fail, Policy::reject, Policy::reject, Disposition::reject},
        {DmarcResult::fail, Policy::reject, Policy::quarantine, Disposition::quarantine},  // t=y
        {DmarcResult::fail, Policy::quarantine, Policy::none, Disposition::none},          // t=y
        {DmarcResult::fail, Policy::none, Policy::none, Disposition::none},
        {DmarcResult::none, Policy::reject, Policy::reject, Disposition::none},
        {DmarcResult::temperror, Policy::reject, Policy::reject, Disposition::none},
        {DmarcResult::permerror, Policy::reject, Policy::reject, Disposition::none},
    };
    for (const auto& row : rows) {
        DmarcOutcome outcome;
        outcome.result = row.result;
        outcome.policy = row.policy;
        outcome.effective = row.effective;
        EXPECT_EQ(outcome.disposition(), row.expected) << name(row.result) << ' ' << name(row.effective);
    }
}

TEST(DkimOutcome, VouchesOnlyForAWholeMessage) {
    for (const auto result : {DkimResult::none, DkimResult::pass, DkimResult::fail, DkimResult::policy,
                              DkimResult::neutral, DkimResult::temperror, DkimResult::permerror}) {
        DkimOutcome outcome;
        outcome.result = result;
        EXPECT_EQ(outcome.vouches(), result == DkimResult::pass) << name(result);
        outcome.is_partial = true;
        EXPECT_FALSE(outcome.vouches()) << name(result);
    }
}

}  // namespace
}  // namespace gatepost::auth
