#include "auth/message_verifier.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/dns_map.h"

namespace gatepost::auth {
namespace {

struct Case {
    Verification verification;
    std::vector<DnsQuestion> questions;
    int rounds = 0;
};

Case verify(const std::string& header_text, const std::string& reverse_path, const tests::DnsMap& dns) {
    const auto header = protocol::Header::parse(header_text);
    const SpfClient client{*protocol::IpAddress::parse("192.0.2.1"), "mail.example.com", "mx.example.org",
                           1'700'000'000};
    MessageVerifier verifier(*header, client, reverse_path, {}, {});
    verifier.body("Hello.\r\n");
    verifier.end_of_body();
    Case result;
    result.questions = verifier.questions();
    result.rounds = dns.settle([&](DnsFacts& facts) { result.verification = verifier.evaluate(facts); });
    return result;
}

TEST(MessageVerifier, BringsSpfAndDmarcTogether) {
    tests::DnsMap dns;
    dns.txt("bounce.example.com", "v=spf1 ip4:192.0.2.1 -all")
        .txt("_dmarc.example.com", "v=DMARC1; p=reject");
    const auto [verification, questions, rounds] =
        verify("From: a@example.com\r\n", "x@bounce.example.com", dns);
    EXPECT_EQ(verification.mail_from.result, SpfResult::pass);
    EXPECT_EQ(verification.dmarc.result, DmarcResult::pass);
    EXPECT_TRUE(verification.dmarc.spf_aligned);
    EXPECT_FALSE(verification.dmarc.dkim_aligned);
    EXPECT_TRUE(verification.dkim.empty());
    EXPECT_EQ(verification.helo.result, SpfResult::none);
}

TEST(MessageVerifier, FailsAForgeryWithThePolicyOfItsAuthorDomain) {
    tests::DnsMap dns;
    dns.txt("evil.example", "v=spf1 ip4:192.0.2.1 -all").txt("_dmarc.example.com", "v=DMARC1; p=reject");
    const auto result = verify("From: a@example.com\r\n", "x@evil.example", dns);
    EXPECT_EQ(result.verification.mail_from.result, SpfResult::pass);
    EXPECT_EQ(result.verification.dmarc.result, DmarcResult::fail);
    EXPECT_EQ(result.verification.dmarc.effective, Policy::reject);
}

TEST(MessageVerifier, NeverCallsADnsFailureNone) {
    tests::DnsMap dns;
    dns.fails(RecordType::txt, "_dmarc.example.com");
    EXPECT_EQ(verify("From: a@example.com\r\n", "", dns).verification.dmarc.result, DmarcResult::temperror);
}

TEST(MessageVerifier, KnowsItsQuestionsFromTheHeaderAlone) {
    const auto result = verify(
        "DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=sel; h=from; "
        "bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=AAAA\r\n"
        "From: a@news.example.com\r\n",
        "", tests::DnsMap());
    for (const char* name :
         {"sel._domainkey.example.com", "_dmarc.news.example.com", "_dmarc.example.com", "_dmarc.com"}) {
        const DnsQuestion question{RecordType::txt, name};
        EXPECT_NE(std::find(result.questions.begin(), result.questions.end(), question),
                  result.questions.end())
            << name;
    }
}

TEST(MessageVerifier, NeedsFewRounds) {
    tests::DnsMap dns;
    dns.txt("example.com", "v=spf1 include:a.example include:b.example -all")
        .txt("a.example", "v=spf1 ip4:198.51.100.1 ~all")
        .txt("b.example", "v=spf1 ip4:192.0.2.1 ~all")
        .txt("_dmarc.example.com", "v=DMARC1; p=reject");
    const auto result = verify("From: a@example.com\r\n", "x@example.com", dns);
    EXPECT_EQ(result.verification.dmarc.result, DmarcResult::pass);
    EXPECT_LE(result.rounds, 4) << "record, both includes at once, then nothing is missing";
}

}  // namespace
}  // namespace gatepost::auth
