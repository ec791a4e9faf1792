#include "policy/relaying.h"

#include <gtest/gtest.h>

namespace gatepost::policy {
namespace {

namespace reply = protocol::reply;

TEST(Relaying, IsForTheConfiguredDomainsOnly) {
    struct Row {
        const char* recipient;
        bool is_taken;
        const char* why;
    };
    const Row rows[] = {
        {"<bob@example.org>", true, "a domain of ours"},
        {"<bob@EXAMPLE.ORG>", true, "the case of letters does not matter"},
        {"<bob@example.net>", false, "somebody else's"},
        {"<bob@sub.example.org>", false, "a subdomain is another domain"},
        {"<bob@org>", false, "so is the one above"},
        {"<bob%example.net@example.org>", false, "the downstream might send it on"},
        {"<bob!example.net@example.org>", false, "likewise"},
        {"<bob@[127.0.0.1]>", false, "a literal is no domain"},
        {"<postmaster>", true, "RFC 5321 section 4.5.1"},
        {"<PostMaster@example.org>", true, "a domain of ours"},
        {"<postmaster@example.net>", false, "not ours to answer for"},
        {"<postmaster@[127.0.0.1]>", false, "nor that"},
    };
    config::Settings settings;
    settings.domains = {*protocol::Domain::parse("example.org")};
    for (const Row& row : rows) {
        const auto recipient = protocol::parse_forward_path(row.recipient);
        ASSERT_TRUE(recipient) << row.recipient;
        const auto refusal = refusal_of_recipient(recipient->path, settings);
        EXPECT_EQ(!refusal, row.is_taken) << row.recipient << ": " << row.why;
        if (!refusal) continue;
        EXPECT_EQ(*refusal, reply::kRelayDenied) << row.recipient;
    }
}

TEST(Relaying, GivesANotificationOneRecipient) {
    protocol::Path null;
    null.is_null = true;
    const auto alice = protocol::parse_forward_path("<alice@example.net>")->path;
    EXPECT_FALSE(refusal_of_further_recipient(null, 0));
    EXPECT_EQ(refusal_of_further_recipient(null, 1), reply::kNullSenderManyRecipients);
    EXPECT_FALSE(refusal_of_further_recipient(alice, 1));
}

}  // namespace
}  // namespace gatepost::policy
