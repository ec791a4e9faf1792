#include "auth/dmarc_record.h"

#include <gtest/gtest.h>

namespace gatepost::auth {
namespace {

struct VersionRow {
    std::string_view text;
    bool is_record;
    std::string_view reason;
};

TEST(DmarcRecord, IsOneOnlyIfItBeginsWithItsVersion) {
    const VersionRow rows[] = {
        {"v=DMARC1", true, "no semicolon needed"},
        {"v=DMARC1;", true, "one at the end"},
        {"v = DMARC1 ; p=none", true, "white space around the equals sign and the separator"},
        {"v=DMARC1;;p=none", true, "an empty item is ignored"},
        {"V=DMARC1; p=none", true, "an ABNF literal has no case"},
        {"v=DMARC1 p=none", false, "the value is \"DMARC1 p=none\""},
        {"v=dmarc1; p=none", false, "the value is case-sensitive (RFC 9989 section 4.7)"},
        {" v=DMARC1; p=none", false, "leading space"},
        {"p=none; v=DMARC1", false, "not first"},
        {"v=DMARC1.0; p=none", false, "another version"},
        {"v=DMARC10; p=none", false, "another version"},
        {"v=spf1 -all", false, "another record"},
        {"", false, "empty"},
        {"v=", false, "no value"},
        {"v", false, "no equals sign"},
        {";v=DMARC1", false, "an empty item first"},
    };
    for (const auto& row : rows) {
        EXPECT_EQ(parse_dmarc_record(row.text).has_value(), row.is_record) << row.text << ": " << row.reason;
    }
}

// p sp np, "-" where there is none, "!" at the end if one is invalid.
std::string policies(const DmarcRecord& record) {
    std::string text;
    for (const auto& policy : {record.p, record.sp, record.np}) {
        text += (text.empty() ? "" : " ") + (policy ? std::string(name(*policy)) : "-");
    }
    return text + (record.has_invalid_policy ? " !" : "");
}

struct PolicyRow {
    std::string_view tags;
    std::string_view expected;
    std::string_view reason;
};

TEST(DmarcRecord, NeverEnforcesOnAmbiguity) {
    const PolicyRow rows[] = {
        {"p=reject", "reject - -", "plain"},
        {"p=REJECT; sp=Quarantine", "reject quarantine -", "enumerated values have no case"},
        {"p\t=\treject\t", "reject - -", "white space around the equals sign"},
        {"sp=none; np=reject; p=quarantine", "quarantine none reject", "any order"},
        {"", "- - -", "none"},
        {"p=", "- - - !", "an empty value is invalid"},
        {"p=rejct", "- - - !", "misspelt"},
        {"p=reject; sp=rejct", "reject - - !", "sp misspelt"},
        {"p=reject; np=", "reject - - !", "np empty"},
        {"p=reject; p=none", "- - - !", "twice"},
        {"p=reject; p=reject", "- - - !", "twice the same"},
        {"P=reject", "- - -", "tag names are case-sensitive (RFC 6376 section 3.2)"},
        {"p=reject none", "- - - !", "two words"},
        {"p=rej\xc3\xa9t", "- - - !", "not ASCII"},
        {"p=reject; bogus; x=y; =z; p2=none", "reject - -", "what is unknown or odd is ignored"},
    };
    for (const auto& row : rows) {
        const auto record = parse_dmarc_record("v=DMARC1; " + std::string(row.tags));
        ASSERT_TRUE(record);
        EXPECT_EQ(policies(*record), row.expected) << row.tags << ": " << row.reason;
        EXPECT_EQ(has_sound_policies(*record),
                  !row.expected.ends_with("!") && !row.expected.starts_with("-"));
    }
}

TEST(DmarcRecord, ReadsTheOtherTags) {
    const auto record = parse_dmarc_record(
        "v=DMARC1; p=none; adkim=S; aspf=s; psd=Y; t=y; pct=0; rua=mailto:a@b.c; ruf=mailto:d@e.f; fo=1:d:S");
    ASSERT_TRUE(record);
    EXPECT_EQ(record->adkim, AlignmentMode::strict);
    EXPECT_EQ(record->aspf, AlignmentMode::strict);
    EXPECT_EQ(record->psd, DmarcRecord::Psd::y);
    EXPECT_TRUE(record->testing);
    EXPECT_TRUE(record->has_pct_zero);
    EXPECT_EQ(record->rua, std::vector<std::string>{"mailto:a@b.c"});
    EXPECT_EQ(record->ruf, std::vector<std::string>{"mailto:d@e.f"});
    EXPECT_EQ(record->fo, "1:d:s");
}

TEST(DmarcRecord, FallsBackToTheDefaultOfABadTag) {
    const auto record = parse_dmarc_record(
        "v=DMARC1; p=none; adkim=x; aspf=; psd=maybe; t=yes; adkim=s; t=y; rf=bad; ri=-1; pct=200");
    ASSERT_TRUE(record);
    DmarcRecord expected;
    expected.p = Policy::none;
    EXPECT_EQ(*record, expected);
}

struct ValueRow {
    std::string_view value;
    std::string_view expected;
    std::string_view reason;
};

TEST(DmarcRecord, ReadsFailureOptionsOnlyBesideRuf) {
    const ValueRow rows[] = {
        {"0", "0", "default"},        {"1", "1", "any failure"},          {"d:s", "d:s", "two letters"},
        {" 1 : d ", "1:d", "blanks"}, {"0:1", "0", "exclude each other"}, {"d:d", "0", "twice the same"},
        {"x", "0", "unknown"},        {"1::s", "0", "empty item"},        {"1ds", "0", "no colons"},
    };
    for (const auto& row : rows) {
        const auto tags = "; fo=" + std::string(row.value);
        EXPECT_EQ(parse_dmarc_record("v=DMARC1; p=none; ruf=mailto:a@b.c" + tags)->fo, row.expected)
            << row.reason;
        EXPECT_EQ(parse_dmarc_record("v=DMARC1; p=none" + tags)->fo, "0") << "without ruf";
    }
}

TEST(DmarcRecord, KeepsTheValidUris) {
    const ValueRow rows[] = {
        {"mailto:a@b.c", "mailto:a@b.c", "one"},
        {"mailto:a@b.c,mailto:d@e.f", "mailto:a@b.c|mailto:d@e.f", "two"},
        {" mailto:a@b.c , mailto:d@e.f ", "mailto:a@b.c|mailto:d@e.f", "blanks around the comma"},
        {"mailto:a@b.c!10m", "mailto:a@b.c", "obsolete size (RFC 9989 section C.4)"},
        {"mailto:a@b.c!10", "mailto:a@b.c", "obsolete size without a unit"},
        {"mailto:a!b@b.c", "", "an exclamation mark must be encoded"},
        {"mailto:a%21b@b.c", "mailto:a%21b@b.c", "and then is fine"},
        {"mailto:a%2@b.c", "", "half an encoding"},
        {"MAILTO:a@b.c", "MAILTO:a@b.c", "schemes have no case"},
        {"https://b.c/dmarc", "https://b.c/dmarc", "another scheme is a URI too"},
        {"a@b.c", "", "no scheme"},
        {"mailto:", "", "nothing behind the scheme"},
        {"mailto:a", "", "no address"},
        {"mailto:@b.c", "", "no local part"},
        {"mailto:a@b.c?subject=x", "mailto:a@b.c?subject=x", "header fields (RFC 6068)"},
        {"mailto:a@b.c,,mailto:d@e.f", "mailto:a@b.c|mailto:d@e.f", "an empty item is skipped"},
        {"mailto:a b@c.d", "", "space"},
        {"<mailto:a@b.c>", "", "angle brackets"},
    };
    for (const auto& row : rows) {
        std::string joined;
        for (const auto& uri : parse_report_uris(row.value)) joined += (joined.empty() ? "" : "|") + uri;
        EXPECT_EQ(joined, row.expected) << row.value << ": " << row.reason;
    }
}

TEST(DmarcRecord, CancelsOutWithAnother) {
    EXPECT_FALSE(select_dmarc_record({}).record);
    EXPECT_TRUE(select_dmarc_record({"v=spf1 -all", "v=DMARC1; p=none", "x"}).record);
    for (const auto* second : {"v=DMARC1; p=none", "v=DMARC1; p=reject", "v=DMARC1"}) {
        const auto set = select_dmarc_record({"v=DMARC1; p=none", second});
        EXPECT_FALSE(set.record) << "RFC 9989 section 4.10: identical ones count as two";
        EXPECT_TRUE(set.has_several);
    }
    EXPECT_TRUE(select_dmarc_record({"v=DMARC1; p=none", "v=dmarc1; p=reject"}).record) << "that is none";
}

}  // namespace
}  // namespace gatepost::auth
