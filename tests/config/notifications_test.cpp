// `notifications`: who signs them, where they go, and when a delay is told.
#include <gtest/gtest.h>

#include "config/load.h"

namespace gatepost::config {
namespace {

using namespace std::chrono_literals;

Loaded load(const std::string& yaml) {
    return load_text(
        "hostname: mx1.example.org\ndomains: [example.org]\ndownstream: {servers: "
        "[\"smtp://10.0.0.5:25\"]}\n" +
            yaml,
        "/etc/gatepost/f", "mx1.example.org");
}

TEST(Notifications, AreOnButHaveNoKeyUnlessTold) {
    const Loaded loaded = load("");
    ASSERT_TRUE(loaded.settings);
    EXPECT_EQ(loaded.settings->notifications, Notifications{});
    EXPECT_TRUE(loaded.settings->notifications.is_on);
    EXPECT_EQ(loaded.settings->notifications.key, "");
    EXPECT_EQ(loaded.settings->notifications.delay_after, 4h);
}

TEST(Notifications, TakeEveryKey) {
    const Loaded loaded = load(
        "notifications:\n  enabled: false\n  domain: Bounces.Example.org\n  selector: gp2026\n"
        "  key: dkim.key\n  relay: [\"smtp://10.0.0.6\", \"smtp://[2001:db8::6]:2525\"]\n  delay_after: "
        "90m\n");
    ASSERT_TRUE(loaded.settings) << text(loaded.findings.at(0), "f");
    const auto& notifications = loaded.settings->notifications;
    EXPECT_FALSE(notifications.is_on);
    EXPECT_EQ(notifications.domain, protocol::Domain::parse("bounces.example.org"));
    EXPECT_EQ(notifications.selector, "gp2026");
    EXPECT_EQ(notifications.key, "/etc/gatepost/dkim.key") << "begins at the folder of the file";
    EXPECT_EQ(notifications.key_place, (Place{8, 8}));
    EXPECT_EQ(notifications.delay_after, 90min);
    ASSERT_EQ(notifications.relay.size(), 2u);
    EXPECT_EQ(notifications.relay[0].host, "10.0.0.6");
    EXPECT_EQ(notifications.relay[0].port, 25);
    EXPECT_EQ(notifications.relay[1].host, "2001:db8::6");
    EXPECT_EQ(notifications.relay[1].port, 2525);
    EXPECT_LT(notifications.relay[0].priority, notifications.relay[1].priority) << "the first that is there";
}

TEST(Notifications, AnswerEachMistakeWithPlaceAndRemedy) {
    const struct {
        std::string yaml, text;
    } rows[] = {
        {"notifications: {key: a.key}",
         "f:4:22: error: selector is missing: the name below _domainkey at which the key is published, see "
         "gatepost keygen"},
        {"notifications: {selector: gp}",
         "f:4:27: error: key is missing: the file of the private key, see gatepost keygen"},
        {"notifications: {selector: \"a b\", key: a.key}",
         "f:4:27: error: selector 'a b' is not a domain name"},
        {"notifications: {domain: \"@example.org\"}",
         "f:4:25: error: domain '@example.org' is not a domain name"},
        {"notifications: {relay: [\"lmtp://10.0.0.6:24\"]}",
         "f:4:25: error: 'lmtp://10.0.0.6:24' is no relay for notifications, which go out into the world; "
         "write smtp://host:25"},
        {"notifications: {relay: 10.0.0.6}",
         "f:4:24: error: '10.0.0.6' is no relay for notifications, which go out into the world; write "
         "smtp://host:25"},
        {"listeners: [{address: \"0.0.0.0:2525\"}]\nnotifications: {relay: [\"smtp://127.0.0.1:2525\"]}",
         "f:5:25: error: 'smtp://127.0.0.1:2525' is a listener of this gateway: mail would go round in "
         "circles; name the mail server behind it"},
        {"notifications: {enabled: maybe}", "f:4:26: error: enabled must be true or false"},
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
