#include "auth/spf_canon.h"

#include <gtest/gtest.h>

namespace gatepost::auth {
namespace {

constexpr auto kRedirect = CanonicalRecord::kRedirect;

std::string repeated(const std::string& text, int times) {
    std::string all;
    for (int i = 0; i < times; ++i) all += text;
    return all;
}

TEST(SpfCanon, HoldsNothingOfTheRecordButItsShape) {
    const struct {
        const char *reason, *client;
        std::string record, text;
        std::vector<std::size_t> terms;
    } rows[] = {
        {"nothing", "192.0.2.1", "v=spf1", "v=spf1", {}},
        {"each mechanism that asks, with its qualifier",
         "192.0.2.1",
         "v=spf1 a mx:x.example/24 ~include:y.example ?exists:%{i}.z.example -ptr -all",
         "v=spf1 +a:n7.x +mx:n8.x ~include:n9.x ?exists:n10.x -exists:n11.x -exists:n12.x",
         {0, 1, 2, 3, 4, 5}},
        {"a network that holds the client is certain, and the end",
         "192.0.2.1",
         "v=spf1 a ~ip4:192.0.2.0/24 mx -all",
         "v=spf1 +a:n7.x ~exists:n8.x",
         {0, 1}},
        {"one that does not is left out",
         "198.51.100.1",
         "v=spf1 ip4:192.0.2.0/24 a -all",
         "v=spf1 +a:n7.x -exists:n8.x",
         {1, 2}},
        {"IPv6 too",
         "2001:db8::1",
         "v=spf1 ip4:0.0.0.0/0 ip6:2001:db8::/32 -all",
         "v=spf1 +exists:n7.x",
         {1}},
        {"nor is IPv4 in it", "192.0.2.1", "v=spf1 ip6:::/0 -all", "v=spf1 -exists:n7.x", {1}},
        {"RFC 7208 section 6.1: redirect comes last",
         "192.0.2.1",
         "v=spf1 redirect=y.example a",
         "v=spf1 +a:n7.x redirect=n8.x",
         {0, kRedirect}},
        {"and not beside all", "192.0.2.1", "v=spf1 redirect=y.example ?all", "v=spf1 ?exists:n7.x", {0}},
        {"nor behind a certain match",
         "192.0.2.1",
         "v=spf1 ip4:192.0.2.1 redirect=y.example",
         "v=spf1 +exists:n7.x",
         {0}},
        {"an explanation and unknown modifiers are not for the engine",
         "192.0.2.1",
         "v=spf1 exp=e.example x=%{s} a",
         "v=spf1 +a:n7.x",
         {0}},
        {"RFC 7208 section 4.6.4: one more than ten, so that it is seen",
         "192.0.2.1",
         "v=spf1" + repeated(" a:h.example", 14) + " -all",
         "v=spf1 +a:n7.x +a:n8.x +a:n9.x +a:n10.x +a:n11.x +a:n12.x +a:n13.x +a:n14.x +a:n15.x +a:n16.x"
         " +a:n17.x",
         {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}},
    };
    for (const auto& row : rows) {
        const auto record = SpfRecord::parse(row.record);
        ASSERT_TRUE(record) << row.reason << ": " << record.problem();
        const auto made = canonical(*record, *protocol::IpAddress::parse(row.client), 7);
        EXPECT_EQ(made.text, row.text) << row.reason;
        EXPECT_EQ(made.terms, row.terms) << row.reason;
        EXPECT_TRUE(is_canonical(made.text)) << row.reason;
    }
}

TEST(SpfCanon, NamesAliasesByTheirNumber) {
    EXPECT_EQ(alias_name(0), "n0.x");
    EXPECT_EQ(alias_name(12), "n12.x");
}

// The wall before libspf2: what it must never see (CVE-2021-33912 and its kin need macros, '/' or length).
TEST(SpfCanon, IsToldFromAStrangersText) {
    const struct {
        std::string text;
        bool is_ours;
    } rows[] = {
        {"v=spf1", true},
        {"v=spf1 +a:n1.x -exists:n2.x redirect=n3.x", true},
        {"", false},
        {"v=spf2 a:n1.x", false},
        {"V=spf1 a:n1.x", false},
        {" v=spf1", false},
        {"v=spf1 a:n1.x/24", false},
        {"v=spf1 a:%{i}.x", false},
        {"v=spf1 a:N1.x", false},
        {"v=spf1 a:n1_x", false},
        {"v=spf1\ta:n1.x", false},
        {std::string("v=spf1 a:n1.x\0", 14), false},
        {"v=spf1 a:\xc3\xbc.x", false},
        {"v=spf1 " + std::string(392, 'a'), true},
        {"v=spf1 " + std::string(393, 'a'), false},
    };
    for (const auto& [text, is_ours] : rows) EXPECT_EQ(is_canonical(text), is_ours) << text;
}

}  // namespace
}  // namespace gatepost::auth
