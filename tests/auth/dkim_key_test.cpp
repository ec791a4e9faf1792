#include "auth/dkim_key.h"

#include <gtest/gtest.h>

#include <string>

namespace gatepost::auth {
namespace {

// RFC 6376 appendix C and RFC 8463 appendix A.2.
const std::string kRsa =
    "p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/"
    "zYtIxN2SnFCjxOCKG9v3b4jYfcTNh5ijSs"
    "q631uBItLa7od+v/RtdC2UzJ1lWT947qR+Rcac2gbto/"
    "NMqJ0fzfVjH4OuKhitdY9tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2QIDAQAB";
const std::string kEd25519 = "k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

TEST(DkimKey, ReadsRecords) {
    struct {
        std::string text;
        KeyType type;
        bool testing, is_for_domain_alone;
        const char* reason;
    } const cases[] = {
        {kRsa, KeyType::rsa, false, false, "p= alone is enough"},
        {"v=DKIM1; " + kRsa, KeyType::rsa, false, false, "with version"},
        {"v=DKIM1;k=rsa;" + kRsa + ";", KeyType::rsa, false, false, "with type"},
        {" v = DKIM1 ; " + kRsa, KeyType::rsa, false, false, "with white space"},
        {"v=DKIM1; " + kEd25519, KeyType::ed25519, false, false, "Ed25519"},
        {"t=y; " + kRsa, KeyType::rsa, true, false, "testing"},
        {"t=s; " + kRsa, KeyType::rsa, false, true, "strict identity"},
        {"t=y : x:s; " + kRsa, KeyType::rsa, true, true, "both flags and an unknown one"},
        {"h=sha1:sha256; " + kRsa, KeyType::rsa, false, false, "sha256 among others"},
        {"s=*; " + kRsa, KeyType::rsa, false, false, "every service"},
        {"s=other:email; " + kRsa, KeyType::rsa, false, false, "email among others"},
        {"g=nobody; n=a note; zz=1; " + kRsa, KeyType::rsa, false, false,
         "g=, n= and unknown tags do not matter"},
        {"p=" + kRsa.substr(2, 60) + " \t" + kRsa.substr(62), KeyType::rsa, false, false,
         "white space in p="},
    };
    for (const auto& row : cases) {
        SCOPED_TRACE(row.reason);
        const auto key = parse_dkim_key(row.text);
        ASSERT_TRUE(key) << key.problem();
        EXPECT_EQ(key->key->type(), row.type);
        EXPECT_EQ(key->testing, row.testing);
        EXPECT_EQ(key->is_for_domain_alone, row.is_for_domain_alone);
    }
}

TEST(DkimKey, SaysWhyARecordIsNone) {
    struct {
        std::string text;
        const char* why;
    } const cases[] = {
        {"", "malformed key record"},
        {"v=spf1 -all", "not a DKIM1 record"},
        {"hello", "malformed key record"},
        {kRsa + "; v=DKIM1", "not a DKIM1 record"},
        {"v=DKIM1.0; " + kRsa, "not a DKIM1 record"},
        {"v=dkim1; " + kRsa, "not a DKIM1 record"},
        {"v=; " + kRsa, "not a DKIM1 record"},
        {"v=DKIM1", "key record without p="},
        {"v=DKIM1; p=", "key revoked"},
        {"v=DKIM1; p= ;", "key revoked"},
        {"p=%%%%", "malformed p= in key record"},
        {"p=AAA", "malformed p= in key record"},
        {"p=AAAA", "key is not an RSA public key"},
        {"k=dsa; " + kRsa, "unknown key type"},
        {"k=; " + kRsa, "unknown key type"},
        {"k=ed25519; " + kRsa, "Ed25519 key without 32 octets"},
        {"h=sha1; " + kRsa, "key is not for sha256"},
        {"h=; " + kRsa, "key is not for sha256"},
        {"s=tlsrpt; " + kRsa, "key is not for email"},
        {kRsa + "; " + kRsa, "malformed key record"},
        {kRsa + "; n=" + std::string(9000, 'x'), "key record is too long"},
    };
    for (const auto& row : cases) {
        const auto key = parse_dkim_key(row.text);
        EXPECT_FALSE(key) << row.text;
        EXPECT_EQ(key.problem(), row.why) << row.text;
    }
}

TEST(DkimKeyCache, GivesTheSameKeyAgain) {
    DkimKeyCache cache;
    const auto first = cache.parse(kRsa);
    const auto second = cache.parse(kRsa);
    ASSERT_TRUE(first);
    EXPECT_EQ(first->key, second->key);
    EXPECT_FALSE(cache.parse("p="));
    EXPECT_EQ(cache.parse("p=").problem(), "key revoked");
    EXPECT_EQ(cache.size(), 2u);
}

TEST(DkimKeyCache, NeverGrowsPastTwiceItsSizeAndKeepsWhatIsUsed) {
    DkimKeyCache cache(10);
    const auto used = cache.parse(kRsa)->key;
    for (int i = 0; i < 200; ++i) {
        EXPECT_TRUE(cache.parse("n=" + std::to_string(i) + "; " + kEd25519));
        EXPECT_EQ(cache.parse(kRsa)->key, used);
        EXPECT_LE(cache.size(), 20u);
    }
}

TEST(DkimKeyCache, DoesNotKeepLongRecords) {
    DkimKeyCache cache;
    EXPECT_TRUE(cache.parse("n=" + std::string(3000, 'x') + "; " + kRsa));
    EXPECT_EQ(cache.size(), 0u);
}

}  // namespace
}  // namespace gatepost::auth
