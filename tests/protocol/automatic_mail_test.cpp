#include "protocol/automatic_mail.h"

#include <gtest/gtest.h>

namespace gatepost::protocol {
namespace {

TEST(AutomaticMail, IsKnownByItsHeader) {
    const struct {
        const char* header;
        bool is_automatic;
    } rows[] = {
        {"From: a@example.net\r\nSubject: List-Id: x\r\n", false},
        {"List-Id: <a.example.net>\r\n", true},
        {"LIST-ID:\r\n", true},
        {"List-Unsubscribe: <mailto:x@example.net>\r\n", true},
        {"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n", true},
        {"List-Post: NO\r\n", true},
        {"List-Help: <mailto:x@example.net>\r\nList-Archive: <http://example.net/>\r\n", true},
        {"List-Price: 5\r\nX-List-Id: a\r\n", false},
        {"Content-Type: multipart/report; report-type=feedback-report; boundary=x\r\n", true},
        {"Content-Type: Multipart/Report;\r\n report-type=disposition-notification\r\n", true},
        {"Content-Type: multipart/mixed; name=\"multipart/report\"\r\n", false},
        {"Content-Type: text/plain\r\n", false},
        {"X-Auto-Response-Suppress: All\r\n", true},
        {"Precedence: bulk\r\n", true},
        {"precedence:\r\n List\r\n", true},
        {"Precedence: JUNK (really)\r\n", true},
        {"Precedence: first-class\r\n", false},
        {"Precedence: bulky\r\n", false},
        {"Auto-Submitted: auto-generated\r\n", true},
        {"Auto-Submitted: auto-replied; owner-email=\"a@example.net\"\r\n", true},
        {"Auto-Submitted: NO\r\n", false},
        {"Auto-Submitted: no; x=y\r\n", false},
        {"Auto-Submitted: no(t automatic)\r\n", false},
        {"Auto-Submitted:\r\n", true},
        {"Auto-Submitted: no\r\nAuto-Submitted: auto-notified\r\n", true},
    };
    for (const auto& row : rows) {
        const auto header = Header::parse(row.header);
        ASSERT_TRUE(header) << row.header;
        EXPECT_EQ(is_automatic(*header), row.is_automatic) << row.header;
    }
}

}  // namespace
}  // namespace gatepost::protocol
