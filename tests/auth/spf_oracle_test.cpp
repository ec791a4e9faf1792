#include <gtest/gtest.h>

#include <map>
#include <random>

#include "auth/spf.h"
#include "tests/support/spf_oracle.h"
#include "tests/support/spf_random_zone.h"

namespace gatepost::tests {
namespace {

TEST(SpfOracle, AgreesInTwentyThousandRandomZones) {
    std::mt19937 random(7208);
    std::map<auth::SpfResult, int> words;
    for (int number = 0; number < 20'000; ++number) {
        std::array<std::uint8_t, 400> bytes;
        for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
        ByteSource in(bytes.data(), bytes.size());
        const auto given = random_case(in);
        DnsFacts facts;
        const auto ours = settle_in(
            given.zone, facts, [&](DnsFacts& f) { return auth::check_host(given.client, given.sender, f); });
        const auto theirs = SpfOracle(given.zone, given.client, given.sender).check();
        ASSERT_EQ(name(ours.result), name(theirs)) << "zone " << number << ": " << ours.why;
        ++words[theirs];
    }
    EXPECT_EQ(words.size(), 7u) << "the zones must lead to every result, or they prove little";
    for (const auto& [word, count] : words) EXPECT_GT(count, 100) << name(word);
}

}  // namespace
}  // namespace gatepost::tests
