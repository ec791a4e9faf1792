#include "auth/crypto.h"

#include <gtest/gtest.h>
#include <openssl/err.h>

#include <string>

namespace gatepost::auth {
namespace {

std::string hex(std::string_view octets) {
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string out;
    for (unsigned char c : octets) {
        out += kDigits[c >> 4];
        out += kDigits[c & 15];
    }
    return out;
}

std::string hex(const Digest& digest) {
    return hex({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

constexpr char kAbc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";  // FIPS 180-4

TEST(Sha256, GivesTheStandardsDigests) {
    EXPECT_EQ(hex(sha256("abc")), kAbc);
    EXPECT_EQ(hex(sha256("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(Sha256, GoesOnAfterALookAndStartsAgainAfterFinish) {
    Sha256 hash;
    for (int round = 0; round < 2; ++round) {
        hash.update("ab");
        EXPECT_EQ(hash.so_far(), sha256("ab"));
        hash.update("c");
        EXPECT_EQ(hex(hash.finish()), kAbc);
    }
}

TEST(Base64, DecodesTheRfcsVectors) {  // RFC 4648 section 10
    struct {
        const char* octets;
        const char* text;
    } const cases[] = {{"", ""},
                       {"f", "Zg=="},
                       {"fo", "Zm8="},
                       {"foo", "Zm9v"},
                       {"foob", "Zm9vYg=="},
                       {"fooba", "Zm9vYmE="},
                       {"foobar", "Zm9vYmFy"}};
    for (const auto& row : cases) {
        EXPECT_EQ(encode_base64(row.octets), row.text);
        EXPECT_EQ(decode_base64(row.text), row.octets);
    }
    std::string all;
    for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
    EXPECT_EQ(decode_base64(encode_base64(all)), all);
}

TEST(Base64, RefusesWhatIsNotCanonical) {
    struct {
        std::string text;
        const char* reason;
    } const cases[] = {
        {"Zg", "no padding"},
        {"Zg=", "half the padding"},
        {"Zg==Zg==", "padding in the middle"},
        {"Z===", "too much padding"},
        {"====", "padding only"},
        {"Zh==", "stray bits"},
        {"Zm9=", "stray bits"},
        {"Zm 9v", "white space within"},
        {"Zm9-", "another alphabet"},
        {std::string("Zm9\0", 4), "NUL"},
        {"Zm9\xff", "not ASCII"},
    };
    for (const auto& row : cases) EXPECT_FALSE(decode_base64(row.text)) << row.reason;
}

TEST(PublicKey, VerifiesEd25519OverTheDigest) {
    const auto key = PrivateKey::generate(KeyType::ed25519);
    const auto digest = sha256("abc");
    const auto signature = key.sign(digest);
    EXPECT_EQ(signature.size(), 64u);
    const auto public_key = PublicKey::ed25519(key.public_octets());
    ASSERT_TRUE(public_key);
    EXPECT_EQ(public_key->bits(), 256u);
    EXPECT_TRUE(public_key->verify(digest, signature));
    EXPECT_FALSE(public_key->verify(sha256("abd"), signature));
    EXPECT_FALSE(public_key->verify(digest, ""));
    EXPECT_FALSE(public_key->verify(digest, signature + "x"));
}

TEST(PublicKey, WantsThirtyTwoOctetsForEd25519) {
    EXPECT_FALSE(PublicKey::ed25519(""));
    EXPECT_FALSE(PublicKey::ed25519(std::string(31, 'x')));
    EXPECT_FALSE(PublicKey::ed25519(std::string(33, 'x')));
}

// DER of an INTEGER, a SEQUENCE and so on, to build keys of any shape.
std::string der(unsigned char tag, const std::string& content) {
    std::string out(1, static_cast<char>(tag));
    const auto size = content.size();
    if (size >= 0x80) out += size > 0xff ? '\x82' : '\x81';
    if (size > 0xff) out += static_cast<char>(size >> 8);
    out += static_cast<char>(size & 0xff);
    return out + content;
}

std::string modulus(unsigned bits) {  // any odd number of that many bits
    std::string number(bits / 8, '\x5b');
    number[0] = '\xc3';
    return std::string(1, '\0') + number;
}

std::string rsa_key(const std::string& n, const std::string& e) {
    return der(0x30, der(0x02, n) + der(0x02, e));
}

std::string subject_public_key_info(const std::string& key,
                                    const std::string& parameters = std::string("\x05\0", 2)) {
    const std::string oid = der(0x06, "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01");
    return der(0x30, der(0x30, oid + parameters) + der(0x03, std::string(1, '\0') + key));
}

const std::string kE = std::string("\x01\0\x01", 3);

TEST(PublicKey, TakesRsaKeysWithinTheLimits) {
    for (unsigned bits : {1024u, 2048u, 4096u, 8192u}) {
        for (const auto& text :
             {rsa_key(modulus(bits), kE), subject_public_key_info(rsa_key(modulus(bits), kE)),
              subject_public_key_info(rsa_key(modulus(bits), kE), "")}) {
            const auto key = PublicKey::rsa(text);
            ASSERT_TRUE(key) << key.problem();
            EXPECT_EQ(key->bits(), bits);
        }
    }
}

TEST(PublicKey, RefusesOtherRsaKeys) {
    const std::string good = subject_public_key_info(rsa_key(modulus(2048), kE));
    std::string wrong_oid = good;
    wrong_oid[wrong_oid.find("\x01\x01\x01") + 2] = '\x0a';  // RSASSA-PSS
    std::string even = modulus(2048);
    even.back() = '\x5a';
    struct {
        std::string text;
        const char* reason;
    } const cases[] = {
        {"", "nothing"},
        {rsa_key(modulus(512), kE), "512 bits"},
        {rsa_key(modulus(1016), kE), "1016 bits"},
        {rsa_key(modulus(8200), kE), "8200 bits"},
        {rsa_key(modulus(16384), kE), "16384 bits"},
        {rsa_key(modulus(2048), "\x01"), "exponent 1"},
        {rsa_key(modulus(2048), "\x02"), "an even exponent"},
        {rsa_key(modulus(2048), std::string("\0", 1)), "exponent 0"},
        {rsa_key(modulus(2048), "\x81"), "a negative exponent"},
        {rsa_key(modulus(2048), std::string("\x01\0\0\0\x01", 5)), "an exponent of 33 bits"},
        {rsa_key(modulus(2048), modulus(2048)), "an exponent as long as the modulus"},
        {rsa_key(even, kE), "an even modulus"},
        {rsa_key(modulus(2048).substr(1), kE), "a negative modulus"},
        {rsa_key(std::string(1, '\0') + modulus(2048), kE), "not the shortest form"},
        {good + "x", "something behind it"},
        {good.substr(0, good.size() - 1), "cut off"},
        {wrong_oid, "another algorithm"},
        {std::string(40, '\x30'), "nested sequences"},
        {std::string("\x30\x84\xff\xff\xff\xff", 6), "an absurd length"},
        {std::string("\x30\x80\0\0", 4), "indefinite length"},
    };
    for (const auto& row : cases) EXPECT_FALSE(PublicKey::rsa(row.text)) << row.reason;
    EXPECT_EQ(ERR_peek_error(), 0u);
}

TEST(PublicKey, SurvivesEachBrokenOctet) {
    const auto key = PrivateKey::generate(KeyType::rsa);
    const auto digest = sha256("abc");
    const auto signature = key.sign(digest);
    const auto good = key.public_octets();
    ASSERT_TRUE(PublicKey::rsa(good)->verify(digest, signature));
    for (std::size_t i = 0; i < good.size(); ++i) {
        std::string broken = good;
        broken[i] = static_cast<char>(broken[i] ^ 0x04);
        const auto public_key = PublicKey::rsa(broken);
        if (public_key) {
            EXPECT_FALSE(public_key->verify(digest, signature)) << i;
        }
    }
    EXPECT_EQ(ERR_peek_error(), 0u) << "OpenSSL's errors are drained";
}

TEST(PublicKey, RefusesBrokenRsaSignatures) {
    const auto key = PrivateKey::generate(KeyType::rsa);
    const auto public_key = PublicKey::rsa(key.public_octets());
    const auto digest = sha256("abc");
    const auto signature = key.sign(digest);
    EXPECT_TRUE(public_key->verify(digest, signature));
    EXPECT_TRUE(public_key->verify(digest, signature)) << "the context is reused";
    EXPECT_FALSE(public_key->verify(sha256("abd"), signature));
    EXPECT_FALSE(public_key->verify(digest, signature.substr(1)));
    EXPECT_FALSE(public_key->verify(digest, std::string(1, '\0') + signature));
    EXPECT_FALSE(public_key->verify(digest, std::string(256, '\xff')));
    EXPECT_FALSE(public_key->verify(digest, std::string(100000, 'x')));
    EXPECT_EQ(ERR_peek_error(), 0u);
}

TEST(PrivateKey, ComesBackFromItsPem) {
    for (auto type : {KeyType::rsa, KeyType::ed25519}) {
        const auto key = PrivateKey::generate(type);
        const auto again = PrivateKey::from_pem(key.pem());
        ASSERT_TRUE(again) << again.problem();
        EXPECT_EQ(again->type(), type);
        EXPECT_EQ(again->public_octets(), key.public_octets());
    }
}

TEST(PrivateKey, RefusesWhatIsNoKey) {
    EXPECT_FALSE(PrivateKey::from_pem(""));
    EXPECT_FALSE(PrivateKey::from_pem("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"));
    EXPECT_EQ(ERR_peek_error(), 0u);
}

}  // namespace
}  // namespace gatepost::auth
