#include <gtest/gtest.h>

#include "auth/spf_macro.h"

namespace gatepost::auth {
namespace {

// RFC 7208 section 7.4: strong-bad@email.example.com from 192.0.2.3.
std::optional<std::string> example(char letter) {
    switch (letter) {
        case 's': return "strong-bad@email.example.com";
        case 'l': return "strong-bad";
        case 'o':
        case 'd': return "email.example.com";
        case 'i': return "192.0.2.3";
        case 'v': return "in-addr";
        case 'h': return "a b?.example";
        case 'p': return {};
        default: return "x";
    }
}

struct ExpansionRow {
    const char* macro;
    const char* expanded;
};

TEST(MacroString, ExpandsTheExamplesOfTheRfc) {
    const ExpansionRow rows[] = {
        {"%{s}", "strong-bad@email.example.com"},
        {"%{o}", "email.example.com"},
        {"%{d}", "email.example.com"},
        {"%{d4}", "email.example.com"},
        {"%{d3}", "email.example.com"},
        {"%{d2}", "example.com"},
        {"%{d1}", "com"},
        {"%{dr}", "com.example.email"},
        {"%{d2r}", "example.email"},
        {"%{l}", "strong-bad"},
        {"%{l-}", "strong.bad"},
        {"%{lr}", "strong-bad"},
        {"%{lr-}", "bad.strong"},
        {"%{l1r-}", "strong"},
        {"%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"},
        {"%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"},
        {"%{lr-}.lp.%{ir}.%{v}._spf.%{d2}", "bad.strong.lp.3.2.0.192.in-addr._spf.example.com"},
        {"%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}", "3.2.0.192.in-addr.strong.lp._spf.example.com"},
        {"%{d2}.trusted-domains.example.net", "example.com.trusted-domains.example.net"},
    };
    for (const auto& row : rows) {
        const auto macro = MacroString::parse(row.macro, MacroUse::domain_spec);
        ASSERT_TRUE(macro) << row.macro;
        EXPECT_EQ(macro->expand_domain(example), row.expanded) << row.macro;
    }
}

TEST(MacroString, ExpandsTextForPeople) {
    const ExpansionRow rows[] = {
        {"See %{D2}", "See example.com"},
        {"%{S}", "strong-bad%40email.example.com"},  // an upper-case letter: URL-escaped
        {"%{h}|%{H}", "a b?.example|a%20b%3F.example"},
        {"%%%_%-", "% %20"},
        {"Stays.", "Stays."},  // the final dot is only a domain's affair
        {"%{c} %{r} %{t}", "x x x"},
        {"", ""},
    };
    for (const auto& row : rows) {
        const auto macro = MacroString::parse(row.macro, MacroUse::explanation);
        ASSERT_TRUE(macro) << row.macro;
        EXPECT_EQ(macro->expand_text(example, 100), row.expanded) << row.macro;
    }
}

struct SyntaxRow {
    const char* text;
    bool is_good;
    const char* reason;
};

TEST(MacroString, ReadsDomainSpecsStrictly) {
    const SyntaxRow rows[] = {
        {"example.com", true, "plain"},
        {"example.com.", true, "one final dot"},
        {"example.com..", false, "two"},
        {"museum", false, "a top label needs a dot before it"},
        {".com", true, "the macro-string before the top label may be empty"},
        {"", false, "empty"},
        {"111.222.33.44", false, "the top label is all digits"},
        {"a.1-2", true, "digits around a hyphen are a top label"},
        {"a.-b", false, "it begins with a hyphen"},
        {"a.b-", false, "it ends with one"},
        {"a.b_c", false, "no underscore in a top label"},
        {"a_b.c", true, "but before it"},
        {"foo:bar/baz.example.com", true, "any visible character before it"},
        {"%{d}", true, "a macro at the end"},
        {"%{d}com", false, "the top label must be written out whole"},
        {"%{d}.com", true, "so it is"},
        {"x%%", true, "%% is a macro-expand, too"},
        {"%(d)", false, "no brace"},
        {"%{d", false, "no end"},
        {"%{}", false, "no letter"},
        {"%", false, "alone"},
        {"%x.com", false, "unknown escape"},
        {"%{x}", false, "unknown letter"},
        {"%{c}", false, "c, r and t are for explanations"},
        {"%{r}.com", false, "likewise"},
        {"%{t}.com", false, "likewise"},
        {"%{d0}", false, "digits must not be zero"},
        {"%{d00}", false, "nor zero written longer"},
        {"%{d128}", true, "as many as one likes"},
        {"%{d99999999999999999999}", true, "even so"},
        {"%{dR}", true, "ABNF has no case"},
        {"%{dr2}", false, "digits before r"},
        {"%{d.-+,/_=}", true, "all the delimiters"},
        {"%{d|}", false, "not a delimiter"},
        {"%{%{d}}", false, "no nesting"},
        {"a b.com", false, "a space"},
        {"a\x80.com", false, "not ASCII"},
    };
    for (const auto& row : rows) {
        EXPECT_EQ(MacroString::parse(row.text, MacroUse::domain_spec).has_value(), row.is_good)
            << row.text << ": " << row.reason;
    }
}

TEST(MacroString, AllowsMoreInExplanationsAndUnknownModifiers) {
    EXPECT_TRUE(MacroString::parse("%{c} is bad", MacroUse::explanation));
    EXPECT_FALSE(MacroString::parse("tab\there", MacroUse::explanation));
    EXPECT_FALSE(MacroString::parse("caf\xc3\xa9", MacroUse::explanation))
        << "RFC 7208 section 6.2: ASCII only";
    EXPECT_TRUE(MacroString::parse("", MacroUse::unknown_modifier));
    EXPECT_TRUE(MacroString::parse("%{t}", MacroUse::unknown_modifier));
    EXPECT_FALSE(MacroString::parse("%abc", MacroUse::unknown_modifier));
}

TEST(MacroString, DropsLabelsAtTheLeftOfALongName) {
    const auto values = [](char) { return std::optional(std::string(60, 'a') + "." + std::string(60, 'b')); };
    const auto macro = MacroString::parse("%{o}.%{o}.%{o}.example.com", MacroUse::domain_spec);
    const std::string pair = std::string(60, 'a') + "." + std::string(60, 'b') + ".";
    // Four labels of 60 and their dots are 244 octets, "example.com" makes it 255: one label has to go.
    EXPECT_EQ(macro->expand_domain(values), pair.substr(61) + pair + "example.com");
}

TEST(MacroString, KeepsANameOfExactly253Octets) {
    const std::string label(49, 'a'),
        exact = label + "." + label + "." + label + "." + label + "." + label + ".com";
    ASSERT_EQ(exact.size(), 253u);
    EXPECT_EQ(MacroString::parse(exact, MacroUse::domain_spec)->expand_domain(example), exact);
    EXPECT_EQ(MacroString::parse("b." + exact, MacroUse::domain_spec)->expand_domain(example), exact);
    EXPECT_EQ(MacroString::parse("b" + exact, MacroUse::domain_spec)->expand_domain(example),
              exact.substr(50));
}

TEST(MacroString, GivesNothingWhenAValueCannotBeHad) {
    EXPECT_EQ(MacroString::parse("%{p}.x.com", MacroUse::domain_spec)->expand_domain(example), std::nullopt);
}

TEST(MacroString, BoundsItsWork) {
    std::string killer;
    for (int i = 0; i < 2000; ++i) killer += "%{s}";
    EXPECT_EQ(MacroString::parse(killer, MacroUse::domain_spec)->expand_domain(example), std::nullopt);
    unsigned asked = 0;
    const auto count = [&](char) { return ++asked, std::optional(std::string("a.")); };
    std::string shrinking;
    for (int i = 0; i < 2000; ++i) shrinking += "%{l1}";
    EXPECT_EQ(MacroString::parse(shrinking, MacroUse::domain_spec)->expand_domain(count), std::nullopt);
    EXPECT_LE(asked, 256u);
    EXPECT_EQ(MacroString::parse("%{s}%{s}", MacroUse::explanation)->expand_text(example, 50), std::nullopt);
}

}  // namespace
}  // namespace gatepost::auth
