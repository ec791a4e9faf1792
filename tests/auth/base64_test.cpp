#include <gtest/gtest.h>

#include "auth/crypto.h"

namespace gatepost::auth {
namespace {

// RFC 4648 section 10.
TEST(Base64, WritesAndReadsTheStandardsExamples) {
    const struct {
        const char *octets, *text;
    } rows[] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
    };
    for (const auto& [octets, text] : rows) {
        EXPECT_EQ(encode_base64(octets), text);
        EXPECT_EQ(decode_base64(text), octets) << text;
    }
}

// RFC 4648 section 9: the examples, which hold octets that are no text.
TEST(Base64, TakesEachOctet) {
    const std::string octets("\x14\xfb\x9c\x03\xd9\x7e", 6);
    EXPECT_EQ(encode_base64(octets), "FPucA9l+");
    EXPECT_EQ(encode_base64(octets.substr(0, 5)), "FPucA9k=");
    EXPECT_EQ(encode_base64(octets.substr(0, 4)), "FPucAw==");
    std::string all;
    for (int octet = 0; octet < 256; ++octet) all += static_cast<char>(octet);
    for (std::size_t size = 0; size <= all.size(); ++size)
        EXPECT_EQ(decode_base64(encode_base64(all.substr(0, size))), all.substr(0, size));
}

// RFC 4648 table 1: the values 0 to 63 in this order. Behind three of value 0 a letter is the last octet.
TEST(Base64, HasTheStandardsAlphabet) {
    const std::string letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (unsigned value = 0; value < 64; ++value) {
        const std::string text = std::string("AAA") + letters[value];
        EXPECT_EQ(decode_base64(text), std::string("\0\0", 2) + static_cast<char>(value)) << text;
    }
}

// RFC 4648 sections 3.2, 3.3, 3.5 and 5: what several octet strings could stand for, or somebody skips.
TEST(Base64, ReadsNothingElse) {
    const struct {
        std::string text;
        const char* reason;
    } rows[] = {
        {"Zg", "without padding"},
        {"Zg=", "half of it"},
        {"Zm8", "without padding, two octets"},
        {"Z===", "three"},
        {"====", "nothing else"},
        {"=Zm9", "in front"},
        {"Zg==Zg==", "in between"},
        {"Zm=v", "within"},
        {"Zm9v=", "too much"},
        {"Zh==", "bits that say nothing: one octet"},
        {"Zm9=", "bits that say nothing: two octets"},
        {"Zm9v\r\n", "a line end"},
        {"Zm 9v===", "a blank"},
        {"Zm9\t", "a tab"},
        {"-_-_", "the alphabet for URLs"},
        {std::string("Zm9\0", 4), "NUL"},
        {"Zm9\xc3", "not ASCII"},
        {"Zm9.", "another character"},
    };
    for (const auto& [text, reason] : rows) EXPECT_EQ(decode_base64(text), std::nullopt) << reason;
}

}  // namespace
}  // namespace gatepost::auth
