#include "auth/dkim_sign.h"

#include <gtest/gtest.h>

#include <string>

#include "auth/dkim_verify.h"

namespace gatepost::auth {
namespace {

using protocol::Domain;
using protocol::Header;

const std::string kFields =
    "From: Reports <reports@example.com>\r\nTo: a@example.net\r\nSubject: Report Domain: "
    "example.net\r\n\tSubmitter: example.com\r\n"
    "Date: Fri, 11 Jul 2003 21:00:37 -0700\r\nMIME-Version: 1.0\r\nContent-Type: "
    "application/gzip\r\nList-Id: <x.example.com>\r\n";

SigningOptions options() {
    return {.domain = *Domain::parse("example.com"),
            .selector = *Domain::parse("gatepost"),
            .now = 1'800'000'000};
}

DkimOutcome verify(const std::string& block, const std::string& body, const PrivateKey& key) {
    const auto header = Header::parse(block);
    DkimVerifier verifier(*header, {});
    verifier.body(body);
    verifier.end_of_body();
    DnsFacts facts;
    facts.learn({RecordType::txt, "gatepost._domainkey.example.com"},
                DnsAnswer{.status = DnsStatus::found, .texts = {key_record(key)}});
    return verifier.verify(facts, 1'800'000'000, nullptr).front();
}

TEST(DkimSign, MakesWhatVerifies) {
    const std::string bodies[] = {"", "\r\n", "a", "Hello \t world\r\n\r\n\r\n",
                                  std::string(20000, 'x') + "\r\n"};
    for (auto type : {KeyType::rsa, KeyType::ed25519}) {
        const auto key = PrivateKey::generate(type);
        for (auto header_mode : {Canonicalization::simple, Canonicalization::relaxed}) {
            for (auto body_mode : {Canonicalization::simple, Canonicalization::relaxed}) {
                for (const auto& body : bodies) {
                    auto with = options();
                    with.header_canonicalization = header_mode;
                    with.body_canonicalization = body_mode;
                    const auto field = sign(*Header::parse(kFields), body, key, with);
                    const auto outcome = verify(field + kFields, body, key);
                    EXPECT_EQ(outcome.result, DkimResult::pass) << outcome.why << "\n" << field;
                }
            }
        }
    }
}

TEST(DkimSign, WritesShortLinesAndNoMoreTagsThanNeeded) {
    const auto key = PrivateKey::generate(KeyType::rsa);
    const auto field = sign(*Header::parse(kFields), "x\r\n", key, options());
    ASSERT_TRUE(field.ends_with("\r\n"));
    for (std::size_t at = 0; at < field.size();) {
        const auto end = field.find("\r\n", at);
        EXPECT_LE(end - at, 78u);
        at = end + 2;
    }
    EXPECT_TRUE(field.starts_with("DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.com;"));
    EXPECT_NE(field.find("t=1800000000;"), std::string::npos);
    EXPECT_EQ(field.find(" l="), std::string::npos);
    EXPECT_EQ(field.find(" x="), std::string::npos);
}

TEST(DkimSign, SignsOnceMoreThanThereIs) {
    const auto key = PrivateKey::generate(KeyType::ed25519);
    const auto field = sign(*Header::parse(kFields), "x\r\n", key, options());
    for (const auto* added : {"From: x@example.org\r\n", "Subject: x\r\n", "To: x\r\n", "Date: x\r\n",
                              "Cc: x\r\n", "Reply-To: x\r\n", "MIME-Version: 1.0\r\n",
                              "Content-Type: text/html\r\n", "Content-Transfer-Encoding: base64\r\n"}) {
        EXPECT_EQ(verify(added + field + kFields, "x\r\n", key).result, DkimResult::fail) << added;
    }
    EXPECT_EQ(verify("Received: x\r\nX-Spam: no\r\n" + field + kFields, "x\r\n", key).result,
              DkimResult::pass);
}

TEST(DkimSign, SignsTheNamesThatItIsGiven) {
    const auto key = PrivateKey::generate(KeyType::ed25519);
    auto with = options();
    with.signed_names = {"from", "date"};
    with.expiration = 1'800'000'100;
    const auto field = sign(*Header::parse(kFields), "x\r\n", key, with);
    EXPECT_NE(field.find("h=from: date;"), std::string::npos) << field;
    EXPECT_NE(field.find("x=1800000100;"), std::string::npos);
    EXPECT_EQ(verify("Subject: x\r\n" + field + kFields, "x\r\n", key).result, DkimResult::pass);
}

TEST(DkimSign, PublishesItsKey) {
    const auto rsa = key_record(PrivateKey::generate(KeyType::rsa));
    EXPECT_TRUE(rsa.starts_with("v=DKIM1; k=rsa; p=MII"));
    const auto ed25519 = key_record(PrivateKey::generate(KeyType::ed25519));
    EXPECT_TRUE(ed25519.starts_with("v=DKIM1; k=ed25519; p="));
    EXPECT_EQ(ed25519.size(), std::string("v=DKIM1; k=ed25519; p=").size() + 44)
        << "RFC 8463 section 4: 32 octets";
}

}  // namespace
}  // namespace gatepost::auth
