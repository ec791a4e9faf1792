#include "gateway/relay/envelope_fit.h"

#include <gtest/gtest.h>

namespace gatepost::gateway {
namespace {

using protocol::BodyKind;
using protocol::Capabilities;
using protocol::MailParameters;
using protocol::Recipient;

Capabilities all() {
    Capabilities can;
    can.is_extended = can.size = can.eight_bit_mime = can.smtputf8 = can.chunking = can.binarymime = can.dsn =
        can.requiretls = true;
    return can;
}

Capabilities without(bool Capabilities::*capability) {
    Capabilities can = all();
    can.*capability = false;
    return can;
}

MailParameters everything() {
    MailParameters wanted;
    wanted.declared_size = 1000;
    wanted.body = BodyKind::binary;
    wanted.smtputf8 = wanted.require_tls = true;
    wanted.ret = "hdrs";
    wanted.envid = "QQ+2B1";
    return wanted;
}

std::string refusal(const MailParameters& wanted, const Capabilities& can, bool is_tls = true) {
    const auto reply = mismatch(wanted, can, is_tls);
    return reply ? std::to_string(reply->code) + " " + reply->enhanced : "";
}

TEST(EnvelopeFit, RefusesWhatTheServerCannotTake) {
    MailParameters utf8, eight, binary, secure, large;
    utf8.smtputf8 = true;
    eight.body = BodyKind::eight_bit;
    binary.body = BodyKind::binary;
    secure.require_tls = true;
    large.declared_size = 1001;
    Capabilities small = all();
    small.max_size = 1000;
    const struct {
        MailParameters wanted;
        Capabilities can;
        const char *refusal, *why;
    } rows[] = {
        {everything(), all(), "", "it can do it all"},
        {{}, {}, "", "nothing is wanted"},
        {utf8, without(&Capabilities::smtputf8), "553 5.6.7", "M-27"},
        {eight, without(&Capabilities::eight_bit_mime), "554 5.6.3", "section 2"},
        {binary, without(&Capabilities::binarymime), "554 5.6.3", "RFC 3030 section 3"},
        {binary, without(&Capabilities::chunking), "554 5.6.3", "BINARYMIME is nothing without it"},
        {binary, without(&Capabilities::eight_bit_mime), "", "BINARYMIME says more"},
        {secure, without(&Capabilities::requiretls), "550 5.7.30", "M-29"},
        {large, small, "552 5.3.4", "RFC 1870 section 6.1"},
        {large, all(), "", "no fixed maximum"},
    };
    for (const auto& row : rows) EXPECT_EQ(refusal(row.wanted, row.can), row.refusal) << row.why;
    EXPECT_EQ(refusal(secure, all(), false), "550 5.7.10") << "no TLS at all";
}

TEST(EnvelopeFit, HandsOnWhatWasReceivedAndTheServerHas) {
    EXPECT_EQ(mail_parameters(everything(), all()),
              "SIZE=1000 BODY=BINARYMIME SMTPUTF8 REQUIRETLS RET=hdrs ENVID=QQ+2B1");
    EXPECT_EQ(mail_parameters({}, all()), "") << "nothing is invented (RFC 3461 section 5.2.1)";
    EXPECT_EQ(mail_parameters(everything(), without(&Capabilities::dsn)),
              "SIZE=1000 BODY=BINARYMIME SMTPUTF8 REQUIRETLS");
    MailParameters eight;
    eight.body = BodyKind::eight_bit;
    eight.declared_size = 5;
    EXPECT_EQ(mail_parameters(eight, without(&Capabilities::size)), "BODY=8BITMIME");
    Recipient recipient{{}, "Success,DELAY", "RFC822;Bob+40ours"};
    EXPECT_EQ(rcpt_parameters(recipient, all()), "NOTIFY=Success,DELAY ORCPT=RFC822;Bob+40ours")
        << "case too";
    EXPECT_EQ(rcpt_parameters(recipient, without(&Capabilities::dsn)), "");
    EXPECT_EQ(rcpt_parameters({}, all()), "");
}

TEST(EnvelopeFit, LosesNoNotificationThatIsOwed) {  // RFC 3461 section 5.2.2
    const auto none = without(&Capabilities::dsn);
    for (const char* notify : {"SUCCESS", "failure,Success"}) {
        const auto reply = mismatch(Recipient{{}, notify, ""}, none);
        ASSERT_TRUE(reply) << notify;
        EXPECT_TRUE(reply->is_temporary());
        EXPECT_FALSE(mismatch(Recipient{{}, notify, ""}, all()));
    }
    for (const char* notify : {"", "NEVER", "FAILURE,DELAY"}) {
        EXPECT_FALSE(mismatch(Recipient{{}, notify, ""}, none)) << notify;
    }
}

}  // namespace
}  // namespace gatepost::gateway
