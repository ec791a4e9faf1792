#include "policy/judgement.h"

#include <gtest/gtest.h>

namespace gatepost::policy {
namespace {

using auth::DmarcResult;

auth::Verification forged() {
    auth::Verification verification;
    verification.mail_from = {auth::SpfResult::fail, "example.com", "", "-all", ""};
    auto& dmarc = verification.dmarc;
    dmarc.result = DmarcResult::fail;
    dmarc.author_domain = dmarc.organizational_domain = dmarc.policy_domain =
        protocol::Domain::parse("example.com");
    dmarc.policy = dmarc.effective = auth::Policy::reject;
    return verification;
}

config::Settings settings() {
    config::Settings settings;
    settings.hostname = settings.authserv_id = "mx.example.org";
    settings.domains = {*protocol::Domain::parse("example.org")};
    return settings;
}

Judgement judge_for(const std::vector<std::string>& recipients, const std::string& header_text,
                    const config::Settings& with) {
    Circumstances circumstances;
    circumstances.client = *protocol::IpAddress::parse("192.0.2.1");
    circumstances.helo = "client.example";
    circumstances.reverse_path = "x@example.com";
    circumstances.recipients = recipients;
    const auto header = protocol::Header::parse(header_text);
    return judge(forged(), circumstances, *header, with, "abc123");
}

TEST(Judgement, RefusesAForgeryAndNamesTheReference) {
    const auto with = settings();
    const auto judgement = judge_for({"you@example.org"}, "From: a@example.com\r\n", with);
    EXPECT_EQ(judgement.decision.action, Action::reject);
    EXPECT_FALSE(judgement.is_relayed());
    EXPECT_EQ(judgement.decision.reply.code, 550);
    EXPECT_NE(judgement.decision.reply.text().find("ref abc123"), std::string::npos);
    EXPECT_TRUE(judgement.quarantine_field.empty());
}

TEST(Judgement, AlwaysLetsPostmasterBeReached) {
    const auto with = settings();
    for (const char* recipient : {"postmaster", "Postmaster@example.org"}) {
        const auto judgement = judge_for({recipient}, "From: a@example.com\r\n", with);
        EXPECT_EQ(judgement.decision.action, Action::quarantine) << recipient;
        EXPECT_EQ(judgement.decision.overridden, Override::local_policy) << recipient;
        EXPECT_TRUE(judgement.quarantine_field.starts_with("X-Gatepost-Quarantine: ")) << recipient;
        EXPECT_TRUE(judgement.quarantine_field.ends_with("\r\n")) << recipient;
    }
    EXPECT_EQ(judge_for({"postmaster@example.org", "you@example.org"}, "From: a@example.com\r\n", with)
                  .decision.action,
              Action::reject)
        << "not as a stowaway";
}

TEST(Judgement, WritesOurFieldAndRemovesThoseThatClaimToBeOurs) {
    const auto with = settings();
    const auto judgement = judge_for({"you@example.org"},
                                     "Authentication-Results: mx.example.org; dmarc=pass\r\n"
                                     "Authentication-Results: other.example; spf=pass\r\n"
                                     "X-Gatepost-Quarantine: no\r\n"
                                     "From: a@example.com\r\n",
                                     with);
    EXPECT_TRUE(judgement.authentication_results.starts_with("Authentication-Results: mx.example.org;"));
    EXPECT_NE(judgement.authentication_results.find("dmarc=fail header.from=example.com"), std::string::npos)
        << judgement.authentication_results;
    EXPECT_EQ(judgement.removed, (std::vector<std::size_t>{0, 2}));
}

}  // namespace
}  // namespace gatepost::policy
