// `smtp`: how leniently the protocol is read, and for whom.
#include <gtest/gtest.h>

#include "config/load.h"

namespace gatepost::config {
namespace {

using protocol::IpAddress;
using protocol::IpNetwork;

Loaded load(const std::string& smtp) {
    return load_text(
        "hostname: mx1.example.org\ndomains: [example.org]\ndownstream: {servers: "
        "[\"smtp://10.0.0.5:25\"]}\n" +
            smtp,
        "/etc/gatepost/f", "mx1.example.org");
}

TEST(Smtp, RefusesBareNewlinesAndAllowsPipeliningUnlessTold) {
    const Loaded loaded = load("");
    ASSERT_TRUE(loaded.settings);
    EXPECT_EQ(loaded.settings->smtp.bare_newline, BareNewline::reject);
    EXPECT_EQ(loaded.settings->smtp.unauthorized_pipelining, UnauthorizedPipelining::allow);
    EXPECT_FALSE(loaded.settings->smtp.normalizes_for(*IpAddress::parse("127.0.0.1")));
}

TEST(Smtp, TakesEveryKey) {
    const Loaded loaded = load(
        "smtp: {bare_newline: normalize, normalize_for: [10.0.0.0/8], unauthorized_pipelining: refuse}\n");
    ASSERT_TRUE(loaded.settings);
    Smtp expected;
    expected.bare_newline = BareNewline::normalize;
    expected.normalize_for = {*IpNetwork::parse("10.0.0.0/8")};
    expected.unauthorized_pipelining = UnauthorizedPipelining::refuse;
    EXPECT_EQ(loaded.settings->smtp, expected);
}

TEST(Smtp, NormalizesForTheNetworksNamed) {
    const Loaded loaded = load("smtp: {normalize_for: [192.0.2.0/28, \"2001:db8::/32\"]}\n");
    ASSERT_TRUE(loaded.settings);
    const auto& smtp = loaded.settings->smtp;
    EXPECT_TRUE(smtp.normalizes_for(*IpAddress::parse("192.0.2.15")));
    EXPECT_FALSE(smtp.normalizes_for(*IpAddress::parse("192.0.2.16")));
    EXPECT_TRUE(smtp.normalizes_for(*IpAddress::parse("2001:db8::1")));
    EXPECT_FALSE(smtp.normalizes_for(*IpAddress::parse("2001:db9::1")));
    const Loaded all = load("smtp: {bare_newline: normalize}\n");
    EXPECT_TRUE(all.settings->smtp.normalizes_for(*IpAddress::parse("192.0.2.16")));
}

TEST(Smtp, AnswersEachMistakeWithPlaceAndRemedy) {
    const struct {
        std::string yaml, text;
    } rows[] = {
        {"smtp: {bare_newline: normalise}",
         "f:4:22: error: bare_newline must be one of reject, normalize; did you mean 'normalize'?"},
        {"smtp: {normalize_for: [office]}",
         "f:4:24: error: 'office' is no address or network; write 192.0.2.0/28"},
        {"smtp: {unauthorized_pipelining: no}",
         "f:4:33: error: unauthorized_pipelining must be one of allow, refuse"},
    };
    for (const auto& row : rows) {
        const Loaded loaded = load(row.yaml);
        EXPECT_FALSE(loaded.settings) << row.yaml;
        ASSERT_EQ(loaded.findings.size(), 1u) << row.yaml;
        EXPECT_EQ(text(loaded.findings[0], "f"), row.text);
    }
}

}  // namespace
}  // namespace gatepost::config
