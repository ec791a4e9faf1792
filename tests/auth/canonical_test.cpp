#include "auth/canonical.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "auth/body_hash.h"

namespace gatepost::auth {
namespace {

// Of one field, which may hold what a Header refuses.
std::string field(std::string_view raw, Canonicalization mode) {
    const auto colon = raw.find(':');
    const auto name = raw.substr(0, raw.find_last_not_of(" \t", colon - 1) + 1);
    std::string out;
    append_canonical_field({name, raw.substr(colon + 1, raw.size() - 2 - colon - 1), raw}, mode, out);
    return out;
}

std::string body(const std::vector<std::string>& chunks, Canonicalization mode) {
    BodyCanonicalizer canonicalizer(mode);
    std::string out;
    const BodyCanonicalizer::Sink sink = [&](std::string_view run) { out += run; };
    for (const auto& chunk : chunks) canonicalizer.write(std::string(chunk), sink);
    canonicalizer.finish(sink);
    return out;
}

// The RFC's rules, word by word and slowly: an oracle for the fast one.
std::string body_by_the_rules(const std::string& text, Canonicalization mode) {
    std::vector<std::string> lines;
    std::size_t at = 0;
    for (auto end = text.find("\r\n"); end != std::string::npos; end = text.find("\r\n", at)) {
        lines.push_back(text.substr(at, end - at));
        at = end + 2;
    }
    if (at < text.size()) lines.push_back(text.substr(at));  // gets its line end
    if (mode == Canonicalization::relaxed) {
        for (auto& line : lines) {
            std::string reduced;
            bool in_space = false;
            for (char c : line) {
                if (c == ' ' || c == '\t') {
                    in_space = true;
                    continue;
                }
                if (in_space) reduced += ' ';
                in_space = false;
                reduced += c;
            }
            line = reduced;
        }
    }
    while (!lines.empty() && lines.back().empty()) lines.pop_back();
    std::string out;
    for (const auto& line : lines) out += line + "\r\n";
    return out.empty() && mode == Canonicalization::simple ? "\r\n" : out;
}

TEST(Canonical, RelaxesHeaderFields) {
    struct {
        const char* field;
        const char* relaxed;
        const char* reason;
    } const cases[] = {
        {"A: X\r\n", "a:X\r\n", "RFC 6376 section 3.4.5"},
        {"B : Y\t\r\n\tZ  \r\n", "b:Y Z\r\n", "RFC 6376 section 3.4.5"},
        {"SUBJect : \tHello\r\n\t World \r\n", "subject:Hello World\r\n",
         "folding, case, white space before the colon"},
        {"Subject:\r\n Hello\r\n", "subject:Hello\r\n", "folded at once"},
        {"Subject:\r\n", "subject:\r\n", "no value"},
        {"Subject: \t \r\n", "subject:\r\n", "white space only"},
        {"Subject: a\tb\r\n", "subject:a b\r\n", "a HTAB is a SP"},
        {"Subject: a\r\n \r\n\t b\r\n", "subject:a b\r\n", "a line with white space only"},
        {"Subject: a\rb\r\n", "subject:a\rb\r\n", "a bare CR is an ordinary octet"},
        {"Subject: a \r b\r\n", "subject:a \r b\r\n", "a bare CR between spaces"},
        {"Subject: 0123456789abcdef 0123456789abcdef  0123456789abcdef\r\n",
         "subject:0123456789abcdef 0123456789abcdef 0123456789abcdef\r\n", "longer than a block"},
    };
    for (const auto& row : cases)
        EXPECT_EQ(field(row.field, Canonicalization::relaxed), row.relaxed) << row.reason;
}

TEST(Canonical, LeavesSimpleHeaderFieldsAlone) {
    const std::string raw = "B : Y\t\r\n\tZ  \r\n";
    EXPECT_EQ(field(raw, Canonicalization::simple), raw);
}

struct BodyCase {
    const char* text;
    const char* simple;
    const char* relaxed;
    const char* reason;
};
const BodyCase kBodies[] = {
    {"", "\r\n", "", "empty: one line end in simple form, nothing in relaxed"},
    {"\r\n", "\r\n", "", "one empty line"},
    {"\r\n\r\n\r\n", "\r\n", "", "only empty lines"},
    {" C \r\nD \t E\r\n\r\n\r\n", " C \r\nD \t E\r\n", " C\r\nD E\r\n", "RFC 6376 section 3.4.5"},
    {"a", "a\r\n", "a\r\n", "a last line without its end gets one"},
    {"a\r\n \t\r\n\r\n", "a\r\n \t\r\n", "a\r\n", "a line of white space is empty in relaxed form only"},
    {" \r\n", " \r\n", "", "nothing but white space"},
    {"  a", "  a\r\n", " a\r\n", "a leading run stays one SP"},
    {"a \t ", "a \t \r\n", "a\r\n", "white space at the very end"},
    {"a\r\n\r\nb\r\n", "a\r\n\r\nb\r\n", "a\r\n\r\nb\r\n", "empty lines before others count"},
    {"a\rb\r\n", "a\rb\r\n", "a\rb\r\n", "a bare CR is an ordinary octet"},
    {"a\nb\r\n", "a\nb\r\n", "a\nb\r\n", "a bare LF is an ordinary octet"},
    {"a\r", "a\r\r\n", "a\r\r\n", "a bare CR at the end"},
    {"a \r", "a \r\r\n", "a \r\r\n", "a bare CR at the end keeps the SP before it"},
    {"a\r\r\n", "a\r\r\n", "a\r\r\n", "a CR before a line end"},
    {"a\r\n\r", "a\r\n\r\r\n", "a\r\n\r\r\n", "a bare CR as last line"},
    {"\n", "\n\r\n", "\n\r\n", "a bare LF is no empty line"},
    {"a\t\tb\tc\r\n", "a\t\tb\tc\r\n", "a b c\r\n", "HTABs"},
    {"a \x01 b\r\n", "a \x01 b\r\n", "a \x01 b\r\n", "control characters are no white space"},
};

TEST(Canonical, ReducesBodies) {
    for (const auto& row : kBodies) {
        EXPECT_EQ(body({row.text}, Canonicalization::simple), row.simple) << row.reason;
        EXPECT_EQ(body({row.text}, Canonicalization::relaxed), row.relaxed) << row.reason;
    }
}

TEST(Canonical, DoesNotCareWhereTheBodyIsSplit) {
    for (const auto& row : kBodies) {
        const std::string text = row.text;
        for (std::size_t i = 0; i <= text.size(); ++i) {
            for (std::size_t k = i; k <= text.size(); ++k) {
                const std::vector<std::string> chunks = {text.substr(0, i), text.substr(i, k - i),
                                                         text.substr(k)};
                EXPECT_EQ(body(chunks, Canonicalization::simple), row.simple)
                    << row.reason << " " << i << " " << k;
                EXPECT_EQ(body(chunks, Canonicalization::relaxed), row.relaxed)
                    << row.reason << " " << i << " " << k;
            }
        }
    }
}

// Texts of the octets that matter, some longer than the buffers, cut into random chunks.
TEST(Canonical, AgreesWithTheRulesOnRandomBodies) {
    std::mt19937 random(1);
    for (int round = 0; round < 400; ++round) {
        std::string text;
        const std::size_t size = random() % (round % 10 == 0 ? 20000 : 200);
        const bool is_sparse = round % 2 == 0;
        while (text.size() < size) {
            if (is_sparse) text.append(random() % 700, 'x');
            static constexpr std::string_view kPieces[] = {"\r\n", "\r", "\n",       " ",    "\t",
                                                           "  ",   "a",  "\r\n\r\n", " \r\n"};
            text += kPieces[random() % std::size(kPieces)];
        }
        std::vector<std::string> chunks;
        for (std::size_t at = 0; at < text.size();) {
            const std::size_t length = 1 + random() % (round % 3 == 0 ? 5 : 6000);
            chunks.push_back(text.substr(at, length));
            at += length;
        }
        for (auto mode : {Canonicalization::simple, Canonicalization::relaxed}) {
            ASSERT_EQ(body(chunks, mode), body_by_the_rules(text, mode)) << "round " << round;
        }
    }
}

// Every place of a change at the end of the buffer of 4096 octets.
TEST(Canonical, AgreesWithTheRulesAtTheEndOfItsBuffer) {
    for (const std::string text : {"  y \t z", " \ty  \r\n z", " \r y\r\n", "\t\t\r\n\r\n"}) {
        for (std::size_t before = 4050; before < 4110; ++before) {
            const std::string whole = std::string(before, 'x') + text;
            for (std::size_t split = before; split <= whole.size(); ++split) {
                ASSERT_EQ(body({whole.substr(0, split), whole.substr(split)}, Canonicalization::relaxed),
                          body_by_the_rules(whole, Canonicalization::relaxed))
                    << before << " " << split;
            }
        }
    }
}

std::string hash_text(const BodyHash& hash, std::optional<std::uint64_t> length) {
    const auto digest = hash.digest(length);
    if (!digest) return "none";
    return encode_base64({reinterpret_cast<const char*>(digest->data()), digest->size()});
}

TEST(BodyHash, OfAnEmptyBodyIsThatOfTheRfc) {  // RFC 6376 sections 3.4.3, 3.4.4
    BodyHash simple(Canonicalization::simple), relaxed(Canonicalization::relaxed);
    simple.finish();
    relaxed.finish();
    EXPECT_EQ(hash_text(simple, {}), "frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY=");
    EXPECT_EQ(hash_text(relaxed, {}), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
    EXPECT_EQ(simple.length(), 2u);
    EXPECT_EQ(relaxed.length(), 0u);
}

TEST(BodyHash, NotesEachLengthThatIsWanted) {
    const std::string text = "a  b\r\n" + std::string(10000, 'x') + "\r\n\r\n";
    const std::string canonical = "a b\r\n" + std::string(10000, 'x') + "\r\n";
    const std::uint64_t lengths[] = {5000, 0,     1,     5,
                                     5000, 10007, 10008, std::numeric_limits<std::uint64_t>::max()};
    for (std::size_t step : {std::size_t{1}, std::size_t{7}, std::size_t{20000}}) {
        BodyHash hash(Canonicalization::relaxed);
        for (auto length : lengths) hash.want(length);
        for (std::size_t at = 0; at < text.size(); at += step)
            hash.write(std::string_view(text).substr(at, step));
        hash.finish();
        EXPECT_EQ(hash.length(), canonical.size());
        for (auto length : lengths) {
            SCOPED_TRACE(length);
            if (length > canonical.size()) {
                EXPECT_FALSE(hash.digest(length));
            } else {
                EXPECT_EQ(hash.digest(length), sha256(std::string_view(canonical).substr(0, length)));
            }
        }
        EXPECT_EQ(hash.digest({}), sha256(canonical));
        EXPECT_FALSE(hash.digest(2)) << "was not wanted";
    }
}

}  // namespace
}  // namespace gatepost::auth
