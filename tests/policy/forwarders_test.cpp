#include "policy/forwarders.h"

#include <gtest/gtest.h>

#include "mail.h"

namespace gatepost::policy {
namespace {

using config::KnownForwarder;
using namespace std::chrono;

bool matches(const KnownForwarder& entry, const auth::Verification& v, const Circumstances& c) {
    auto settings = our_settings();
    settings.policy.known_forwarders = {entry};
    return find_forwarder(v, c, settings) == &settings.policy.known_forwarders[0];
}

KnownForwarder by_address() {
    KnownForwarder entry;
    entry.name = "alumni";
    entry.ip = protocol::IpNetwork::parse("192.0.2.0/24");
    return entry;
}

TEST(KnownForwarders, MatchAnAddress) {
    auto c = circumstances();
    EXPECT_TRUE(matches(by_address(), failing_mail(), c));
    c.client = *protocol::IpAddress::parse("198.51.100.1");
    EXPECT_FALSE(matches(by_address(), failing_mail(), c));
}

TEST(KnownForwarders, MatchAForwardConfirmedName) {
    struct Row {
        const char* pattern;
        const char* host;
        auth::IprevResult result;
        bool matches;
        const char* reason;
    };
    using auth::IprevResult;
    const Row rows[] = {
        {"mx.alumni.edu", "mx.alumni.edu", IprevResult::pass, true, "the name"},
        {"MX.Alumni.edu", "mx.alumni.edu", IprevResult::pass, true, "in any case"},
        {"*.alumni.edu", "a.mx.alumni.edu", IprevResult::pass, true, "below"},
        {"*.alumni.edu", "alumni.edu", IprevResult::pass, false, "not the name itself"},
        {"*.alumni.edu", "evilalumni.edu", IprevResult::pass, false, "label by label"},
        {"alumni.edu", "mx.alumni.edu", IprevResult::pass, false, "without a star, not below"},
        {"mx.alumni.edu", "mx.alumni.edu", IprevResult::fail, false, "not confirmed"},
        {"mx.alumni.edu", "mx.alumni.edu", IprevResult::temperror, false, "not known"},
    };
    for (const auto& row : rows) {
        KnownForwarder entry;
        entry.host = row.pattern;
        auto v = failing_mail();
        v.iprev.result = row.result;
        v.iprev.names = {row.host};
        EXPECT_EQ(matches(entry, v, circumstances()), row.matches) << row.reason;
    }
}

// Attack 76: what the client merely says matches nothing.
TEST(KnownForwarders, NeverMatchAClaim) {
    auto c = circumstances();
    c.helo = "mx.alumni.edu";
    auto v = failing_mail();
    v.iprev.claimed = "mx.alumni.edu";
    v.iprev.result = auth::IprevResult::fail;
    v.helo = {auth::SpfResult::pass, "alumni.edu"};
    v.mail_from = {auth::SpfResult::softfail, "alumni.edu"};
    v.dkim = {signature("alumni.edu", auth::DkimResult::fail)};
    v.arc.sealers = {domain("alumni.edu")};
    v.arc.result = auth::ArcResult::fail;
    KnownForwarder host, spf, dkim, arc, nothing;
    host.host = "mx.alumni.edu";
    spf.spf = dkim.dkim = arc.arc = domain("alumni.edu");
    for (const auto& entry : {host, spf, dkim, arc, nothing}) EXPECT_FALSE(matches(entry, v, c));
}

TEST(KnownForwarders, MatchAnIdentityThatVerified) {
    KnownForwarder spf, dkim, arc;
    spf.spf = dkim.dkim = arc.arc = domain("alumni.edu");
    auto v = failing_mail();
    v.mail_from = {auth::SpfResult::pass, "Alumni.edu"};
    EXPECT_TRUE(matches(spf, v, circumstances()));
    v.mail_from.domain = "mx.alumni.edu";
    EXPECT_FALSE(matches(spf, v, circumstances())) << "that domain, not those below it";
    v.dkim = {signature("alumni.edu", auth::DkimResult::fail),
              signature("alumni.edu", auth::DkimResult::pass)};
    EXPECT_TRUE(matches(dkim, v, circumstances()));
    v.arc.result = auth::ArcResult::pass;
    v.arc.sealers = {domain("first.example"), domain("alumni.edu")};
    EXPECT_TRUE(matches(arc, v, circumstances()));
    v.arc.sealers = {domain("alumni.edu"), domain("evil.net")};
    EXPECT_FALSE(matches(arc, v, circumstances())) << "the last sealer vouches";
}

TEST(KnownForwarders, AreBoundToEveryRecipient) {
    auto entry = by_address();
    entry.recipients = {"ann@our.example", "@alumni.our.example"};
    struct Row {
        std::vector<std::string> recipients;
        bool matches;
        const char* reason;
    };
    const Row rows[] = {
        {{"ann@our.example"}, true, "named"},
        {{"Ann@OUR.example"}, true, "in any case"},
        {{"ann@our.example", "x@alumni.our.example"}, true, "both meant"},
        {{"ann@our.example", "bob@our.example"}, false, "one is not"},
        {{"x@sub.alumni.our.example"}, false, "a sub-domain is another domain"},
        {{"joann@our.example"}, false, "not the end of a name"},
        {{}, false, "no recipient, no match"},
    };
    for (const auto& row : rows) {
        auto c = circumstances();
        c.recipients = row.recipients;
        EXPECT_EQ(matches(entry, failing_mail(), c), row.matches) << row.reason;
    }
}

TEST(KnownForwarders, ExpireAfterTheirLastDay) {
    auto entry = by_address();
    entry.expires = sys_days(2026y / November / 23);
    EXPECT_TRUE(matches(entry, failing_mail(), circumstances()));
    entry.expires = sys_days(2026y / November / 22);
    EXPECT_FALSE(matches(entry, failing_mail(), circumstances()));
}

TEST(KnownForwarders, DoNotSpeakForOurOwnDomainsUnlessTold) {
    auto v = failing_mail();
    for (const auto* own : {"our.example", "news.our.example"}) {
        v.dmarc.author_domain = domain(own);
        auto entry = by_address();
        EXPECT_FALSE(matches(entry, v, circumstances())) << own;
        entry.for_own_domains = true;
        EXPECT_TRUE(matches(entry, v, circumstances())) << own;
    }
}

TEST(KnownForwarders, TakeTheFirstThatMatches) {
    auto settings = our_settings();
    auto expired = by_address();
    expired.expires = sys_days(2020y / January / 1);
    settings.policy.known_forwarders = {expired, by_address(), by_address()};
    EXPECT_EQ(find_forwarder(failing_mail(), circumstances(), settings),
              &settings.policy.known_forwarders[1]);
}

}  // namespace
}  // namespace gatepost::policy
