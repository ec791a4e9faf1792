#include "gateway/dns/dns_cache.h"

#include <gtest/gtest.h>
#include <malloc.h>

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
    DnsCache cache(4 * 1450);
    for (int i = 0; i < 4; ++i) cache.keep(question(i), answer(DnsStatus::found, 60, 900), kNow);
    ASSERT_EQ(cache.entries(), 4u);
    ASSERT_TRUE(cache.find(question(0), kNow));
    cache.keep(question(4), answer(DnsStatus::found, 60, 900), kNow);
    EXPECT_TRUE(cache.find(question(0), kNow)) << "it was used";
    EXPECT_FALSE(cache.find(question(1), kNow));
    EXPECT_TRUE(cache.find(question(4), kNow));
}

// A sender can make up names without end; what all mail needs stays.
TEST(DnsCache, AFloodOfNamesLeavesWhatIsInUse) {
    DnsCache cache(kRoom);
    for (int i = 0; i < 20; ++i) cache.keep(question(i), answer(DnsStatus::found, 3600, 900), kNow);
    const auto later = kNow + 31s;
    for (int i = 0; i < 20; ++i) EXPECT_TRUE(cache.find(question(i), later)) << i;
    for (int i = 1000; i < 101'000; ++i) {
        cache.keep(question(i), answer(DnsStatus::nx_domain, 900), later);
        cache.find(question(i), later + 20s);  // the same message looks again
        ASSERT_LE(cache.octets(), kRoom);
    }
    for (int i = 0; i < 20; ++i) EXPECT_TRUE(cache.find(question(i), later)) << i;
}

TEST(DnsCache, WhatIsSettledHasThreeQuartersAtMost) {
    DnsCache cache(kRoom);
    for (int i = 0; i < 1000; ++i) {
        cache.keep(question(i), answer(DnsStatus::found, 3600, 100), kNow);
        cache.find(question(i), kNow + 31s);
        ASSERT_LE(cache.settled_octets(), kRoom / 4 * 3);
        ASSERT_LE(cache.octets(), kRoom);
    }
    EXPECT_GT(cache.settled_octets(), kRoom / 2);
    EXPECT_TRUE(cache.find(question(999), kNow + 31s));
    EXPECT_FALSE(cache.find(question(0), kNow + 31s)) << "the longest unused went first";
}

TEST(DnsCache, CostsNoMoreMemoryThanItCounts) {
    constexpr std::size_t kLarge = 4 * 1024 * 1024;
    const auto flood = [](DnsCache& cache) {
        for (int i = 0; i < 100'000; ++i) {
            const std::string number = std::to_string(i);
            const DnsQuestion name{RecordType::txt, number + ".a-name-of-usual-length.flood.example"};
            cache.keep(name,
                       std::make_shared<const DnsAnswer>(
                           DnsAnswer{.status = DnsStatus::found, .ttl = 3600, .texts = {number + "text"}}),
                       kNow);
        }
    };
    const std::size_t before = ::mallinfo2().uordblks;
    DnsCache cache(kLarge);
    flood(cache);
    const std::size_t used = ::mallinfo2().uordblks - before;
    RecordProperty("octets", static_cast<int>(used));
    std::printf("100 000 names: %zu entries, %zu octets counted, %zu octets used\n", cache.entries(),
                cache.octets(), used);
    EXPECT_LE(used, kLarge);
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
