#include "gateway/relay/recipient_cache.h"

#include <gtest/gtest.h>

namespace gatepost::gateway {
namespace {

using protocol::Path;
using protocol::Reply;
using std::chrono::hours;
using std::chrono::seconds;

constexpr RecipientCache::Time kStart{hours(1000)};
const Reply kYes{250, "2.1.5", {"Ok"}};
const Reply kNo{550, "5.1.1", {"No such user"}};

Path path(const std::string& address) {
    const std::string bracketed = "<" + address + ">";
    return protocol::parse_forward_path(bracketed)->path;
}

config::Recipients with(std::size_t remembered) {
    config::Recipients settings;
    settings.remembered = remembered;
    return settings;
}

TEST(RecipientCache, RemembersWhatSpeaksOfTheUserOnly) {
    const struct {
        const char* reason;
        int code;
        const char* enhanced;
        bool is_of_the_user;
    } rows[] = {
        {"no such user", 550, "5.1.1", true},
        {"moved", 551, "5.1.6", true},
        {"no address there", 553, "5.1.3", true},
        {"null MX (RFC 7505 has 5.1.10)", 550, "5.1.10", true},
        {"without a code: of the user, or of the sender", 550, "", false},
        {"policy", 550, "5.7.1", false},
        {"the mailbox, which may change", 550, "5.2.1", false},
        {"the sender's address", 550, "5.1.7", false},
        {"the sender's domain", 550, "5.1.8", false},
        {"an unlisted sender (Postfix)", 550, "5.1.0", false},
        {"full", 552, "5.2.2", false},
        {"no code of RCPT", 554, "5.1.1", false},
        {"temporary", 450, "4.1.1", false},
    };
    for (const auto& row : rows) {
        const Reply theirs{row.code, row.enhanced, {"x"}};
        EXPECT_EQ(speaks_of_the_user(theirs), row.is_of_the_user) << row.reason;
        RecipientCache cache(with(10));
        cache.learn(path("u@example.org"), theirs, kStart);
        const auto found = cache.lookup(path("u@example.org"), hours(1), kStart);
        EXPECT_EQ(found, row.is_of_the_user ? std::optional(false) : std::nullopt) << row.reason;
    }
}

TEST(RecipientCache, BelievesAnAnswerForItsTime) {
    config::Recipients settings = with(10);
    settings.negative = seconds(120);
    RecipientCache cache(settings);
    cache.learn(path("yes@example.org"), kYes, kStart);
    cache.learn(path("no@example.org"), kNo, kStart);
    const auto yes = [&](seconds max_age, seconds later) {
        return cache.lookup(path("yes@example.org"), max_age, kStart + later);
    };
    EXPECT_EQ(yes(seconds(60), seconds(59)), true);
    EXPECT_EQ(yes(seconds(60), seconds(60)), std::nullopt);
    EXPECT_EQ(yes(hours(24), seconds(60)), true) << "who accepts older ones has it still";
    EXPECT_EQ(cache.lookup(path("no@example.org"), hours(24), kStart + seconds(119)), false);
    EXPECT_EQ(cache.lookup(path("no@example.org"), hours(24), kStart + seconds(120)), std::nullopt);
    EXPECT_EQ(cache.lookup(path("other@example.org"), hours(24), kStart), std::nullopt);
}

TEST(RecipientCache, TheLastAnswerCounts) {
    RecipientCache cache(with(10));
    const Path user = path("u@example.org");
    cache.learn(user, kYes, kStart);
    cache.learn(user, kNo, kStart);
    EXPECT_EQ(cache.lookup(user, hours(1), kStart), false);
    EXPECT_EQ(cache.lookup(user, hours(1), kStart + hours(0) + seconds(121)), std::nullopt)
        << "not the old yes";
    cache.learn(user, kYes, kStart + seconds(200));
    EXPECT_EQ(cache.lookup(user, hours(1), kStart + seconds(200)), true);
    cache.learn(user, {450, "4.2.0", {"Busy"}}, kStart + seconds(201));
    EXPECT_EQ(cache.lookup(user, hours(1), kStart + seconds(201)), true) << "busy is no answer";
}

TEST(RecipientCache, ForgetsWhoWasNotAskedForLongest) {
    RecipientCache cache(with(3));
    for (const char* name : {"a@x.example", "b@x.example", "c@x.example"})
        cache.learn(path(name), kYes, kStart);
    EXPECT_EQ(cache.lookup(path("a@x.example"), hours(1), kStart), true);
    cache.learn(path("d@x.example"), kYes, kStart);
    EXPECT_EQ(cache.size(), 3u);
    EXPECT_EQ(cache.lookup(path("b@x.example"), hours(1), kStart), std::nullopt);
    for (const char* name : {"a@x.example", "c@x.example", "d@x.example"})
        EXPECT_EQ(cache.lookup(path(name), hours(1), kStart), true) << name;
}

TEST(RecipientCache, StaysWithinItsBounds) {
    RecipientCache cache(with(1000));
    cache.learn(path("honest@example.org"), kYes, kStart);
    for (int i = 0; i < 20'000; ++i)
        cache.learn(path("unknown" + std::to_string(i) + "@example.org"), kNo, kStart);
    EXPECT_EQ(cache.size(), 251u) << "a quarter as many that say no";
    EXPECT_EQ(cache.lookup(path("honest@example.org"), hours(1), kStart), true)
        << "not pushed out by a flood";
    const std::string label(63, 'x');
    const std::string long_domain = label + "." + label + ".example";
    for (int i = 0; i < 5'000; ++i) {
        const std::string local_part = std::string(58, 'y') + std::to_string(10'000 + i);
        cache.learn(path(local_part + "@" + long_domain), kYes, kStart);
    }
    EXPECT_LE(cache.octets(), 1000u * 128 + 250u * 128);
    EXPECT_LT(cache.size(), 800u) << "long ones are fewer";
    RecipientCache nothing(with(0));
    nothing.learn(path("u@example.org"), kYes, kStart);
    EXPECT_EQ(nothing.size(), 0u);
    EXPECT_EQ(nothing.lookup(path("u@example.org"), hours(1), kStart), std::nullopt);
}

}  // namespace
}  // namespace gatepost::gateway
