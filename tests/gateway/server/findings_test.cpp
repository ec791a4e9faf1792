#include "gateway/server/findings.h"

#include <gtest/gtest.h>

namespace gatepost::gateway {
namespace {

using auth::DmarcResult;
using auth::SpfResult;

// A notification goes to the reverse-path: it must have been proved, and not only its domain's name.
TEST(Findings, KnowWhoMayBeNotified) {
    const struct {
        SpfResult spf;
        DmarcResult dmarc;
        std::string from, reverse_path;
        bool may_notify;
        const char* why;
    } cases[] = {
        {SpfResult::pass, DmarcResult::none, "a@author.example", "bounces@list.example", true, "SPF vouches"},
        {SpfResult::pass, DmarcResult::none, "a@author.example", "", false, "nobody to be told"},
        {SpfResult::fail, DmarcResult::pass, "a@author.example", "a@author.example", true, "he signed it"},
        {SpfResult::none, DmarcResult::pass, "A <a@Mail.Author.example>", "A@mail.author.example", true,
         "below the domain that was asked for its policy"},
        {SpfResult::fail, DmarcResult::pass, "\"a@b\" <a@author.example>\r\n ", "a@author.example", true,
         "folded"},
        {SpfResult::fail, DmarcResult::pass, "a@author.example", "innocent@author.example", false,
         "sent once more by somebody else, who chose the reverse-path"},
        {SpfResult::fail, DmarcResult::pass, "innocent@author.example.org <a@author.example>",
         "innocent@author.example", false, "only named in front"},
        {SpfResult::fail, DmarcResult::pass, "xa@author.example", "a@author.example", false, "another's end"},
        {SpfResult::softfail, DmarcResult::fail, "a@author.example", "a@author.example", false, "not signed"},
        {SpfResult::none, DmarcResult::pass, "a@other.example", "a@other.example", false,
         "not of that domain"},
    };
    for (const auto& row : cases) {
        policy::Judgement judgement;
        judgement.verification.mail_from.result = row.spf;
        judgement.verification.dmarc.result = row.dmarc;
        judgement.verification.dmarc.organizational_domain = protocol::Domain::parse("author.example");
        const auto header = protocol::Header::parse("Subject: x\r\nFrom: " + row.from + "\r\n");
        ASSERT_TRUE(header) << row.why;
        const auto path = protocol::parse_reverse_path("<" + row.reverse_path + ">");
        ASSERT_TRUE(path) << row.why;
        EXPECT_EQ(findings_of(judgement, *header, path->path).may_notify, row.may_notify) << row.why;
    }
}

}  // namespace
}  // namespace gatepost::gateway
