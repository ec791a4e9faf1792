#include "auth/spf_cache.h"

#include <gtest/gtest.h>

#include "auth/spf.h"
#include "tests/support/spf_zone.h"

namespace gatepost::auth {
namespace {

const auto kIp = *protocol::IpAddress::parse("192.0.2.1");
const SpfOutcome kPass{.result = SpfResult::pass, .domain = "example.com"};

TEST(SpfCache, ForgetsWhenTheTimeToLiveIsOver) {
    SpfCache cache;
    const SpfIdentity identity{kIp, "example.com", "u", "helo"};
    cache.keep(identity, {.ttl = 60}, kPass, 1000);
    EXPECT_EQ(*cache.find(identity, 1000), kPass);
    EXPECT_TRUE(cache.find(identity, 1059));
    EXPECT_FALSE(cache.find(identity, 1060));
    EXPECT_FALSE(cache.find(identity, 999)) << "the clock went back";
}

TEST(SpfCache, KnowsWhatAResultDependedOn) {
    SpfCache cache;
    cache.keep({kIp, "any.example", "u", "helo"}, {.ttl = 60}, kPass, 0);
    cache.keep({kIp, "local.example", "u", "helo"}, {.ttl = 60, .needs_local_part = true}, kPass, 0);
    cache.keep({kIp, "helo.example", "u", "helo"}, {.ttl = 60, .needs_helo = true}, kPass, 0);
    cache.keep({kIp, "both.example", "u", "helo"}, {60, true, true}, kPass, 0);
    const auto knows = [&](const char* domain, const char* local, const char* helo) {
        return cache.find({kIp, domain, local, helo}, 1) != nullptr;
    };
    EXPECT_TRUE(knows("any.example", "v", "other"));
    EXPECT_TRUE(knows("local.example", "u", "other"));
    EXPECT_FALSE(knows("local.example", "v", "helo"));
    EXPECT_TRUE(knows("helo.example", "v", "helo"));
    EXPECT_FALSE(knows("helo.example", "u", "other"));
    EXPECT_TRUE(knows("both.example", "u", "helo"));
    EXPECT_FALSE(knows("both.example", "u", "other"));
    EXPECT_FALSE(cache.find({*protocol::IpAddress::parse("192.0.2.2"), "any.example", "u", "helo"}, 1));
}

TEST(SpfCache, IsBoundedAndKeepsNoTemperror) {
    SpfCache cache(2);
    const SpfOutcome broken{.result = SpfResult::temperror};
    cache.keep({kIp, "broken.example", "", ""}, {.ttl = 60}, broken, 0);
    cache.keep({kIp, "instant.example", "", ""}, {.ttl = 0}, kPass, 0);
    EXPECT_EQ(cache.size(), 0u);
    for (const char* domain : {"a.example", "b.example", "b.example", "c.example"}) {
        cache.keep({kIp, domain, "", ""}, {.ttl = 60}, kPass, 0);
    }
    EXPECT_EQ(cache.size(), 2u);
    EXPECT_FALSE(cache.find({kIp, "a.example", "", ""}, 1)) << "the oldest gave way";
    EXPECT_TRUE(cache.find({kIp, "b.example", "", ""}, 1));
    EXPECT_TRUE(cache.find({kIp, "c.example", "", ""}, 1));
}

struct Setting {
    tests::SpfZoneData zone;
    SpfCache cache;
    SpfClient client{kIp, "mail.example.com", "mx.example", 1000};

    // The number of questions that had to be asked.
    std::size_t ask(const char* path) {
        DnsFacts facts;
        tests::settle_in(zone, facts, [&](DnsFacts& f) { return check_mail_from(client, path, f, &cache); });
        return facts.questions();
    }
};

TEST(SpfCache, SavesTheQuestionsOfTheSecondMessage) {
    Setting setting;
    setting.zone.txt("example.com", "v=spf1 a:h.example -all");
    setting.zone.ttl = 30;
    setting.zone.address("h.example", "192.0.2.1");
    EXPECT_EQ(setting.ask("u@example.com"), 2u);
    EXPECT_EQ(setting.ask("v@example.com"), 0u);
    setting.client.now += 30;  // the smaller of the two, 60 and 30
    EXPECT_EQ(setting.ask("u@example.com"), 2u);
}

TEST(SpfCache, AsksAgainForAnotherSenderWhereMacrosUseIt) {
    Setting setting;
    setting.zone.txt("example.com", "v=spf1 exists:%{l}.x.example -all");
    setting.zone.address("u.x.example", "127.0.0.2");
    EXPECT_EQ(setting.ask("u@example.com"), 2u);
    EXPECT_EQ(setting.ask("u@example.com"), 0u);
    EXPECT_EQ(setting.ask("v@example.com"), 2u);
}

TEST(SpfCache, LearnsNothingFromAProvisionalOrFailedCheck) {
    Setting setting;
    setting.zone.txt("example.com", "v=spf1 a:broken.example -all");
    setting.zone.fail("broken.example");
    DnsFacts facts;
    check_mail_from(setting.client, "u@example.com", facts, &setting.cache);
    EXPECT_EQ(setting.cache.size(), 0u);
    setting.ask("u@example.com");
    EXPECT_EQ(setting.cache.size(), 0u);
}

}  // namespace
}  // namespace gatepost::auth
