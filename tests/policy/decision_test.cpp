#include "policy/decision.h"

#include <gtest/gtest.h>

#include "mail.h"

namespace gatepost::policy {
namespace {

using auth::DkimResult;
using auth::DmarcResult;
using auth::Policy;
using auth::SpfResult;
using config::Enforce;

const config::KnownForwarder kForwarder{.name = "alumni"};
const config::KnownForwarder kList{.name = "ietf", .kind = config::ForwarderKind::mailing_list};

enum class With { nothing, forgery, forwarding, both, forwarder, list };

Evidence evidence(With with) {
    Evidence found;
    if (with == With::forgery || with == With::both)
        found.items.push_back({EvidenceKind::unsigned_author, ""});
    if (with == With::forwarding || with == With::both)
        found.items.push_back({EvidenceKind::list_headers, ""});
    if (with == With::forwarder) found.forwarder = &kForwarder;
    if (with == With::list) found.forwarder = &kList;
    if (found.forwarder) {
        found.items.push_back({EvidenceKind::unsigned_author, ""});
        found.items.push_back({EvidenceKind::known_forwarder, found.forwarder->name});
    }
    return found;
}

Decision decided(const auth::Verification& v, With with, Enforce enforce) {
    auto settings = our_settings();
    settings.policy.enforce = enforce;
    return decide(v, evidence(with), settings, "3f9k2");
}

// "action disposition override unobserved"
std::string summary(const Decision& decision) {
    return std::string(name(decision.action)) + " " + std::string(name(decision.disposition)) + " " +
           std::string(name(decision.overridden)) + " " + std::string(name(decision.unobserved));
}

struct Row {
    Policy policy;
    With with;
    std::string_view observe, corroborated, policy_mode;
};

// DESIGN section 4; RFC 9989 sections 5.4 and 7.4.
TEST(Decision, FollowsTheTable) {
    const std::string_view relayed = "accept none none accept";
    const std::string_view trusted = "accept none trusted_forwarder accept";
    const std::string_view listed = "accept none mailing_list accept";
    const std::string_view rejected = "reject reject none reject";
    const std::string_view instead = "quarantine quarantine local_policy quarantine";
    const std::string_view quarantined = "quarantine quarantine none quarantine";
    const std::string_view saw_reject = "accept none local_policy reject";
    const std::string_view saw_quarantine = "accept none local_policy quarantine";
    const Row rows[] = {
        {Policy::reject, With::nothing, saw_quarantine, instead, rejected},
        {Policy::reject, With::forgery, saw_reject, rejected, rejected},
        {Policy::reject, With::forwarding, saw_quarantine, instead, rejected},
        {Policy::reject, With::both, saw_quarantine, instead, rejected},
        {Policy::reject, With::forwarder, trusted, trusted, trusted},
        {Policy::reject, With::list, listed, listed, listed},
        {Policy::quarantine, With::nothing, saw_quarantine, quarantined, quarantined},
        {Policy::quarantine, With::forgery, saw_quarantine, quarantined, quarantined},
        {Policy::quarantine, With::forwarding, saw_quarantine, quarantined, quarantined},
        {Policy::quarantine, With::both, saw_quarantine, quarantined, quarantined},
        {Policy::quarantine, With::forwarder, trusted, trusted, trusted},
        {Policy::quarantine, With::list, listed, listed, listed},
        {Policy::none, With::nothing, relayed, relayed, relayed},
        {Policy::none, With::forgery, relayed, relayed, relayed},
        {Policy::none, With::forwarding, relayed, relayed, relayed},
        {Policy::none, With::both, relayed, relayed, relayed},
        {Policy::none, With::forwarder, relayed, relayed, relayed},
        {Policy::none, With::list, relayed, relayed, relayed},
    };
    for (const auto& row : rows) {
        const auto v = failing_mail(row.policy);
        const auto at = std::string(name(row.policy)) + " " + std::to_string(static_cast<int>(row.with));
        EXPECT_EQ(summary(decided(v, row.with, Enforce::observe)), row.observe) << at;
        EXPECT_EQ(summary(decided(v, row.with, Enforce::corroborated)), row.corroborated) << at;
        EXPECT_EQ(summary(decided(v, row.with, Enforce::policy)), row.policy_mode) << at;
    }
}

TEST(Decision, StepsDownInTestMode) {
    auto v = failing_mail(Policy::reject);
    v.dmarc.effective = Policy::quarantine;
    EXPECT_EQ(summary(decided(v, With::forgery, Enforce::corroborated)),
              "quarantine quarantine policy_test_mode quarantine");
    EXPECT_EQ(summary(decided(v, With::forgery, Enforce::policy)),
              "quarantine quarantine policy_test_mode quarantine");
    EXPECT_EQ(summary(decided(v, With::forwarder, Enforce::corroborated)),
              "accept none trusted_forwarder accept");
    v = failing_mail(Policy::quarantine);
    v.dmarc.effective = Policy::none;
    EXPECT_EQ(summary(decided(v, With::forgery, Enforce::corroborated)),
              "accept none policy_test_mode accept");
}

TEST(Decision, DefersWhatADnsErrorLeavesOpen) {
    auth::Verification v;
    v.dmarc.result = DmarcResult::temperror;
    v.dmarc.author_domain = domain("example.com");
    const auto decision = decided(v, With::forgery, Enforce::corroborated);
    EXPECT_EQ(summary(decision), "defer none none defer");
    EXPECT_EQ(decision.reply.code, 451);
    EXPECT_EQ(decision.reply.enhanced, "4.7.0");
    EXPECT_EQ(decision.reply.lines.back(), "ref 3f9k2");
    EXPECT_EQ(summary(decided(v, With::forgery, Enforce::policy)), "defer none none defer");
    EXPECT_EQ(summary(decided(v, With::forgery, Enforce::observe)), "accept none none defer");
}

TEST(Decision, NeverDelaysForAPolicyOfNone) {  // specs R-43
    auto v = failing_mail(Policy::none);
    v.dmarc.result = DmarcResult::temperror;
    EXPECT_EQ(summary(decided(v, With::forgery, Enforce::policy)), "accept none none accept");
    v = failing_mail(Policy::quarantine);
    v.dmarc.result = DmarcResult::temperror;
    EXPECT_EQ(summary(decided(v, With::forgery, Enforce::policy)), "defer none none defer");
}

TEST(Decision, RefusesAFromFieldWithoutOneAuthor) {
    auth::Verification v;
    v.dmarc.result = DmarcResult::permerror;
    v.dmarc.why = "more than one From field";
    const auto decision = decided(v, With::nothing, Enforce::corroborated);
    EXPECT_EQ(summary(decision), "reject none none reject");
    EXPECT_EQ(decision.reply.code, 550);
    EXPECT_EQ(decision.reply.enhanced, "5.6.0");
    EXPECT_EQ(
        decision.reply.text(),
        "The From field does not name one author: more than one From field. "
        "Sender: write one From field with plain addresses, and nothing else in it than names. ref 3f9k2");
    EXPECT_EQ(summary(decided(v, With::nothing, Enforce::observe)), "accept none none reject");
    auto settings = our_settings();
    settings.policy.strict_from = false;
    EXPECT_EQ(summary(decide(v, {}, settings, "x")), "accept none none accept");
}

TEST(Decision, AcceptsWhatPassesOrHasNoRecordWhateverElseFailed) {
    auth::Verification v;
    v.mail_from = {SpfResult::fail, "example.com"};
    v.dkim = {signature("example.com", DkimResult::fail)};
    v.iprev.result = auth::IprevResult::fail;
    const auto decision = decided(v, With::forgery, Enforce::policy);
    EXPECT_EQ(summary(decision), "accept none none accept");
    EXPECT_EQ(decision.reply.code, 250);
    v.dmarc = failing_mail().dmarc;
    v.dmarc.result = DmarcResult::pass;
    EXPECT_EQ(summary(decided(v, With::forgery, Enforce::policy)), "accept pass none accept");
}

TEST(Decision, SaysWhy) {
    EXPECT_EQ(decided(failing_mail(), With::both, Enforce::corroborated).why,
              "dmarc=fail example.com policy=reject: unsigned, list_headers");
    EXPECT_EQ(decided(failing_mail(), With::forwarder, Enforce::corroborated).why,
              "dmarc=fail example.com policy=reject: unsigned, known_forwarder(alumni)");
    auth::Verification v;
    v.dmarc.why = "no DMARC record";
    EXPECT_EQ(decided(v, With::forgery, Enforce::corroborated).why, "dmarc=none: no DMARC record");
}

TEST(Refusal, ReadsLikeTheSample) {
    auto v = failing_mail();
    v.mail_from = {SpfResult::pass, "mail.vendor.example"};
    auto settings = our_settings();
    const auto bare = decide(v, evidence(With::forgery), settings, "3f9k2");
    EXPECT_EQ(bare.reply.code, 550);
    EXPECT_EQ(bare.reply.enhanced, "5.7.26");
    EXPECT_EQ(bare.reply.lines,
              (std::vector<std::string>{
                  "DMARC: From domain example.com asks to reject mail that it did not authenticate.",
                  "SPF pass for mail.vendor.example (not aligned), DKIM none.",
                  "Sender: sign with d=example.com, or use its bounce domain.", "ref 3f9k2"}));
    settings.policy.remedy_url = "https://our.example/dmarc";
    const auto lines = decide(v, evidence(With::forgery), settings, "3f9k2").reply.lines;
    ASSERT_EQ(lines.size(), 5u);
    EXPECT_EQ(lines[3], "Forwarder or list: https://our.example/dmarc");
}

TEST(Refusal, TellsWhatWasFound) {
    auto v = failing_mail();
    v.mail_from = {SpfResult::fail, "example.com"};
    v.dkim = {signature("vendor.example", DkimResult::pass), signature("example.com", DkimResult::fail)};
    EXPECT_EQ(decided(v, With::forgery, Enforce::corroborated).reply.lines[1],
              "SPF fail for example.com, DKIM fail for example.com.");
    v.mail_from = {SpfResult::none, "vendor.example"};
    v.dkim.pop_back();
    EXPECT_EQ(decided(v, With::forgery, Enforce::corroborated).reply.lines[1],
              "SPF none, DKIM pass for vendor.example (not aligned).");
}

// Attack 41: nothing raw, and no line longer than SMTP allows.
TEST(Refusal, EchoesNoStrangersText) {
    const std::string longest = std::string(60, 'a') + "." + std::string(60, 'b') + "." +
                                std::string(60, 'c') + "." + std::string(60, 'd') + ".example";
    auto v = failing_mail();
    v.mail_from = {SpfResult::fail, "x\r\n250 2.0.0 OK"};
    v.mail_from.explanation = "call me \x1b[31m";
    v.helo = v.mail_from;
    for (const bool is_long : {false, true}) {
        if (is_long) {
            v.mail_from = {SpfResult::pass, longest};
            v.dkim = {signature(longest, DkimResult::pass)};
            v.dmarc.author_domain = domain(longest);
        }
        auto settings = our_settings();
        settings.policy.remedy_url = "https://x/\r\n" + std::string(600, 'u');
        for (const auto& line : decide(v, evidence(With::forgery), settings, "3f9k2").reply.lines) {
            EXPECT_LE(line.size(), 480u);
            for (char c : line) EXPECT_TRUE(c >= 0x20 && c < 0x7f) << line;
        }
        EXPECT_EQ(decide(v, evidence(With::forgery), settings, "r").reply.text().find("250 2.0.0"),
                  std::string::npos);
    }
}

}  // namespace
}  // namespace gatepost::policy
