#include "gateway/dns_cache.h"

#include <gtest/gtest.h>

namespace gatepost::gateway {
namespace {

using namespace std::chrono_literals;
using auth::DnsAnswer;
using auth::DnsQuestion;
using auth::DnsStatus;
using auth::RecordType;

const DnsCache::Time kNow = DnsCache::Time() + 1h;
constexpr std::size_t kRoom = 64 * 1024;

auth::DnsAnswerPtr answer(DnsStatus status, std::uint32_t ttl, std::size_t octets = 1) {
    return std::make_shared<const DnsAnswer>(
        DnsAnswer{.status = status, .ttl = ttl, .texts = {std::string(octets, 'x')}});
}

DnsQuestion question(int number) {
    return {RecordType::txt, "n" + std::to_string(number) + ".example"};
}

TEST(DnsCache, IsTrueToTheTtl) {
    const struct {
        const char* reason;
        DnsStatus status;
        std::uint32_t ttl;
        std::chrono::seconds life;
    } rows[] = {
        {"as the record says", DnsStatus::found, 300, 300s},
        {"that something does not exist, too", DnsStatus::nx_domain, 60, 60s},
        {"or has no such record", DnsStatus::no_data, 60, 60s},
        {"a TTL of 0 serves the one message", DnsStatus::found, 0, 1s},
        {"no longer than a day", DnsStatus::found, 1'000'000, 86400s},
        {"a TTL with the sign bit", DnsStatus::found, 0xffffffff, 86400s},
        {"a failure for a moment, whatever its TTL", DnsStatus::failed, 86400, 3s},
    };
    for (const auto& row : rows) {
        DnsCache cache(kRoom);
        const auto kept = answer(row.status, row.ttl);
        cache.keep(question(1), kept, kNow);
        EXPECT_EQ(cache.find(question(1), kNow), kept) << row.reason;
        EXPECT_EQ(cache.find(question(1), kNow + row.life - 1ms), kept) << row.reason;
        EXPECT_EQ(cache.find(question(1), kNow + row.life), nullptr) << row.reason;
        EXPECT_EQ(cache.entries(), 0u) << "what is over is gone";
        EXPECT_EQ(cache.octets(), 0u);
    }
}

TEST(DnsCache, TellsTypesApart) {
    DnsCache cache(kRoom);
    cache.keep({RecordType::txt, "a.example"}, answer(DnsStatus::found, 60), kNow);
    EXPECT_EQ(cache.find({RecordType::a, "a.example"}, kNow), nullptr);
    EXPECT_EQ(cache.find({RecordType::txt, "b.example"}, kNow), nullptr);
}

TEST(DnsCache, ReplacesAnAnswer) {
    DnsCache cache(kRoom);
    cache.keep(question(1), answer(DnsStatus::found, 60, 5000), kNow);
    const auto later = answer(DnsStatus::nx_domain, 60);
    cache.keep(question(1), later, kNow + 1s);
    EXPECT_EQ(cache.find(question(1), kNow + 60s), later);
    EXPECT_EQ(cache.entries(), 1u);
    EXPECT_LT(cache.octets(), 5000u);
}

TEST(DnsCache, NeverOutgrowsItsRoom) {
    DnsCache cache(kRoom);
    for (int i = 0; i < 5000; ++i) {
        cache.keep(question(i), answer(DnsStatus::found, 60, static_cast<std::size_t>(i % 300)), kNow);
        ASSERT_LE(cache.octets(), kRoom);
    }
    EXPECT_GT(cache.entries(), 50u);
    EXPECT_LT(cache.entries(), kRoom / 256) << "an entry costs more than its text";
}

TEST(DnsCache, CountsAllThatAnAnswerHolds) {
    const std::string name(200, 'n');
    const DnsAnswer values[] = {
        {.status = DnsStatus::found, .ttl = 60, .texts = {name}},
        {.status = DnsStatus::found, .ttl = 60, .exchanges = {{10, name}}},
        {.status = DnsStatus::found, .ttl = 60, .names = {name}},
        {.status = DnsStatus::failed, .why = name},
        {.status = DnsStatus::found, .ttl = 60, .addresses = std::vector<protocol::IpAddress>(10)},
    };
    for (const auto& value : values) {
        DnsCache cache(kRoom);
        cache.keep(question(1), std::make_shared<const DnsAnswer>(), kNow);
        const std::size_t empty = cache.octets();
        cache.keep(question(1), std::make_shared<const DnsAnswer>(value), kNow);
        EXPECT_GE(cache.octets(), empty + 200);
    }
}

TEST(DnsCache, LetsTheLongestUnusedGoFirst) {
    DnsCache cache(4 * 1300);
    for (int i = 0; i < 4; ++i) cache.keep(question(i), answer(DnsStatus::found, 60, 900), kNow);
    ASSERT_EQ(cache.entries(), 4u);
    ASSERT_TRUE(cache.find(question(0), kNow));
    cache.keep(question(4), answer(DnsStatus::found, 60, 900), kNow);
    EXPECT_TRUE(cache.find(question(0), kNow)) << "it was used";
    EXPECT_FALSE(cache.find(question(1), kNow));
    EXPECT_TRUE(cache.find(question(4), kNow));
}

TEST(DnsCache, LeavesOutWhatIsLargerThanItself) {
    DnsCache cache(1000);
    cache.keep(question(1), answer(DnsStatus::found, 60, 100), kNow);
    cache.keep(question(2), answer(DnsStatus::found, 60, 2000), kNow);
    EXPECT_TRUE(cache.find(question(1), kNow)) << "nothing had to go for it";
    EXPECT_FALSE(cache.find(question(2), kNow));
}

}  // namespace
}  // namespace gatepost::gateway
