#include "auth/spf_inquiry.h"

#include <gtest/gtest.h>

#include "tests/support/spf_zone.h"

namespace gatepost::auth {
namespace {

using tests::SpfZoneData;

constexpr std::int64_t kNow = 1'700'000'000;

class InquiryTest : public testing::Test {
  protected:
    // What `look` finds out when everything has been answered.
    template <class Look>
    auto settled(const char* ip, SpfSender sender, Look look) {
        client_ = {*protocol::IpAddress::parse(ip), "helo.example", "mx.receiver.example", kNow};
        for (;;) {
            SpfInquiry inquiry(client_, sender, facts_);
            auto found = look(inquiry);
            ttl_ = inquiry.ttl();
            used_ = std::string(inquiry.used_local_part() ? "l" : "") + (inquiry.used_helo() ? "h" : "");
            if (!inquiry.is_provisional()) return found;
            for (const auto& question : facts_.take_missing()) facts_.learn(question, zone_.answer(question));
        }
    }

    std::optional<std::string> expanded(const std::string& spec, const char* ip, const SpfSender& sender,
                                        const std::string& domain) {
        const auto macros = MacroString::parse(spec, MacroUse::domain_spec);
        EXPECT_TRUE(macros) << spec;
        return settled(ip, sender, [&](SpfInquiry& inquiry) { return inquiry.name(*macros, domain); });
    }

    SpfClient client_;
    SpfZoneData zone_;
    DnsFacts facts_;
    std::uint32_t ttl_ = 0;
    std::string used_;
};

// RFC 7208 section 7.4.
TEST_F(InquiryTest, ExpandsTheStandardsExamples) {
    const SpfSender sender{"strong-bad", "email.example.com"};
    const struct {
        const char *ip, *spec, *name;
    } rows[] = {
        {"192.0.2.3", "%{s}", "strong-bad@email.example.com"},
        {"192.0.2.3", "%{o}", "email.example.com"},
        {"192.0.2.3", "%{d}", "email.example.com"},
        {"192.0.2.3", "%{d4}", "email.example.com"},
        {"192.0.2.3", "%{d3}", "email.example.com"},
        {"192.0.2.3", "%{d2}", "example.com"},
        {"192.0.2.3", "%{d1}", "com"},
        {"192.0.2.3", "%{dr}", "com.example.email"},
        {"192.0.2.3", "%{d2r}", "example.email"},
        {"192.0.2.3", "%{l}", "strong-bad"},
        {"192.0.2.3", "%{l-}", "strong.bad"},
        {"192.0.2.3", "%{lr}", "strong-bad"},
        {"192.0.2.3", "%{lr-}", "bad.strong"},
        {"192.0.2.3", "%{l1r-}", "strong"},
        {"192.0.2.3", "%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"},
        {"192.0.2.3", "%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"},
        {"192.0.2.3", "%{lr-}.lp.%{ir}.%{v}._spf.%{d2}", "bad.strong.lp.3.2.0.192.in-addr._spf.example.com"},
        {"192.0.2.3", "%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}", "3.2.0.192.in-addr.strong.lp._spf.example.com"},
        {"192.0.2.3", "%{d2}.trusted-domains.example.net", "example.com.trusted-domains.example.net"},
        {"2001:db8::cb01", "%{ir}.%{v}._spf.%{d2}",
         "1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6._spf.example.com"},
    };
    for (const auto& [ip, spec, name] : rows)
        EXPECT_EQ(expanded(spec, ip, sender, "email.example.com"), name) << spec;
}

// RFC 7208 sections 4.3 and 7.3, RFC 8616 section 4.
TEST_F(InquiryTest, KnowsWhatTheMacrosStandFor) {
    const struct {
        const char *reason, *spec;
        SpfSender sender;
        std::optional<std::string> name;
        const char* used;
    } rows[] = {
        {"no local part", "%{l}.x", {"", "d.example"}, "postmaster.x", "l"},
        {"one that is not ASCII", "%{l}.x", {"j\xc3\xbcrgen", "d.example"}, std::nullopt, "l"},
        {"HELO", "%{h}.x", {"a", "d.example"}, "helo.example.x", "h"},
        {"d= where the record stands, o= the sender's",
         "%{o}.%{d}",
         {"a", "o.example"},
         "o.example.d.example",
         ""},
        {"no validated name", "%{p}.x", {"a", "d.example"}, "unknown.x", ""},
    };
    for (const auto& row : rows) {
        EXPECT_EQ(expanded(row.spec, "192.0.2.3", row.sender, "d.example"), row.name) << row.reason;
        EXPECT_EQ(used_, row.used) << row.reason;
    }
}

TEST_F(InquiryTest, ExplainsWithTheClientsAddressTheReceiverAndTheTime) {
    const auto text = MacroString::parse("%{c} %{r} %{t}", MacroUse::explanation);
    ASSERT_TRUE(text);
    const auto look = [&](SpfInquiry& inquiry) { return inquiry.text(*text, "d.example", 100); };
    EXPECT_EQ(settled("2001:db8::1", {"a", "d.example"}, look), "2001:db8::1 mx.receiver.example 1700000000");
    EXPECT_EQ(ttl_, 0U) << "true for this second only";
    const auto short_look = [&](SpfInquiry& inquiry) { return inquiry.text(*text, "d.example", 10); };
    EXPECT_EQ(settled("2001:db8::1", {"a", "d.example"}, short_look), std::nullopt);
}

// RFC 7208 sections 4.4 and 4.5.
TEST_F(InquiryTest, ReadsTheOneRecordThatIsThere) {
    zone_.txt("one.example", "hello");
    zone_.txt("one.example", "v=spf1 -all");
    zone_.txt("none.example", "v=spf10 -all");
    zone_.txt("two.example", "v=spf1 -all");
    zone_.txt("two.example", "V=SPF1 +all");
    zone_.txt("bad.example", "v=spf1 bogus");
    zone_.fail("broken.example");
    const struct {
        const char* domain;
        bool has_record;
        SpfResult result;
    } rows[] = {
        {"one.example", true, SpfResult::none},          {"none.example", false, SpfResult::none},
        {"nowhere.example", false, SpfResult::none},     {"example", false, SpfResult::none},
        {"a..example", false, SpfResult::none},          {"", false, SpfResult::none},
        {"two.example", false, SpfResult::permerror},    {"bad.example", false, SpfResult::permerror},
        {"broken.example", false, SpfResult::temperror},
    };
    for (const auto& row : rows) {
        const auto reading = settled("192.0.2.3", {"a", "d.example"},
                                     [&](SpfInquiry& inquiry) { return inquiry.read(row.domain); });
        EXPECT_EQ(reading.record.has_value(), row.has_record) << row.domain;
        EXPECT_EQ(reading.result, row.result) << row.domain;
        EXPECT_EQ(reading.why.empty(), row.has_record) << row.domain;
    }
}

// RFC 7208 section 5.5: the name leads back to the client; section 4.6.4: ten of them are looked at.
TEST_F(InquiryTest, BelievesOnlyNamesThatLeadBack) {
    zone_.ptr("192.0.2.3", "liar.example");
    zone_.ptr("192.0.2.3", "Mail.D.example");
    zone_.address("liar.example", "198.51.100.1");
    zone_.address("mail.d.example", "192.0.2.3");
    for (int i = 0; i < 9; ++i) zone_.ptr("192.0.2.3", "n" + std::to_string(i) + ".example");
    zone_.address("n8.example", "192.0.2.3");  // the eleventh
    const struct {
        const char* target;
        bool is_validated;
    } rows[] = {
        {"mail.d.example", true}, {"d.example", true},      {"example", true},     {"liar.example", false},
        {"l.d.example", false},   {"ail.d.example", false}, {"n8.example", false}, {"other.example", false},
    };
    for (const auto& row : rows) {
        const bool found = settled("192.0.2.3", {"a", "d.example"}, [&](SpfInquiry& inquiry) {
            return inquiry.has_validated_name(row.target);
        });
        EXPECT_EQ(found, row.is_validated) << row.target;
    }
    EXPECT_EQ(expanded("%{p}", "192.0.2.3", {"a", "d.example"}, "d.example"), "mail.d.example");
}

TEST_F(InquiryTest, IsGoodForAsLongAsAllThatItRestsOn) {
    zone_.ttl = 300;
    zone_.txt("d.example", "v=spf1 -all");
    zone_.ttl = 20;
    zone_.address("a.example", "192.0.2.3");
    const auto look = [](SpfInquiry& inquiry) {
        inquiry.read("d.example");
        inquiry.find_addresses("a.example");
        return 0;
    };
    settled("192.0.2.3", {"a", "d.example"}, look);
    EXPECT_EQ(ttl_, 20U);
}

}  // namespace
}  // namespace gatepost::auth
