#include "auth/body_hash.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace gatepost::auth {
namespace {

constexpr auto kSimple = Canonicalization::simple;
constexpr auto kRelaxed = Canonicalization::relaxed;

// The body of RFC 6376 section 3.4.5.
const std::string kExample = " C \r\nD \t E\r\n\r\n\r\n";

// With the body in chunks of so many octets.
BodyHash hashed(const std::string& body, Canonicalization mode, std::size_t chunk,
                const std::vector<std::uint64_t>& lengths = {}) {
    BodyHash hash(mode);
    for (const auto length : lengths) hash.want(length);
    for (std::size_t at = 0; at < body.size(); at += chunk) hash.write(body.substr(at, chunk));
    hash.finish();
    return hash;
}

std::string text_of(const std::optional<Digest>& digest) {
    if (!digest) return "none";
    return encode_base64({reinterpret_cast<const char*>(digest->data()), digest->size()});
}

TEST(BodyHash, IsTheStandards) {
    const std::string letter = "Hi.\r\n\r\nWe lost the game. Are you hungry yet?\r\n\r\nJoe.\r\n";
    const struct {
        const char* source;
        std::string body;
        Canonicalization mode;
        const char* hash;
    } rows[] = {
        {"RFC 6376 section 3.4.3", "", kSimple, "frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY="},
        {"RFC 6376 section 3.4.4", "", kRelaxed, "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="},
        {"RFC 6376 appendix A.2", letter, kSimple, "2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8="},
        {"RFC 8463 appendix A.3", letter, kRelaxed, "2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8="},
        {"RFC 6376 section 3.4.3: empty lines only", "\r\n\r\n\r\n", kSimple,
         "frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY="},
        {"RFC 6376 section 3.4.4: lines of white space only", " \r\n\t\r\n\r\n", kRelaxed,
         "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="},
    };
    for (const auto& [source, body, mode, hash] : rows)
        for (const std::size_t chunk : {1, 2, 3, 1000})
            EXPECT_EQ(text_of(hashed(body, mode, chunk).digest({})), hash) << source << " by " << chunk;
}

// RFC 6376 section 3.4.5 says what the canonical forms of its example are.
TEST(BodyHash, IsOfTheCanonicalForm) {
    const struct {
        Canonicalization mode;
        std::string canonical;
    } rows[] = {{kSimple, " C \r\nD \t E\r\n"}, {kRelaxed, " C\r\nD E\r\n"}};
    for (const auto& [mode, canonical] : rows) {
        for (const std::size_t chunk : {1, 2, 5, 1000}) {
            const BodyHash hash = hashed(kExample, mode, chunk);
            EXPECT_EQ(hash.length(), canonical.size());
            EXPECT_EQ(hash.digest({}), sha256(canonical));
        }
    }
}

// RFC 6376 section 3.5, l=: so many octets of the canonical form.
TEST(BodyHash, NotesTheDigestAtEachLengthThatIsWanted) {
    const std::string canonical = " C\r\nD E\r\n";
    std::vector<std::uint64_t> wanted;
    for (std::uint64_t length = 0; length <= canonical.size(); ++length) wanted.push_back(length);
    for (const bool is_rising : {true, false}) {
        if (!is_rising) std::reverse(wanted.begin(), wanted.end());
        for (const std::size_t chunk : {1, 4, 1000}) {
            const BodyHash hash = hashed(kExample, kRelaxed, chunk, wanted);
            for (const auto length : wanted)
                EXPECT_EQ(hash.digest(length), sha256(canonical.substr(0, length))) << length;
            EXPECT_EQ(hash.digest({}), sha256(canonical));
        }
    }
}

TEST(BodyHash, HasNoneOfALengthThatTheBodyDoesNotReach) {
    const BodyHash hash = hashed(kExample, kRelaxed, 3, {4, 4, 10, UINT64_MAX});
    EXPECT_EQ(hash.digest(4), sha256(" C\r\n"));
    EXPECT_EQ(hash.digest(10), std::nullopt) << "one more than there is";
    EXPECT_EQ(hash.digest(UINT64_MAX), std::nullopt);
    EXPECT_EQ(hash.digest(5), std::nullopt) << "nobody had asked for it";
    EXPECT_EQ(hashed("", kRelaxed, 1, {0, 1}).digest(0), sha256(""));
    EXPECT_EQ(hashed("", kRelaxed, 1, {0, 1}).digest(1), std::nullopt);
    EXPECT_EQ(hashed("", kSimple, 1, {2}).digest(2), sha256("\r\n"));
}

}  // namespace
}  // namespace gatepost::auth
