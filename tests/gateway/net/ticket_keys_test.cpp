#include "gateway/net/ticket_keys.h"

#include <gtest/gtest.h>

namespace gatepost::gateway {
namespace {

using std::chrono::minutes;

TEST(TicketKeys, SealForAnHourAndOpenForAnother) {
    TicketKeys keys;
    const TicketKeys::Time start = TicketKeys::Time() + std::chrono::hours(1000);
    const auto first = *keys.current(start);
    EXPECT_EQ(keys.current(start + minutes(59))->name, first.name);
    ASSERT_TRUE(keys.find(first.name, start + minutes(59)));
    EXPECT_EQ(keys.find(first.name, start + minutes(59))->cipher, first.cipher);
    const auto second = *keys.current(start + minutes(60));
    EXPECT_NE(second.name, first.name);
    EXPECT_NE(second.cipher, first.cipher);
    EXPECT_NE(second.mac, first.mac);
    EXPECT_TRUE(keys.find(first.name, start + minutes(119)))
        << "tickets of its last minute are good for an hour";
    EXPECT_FALSE(keys.find(first.name, start + minutes(120)));
    EXPECT_TRUE(keys.find(second.name, start + minutes(120)));
    const auto third = *keys.current(start + minutes(120));
    EXPECT_NE(third.name, second.name);
    EXPECT_FALSE(keys.find(third.name, start + minutes(240))) << "nobody came for two hours";
}

TEST(TicketKeys, AForeignNameIsNobodys) {
    TicketKeys keys;
    const TicketKeys::Time now = TicketKeys::Time() + std::chrono::hours(1000);
    std::array<unsigned char, TicketKeys::kNameSize> name{};
    EXPECT_FALSE(keys.find(name, now)) << "there is no key at all";
    name = keys.current(now)->name;
    name[15] ^= 1;
    EXPECT_FALSE(keys.find(name, now));
}

}  // namespace
}  // namespace gatepost::gateway
