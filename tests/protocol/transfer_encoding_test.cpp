#include "protocol/transfer_encoding.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace gatepost::protocol {
namespace {

TEST(TransferEncoding, QuotesWhatRfc2045Says) {
    const struct {
        std::string text, encoded;
        const char* reason;
    } rows[] = {
        {"", "", "nothing"},
        {"plain text\r\n", "plain text\r\n", "rule 2: printable ASCII stands"},
        {"a=b\r\n", "a=3Db\r\n", "rule 1: the sign itself"},
        {"caf\xc3\xa9\r\n", "caf=C3=A9\r\n", "rule 1: upper-case digits"},
        {"a \r\nb\t\r\n", "a=20\r\nb=09\r\n", "rule 3: no white space at the end of a line"},
        {"a b\tc\r\n", "a b=09c\r\n", "HTAB may be encoded anywhere"},
        {"a\rb\nc\r\n", "a=0Db=0Ac\r\n", "rule 4: bare CR and LF are data"},
        {"a\r\n\r\nb", "a\r\n\r\nb", "empty lines; no line end is added"},
        {std::string(76, 'x') + "\r\n", std::string(76, 'x') + "\r\n", "rule 5: 76 fit"},
        {std::string(77, 'x'), std::string(75, 'x') + "=\r\nxx", "rule 5: 77 do not"},
        {std::string(75, 'x') + "=", std::string(75, 'x') + "=\r\n=3D", "an encoded octet is not split"},
    };
    for (const auto& row : rows) EXPECT_EQ(quoted_printable(row.text), row.encoded) << row.reason;
}

TEST(TransferEncoding, SeesWhatATextNeeds) {
    const struct {
        std::string text;
        bool has_8bit, is_unfit;
        const char* reason;
    } rows[] = {
        {"a\tb\r\nc\r\n", false, false, "plain"},
        {"\xff\r\n", true, false, "8 bits"},
        {"a\rb", false, true, "bare CR"},
        {"a\nb", false, true, "bare LF"},
        {"a\r", false, true, "CR at the end"},
        {std::string("a\0b", 3), false, true, "NUL"},
        {"\x1b[2J\r\n", false, true, "escape"},
        {std::string(998, 'x') + "\r\n" + std::string(998, 'y'), false, false, "the longest lines"},
        {std::string(999, 'x') + "\r\n", false, true, "one more"},
        {"a\r\n" + std::string(999, 'x'), false, true, "the last line too"},
    };
    for (const auto& row : rows) {
        const auto traits = traits_of(row.text);
        EXPECT_EQ(traits.has_8bit, row.has_8bit) << row.reason;
        EXPECT_EQ(traits.is_unfit, row.is_unfit) << row.reason;
    }
}

TEST(TransferEncoding, EncodesOnlyWhatMustBe) {
    EXPECT_EQ(encoded_text("a\r\n", Eight::refused).encoding, "7bit");
    EXPECT_EQ(encoded_text("\xc3\xa9\r\n", Eight::allowed).encoding, "8bit");
    EXPECT_EQ(encoded_text("\xc3\xa9\r\n", Eight::allowed).text, "\xc3\xa9\r\n");
    EXPECT_EQ(encoded_text("\xc3\xa9\r\n", Eight::refused).encoding, "quoted-printable");
    EXPECT_EQ(encoded_text("\xc3\xa9\r\n", Eight::refused).text, "=C3=A9\r\n");
    EXPECT_EQ(encoded_text("a\nb", Eight::allowed).encoding, "quoted-printable");
}

}  // namespace
}  // namespace gatepost::protocol
