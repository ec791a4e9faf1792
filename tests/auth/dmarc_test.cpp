#include "auth/dmarc.h"

#include <gtest/gtest.h>

#include "dmarc_zone.h"

namespace gatepost::auth {
namespace {

using protocol::Domain;
using protocol::parse_author;

constexpr const char* kReject = "v=DMARC1; p=reject";

SpfOutcome spf(std::string domain, SpfResult result = SpfResult::pass) {
    SpfOutcome outcome;
    outcome.result = result;
    outcome.domain = std::move(domain);
    return outcome;
}

DkimOutcome dkim(std::string_view domain, DkimResult result = DkimResult::pass) {
    DkimOutcome outcome;
    outcome.result = result;
    outcome.signing_domain = Domain::parse(domain);
    return outcome;
}

DmarcOutcome evaluate(const Zone& zone, std::string_view from, const SpfOutcome& mail_from,
                      const std::vector<DkimOutcome>& signatures, const DmarcOptions& options = {}) {
    auto facts = zone.facts();
    const auto author = parse_author(from);
    return evaluate_dmarc({author, mail_from, signatures}, options, facts);
}

std::string text(const std::optional<Domain>& domain) {
    return domain ? domain->text() : "-";
}

// "fail OD PD policy", or with "policy>effective" where they differ; "none", "temperror" and so on alone.
std::string summary(const DmarcOutcome& outcome) {
    std::string text(name(outcome.result));
    if (outcome.result != DmarcResult::pass && outcome.result != DmarcResult::fail) return text;
    text += " " + auth::text(outcome.organizational_domain) + " " + auth::text(outcome.policy_domain) + " ";
    text += name(outcome.policy);
    if (outcome.effective != outcome.policy) text += ">" + std::string(name(outcome.effective));
    return text;
}

struct Example {
    std::string_view number;
    std::vector<std::pair<std::string, std::string>> zone;
    std::string_view from;  // domain
    SpfOutcome mail_from;
    std::vector<DkimOutcome> signatures;
    std::string_view expected;
};

// specs/dmarc.md section 7. Names that the example calls existing have an MX; the others follow from the
// records.
TEST(Dmarc, AgreesWithTheWorkedExamples) {
    const std::string r = kReject;
    const std::vector<std::pair<std::string, std::string>> nopa{
        {"bank.example", "v=DMARC1; p=quarantine; sp=none; np=reject; psd=y"}};
    const std::vector<std::pair<std::string, std::string>> ghost{
        {"example.com", "v=DMARC1; p=none; sp=quarantine; np=reject"}};
    const std::vector<std::pair<std::string, std::string>> split{
        {"example.com", r}, {"sub.example.com", "v=DMARC1; p=none; psd=n"}};
    const SpfOutcome nobody;
    const Example examples[] = {
        {"1",
         {{"example.com", r}},
         "example.com",
         spf("example.com"),
         {},
         "pass example.com example.com reject"},
        {"2",
         {{"example.com", "v=DMARC1; p=reject; sp=quarantine"}},
         "news.example.com",
         nobody,
         {dkim("example.com")},
         "pass example.com example.com quarantine"},
        {"3",
         {{"b.example.com", r}, {"example.com", "v=DMARC1; p=none; sp=quarantine"}},
         "a.b.example.com",
         nobody,
         {},
         "fail example.com example.com quarantine"},
        {"4",
         {{"news.example.com", r}},
         "news.example.com",
         nobody,
         {dkim("example.com")},
         "fail news.example.com news.example.com reject"},
        {"5",
         {{"news.example.com", r}},
         "news.example.com",
         nobody,
         {dkim("mail.news.example.com")},
         "pass news.example.com news.example.com reject"},
        {"6",
         {{"example.com", r}, {"sub.example.com", "v=DMARC1; p=reject; psd=n"}},
         "example.com",
         nobody,
         {dkim("sub.example.com")},
         "fail example.com example.com reject"},
        {"7 dkim",
         split,
         "x.sub.example.com",
         nobody,
         {dkim("example.com")},
         "fail sub.example.com sub.example.com none"},
        {"7 spf",
         split,
         "x.sub.example.com",
         spf("sub.example.com"),
         {dkim("example.com")},
         "pass sub.example.com sub.example.com none"},
        {"8",
         {{"giant.bank.example", "v=DMARC1; p=quarantine"}, {"bank.example", "v=DMARC1; p=reject; psd=y"}},
         "giant.bank.example",
         spf("mail.giant.bank.example"),
         {dkim("mail.mega.bank.example")},
         "pass giant.bank.example giant.bank.example quarantine"},
        {"8 dkim",
         {{"giant.bank.example", "v=DMARC1; p=quarantine"}, {"bank.example", "v=DMARC1; p=reject; psd=y"}},
         "giant.bank.example",
         nobody,
         {dkim("mail.mega.bank.example")},
         "fail giant.bank.example giant.bank.example quarantine"},
        {"9",
         {{"bank.example", "v=DMARC1; p=reject; psd=y"}},
         "mega.bank.example",
         nobody,
         {dkim("bank.example")},
         "fail mega.bank.example bank.example reject"},
        {"10", nopa, "typo.bank.example", nobody, {}, "fail typo.bank.example bank.example reject"},
        {"11",
         {{"bank.example", "v=DMARC1; p=reject; psd=y"}},
         "bank.example",
         spf("bank.example"),
         {},
         "pass bank.example bank.example reject"},
        {"12", ghost, "a.ghost.example.com", nobody, {}, "fail example.com example.com reject"},
        {"13", ghost, "real.example.com", nobody, {}, "fail example.com example.com quarantine"},
        {"14",
         {{"example.com", r}},
         "a.b.c.d.e.f.g.h.i.j.mail.example.com",
         nobody,
         {},
         "fail example.com example.com reject"},
        {"15",
         {{"b.c.d.e.f.g.example.com", "v=DMARC1; p=none; psd=n"}, {"example.com", r}},
         "mail.a.b.c.d.e.f.g.example.com",
         nobody,
         {},
         "fail example.com example.com reject"},
        {"16",
         {{"com", "v=DMARC1; p=none"}, {"example.com", r}},
         "example.com",
         nobody,
         {dkim("evil.com")},
         "pass com example.com reject"},
        {"16 psd=n",
         {{"com", "v=DMARC1; p=none"}, {"example.com", r + "; psd=n"}},
         "example.com",
         nobody,
         {dkim("evil.com")},
         "fail example.com example.com reject"},
        {"17", {{"example.com", r}, {"example.com", r}}, "example.com", nobody, {}, "none"},
        {"18",
         {{"sub.example.com", r},
          {"sub.example.com", r},
          {"example.com", "v=DMARC1; p=reject; sp=quarantine"}},
         "sub.example.com",
         nobody,
         {},
         "fail example.com example.com quarantine"},
        {"19",
         {{"example.com", "v=DMARC1; p=reject; sp=rejct; rua=mailto:a@example.com"}},
         "example.com",
         nobody,
         {},
         "fail example.com example.com none"},
        {"19 without rua",
         {{"example.com", "v=DMARC1; p=reject; sp=rejct"}},
         "example.com",
         nobody,
         {},
         "none"},
        {"20",
         {{"example.com", "v=DMARC1; rua=mailto:d@example.com"}},
         "example.com",
         nobody,
         {},
         "fail example.com example.com none"},
        {"20 bare", {{"example.com", "v=DMARC1"}}, "example.com", nobody, {}, "none"},
        {"21",
         {{"example.com", "v=DMARC1; p=reject; sp=quarantine; t=y"}},
         "example.com",
         nobody,
         {},
         "fail example.com example.com reject>quarantine"},
        {"21 below",
         {{"example.com", "v=DMARC1; p=reject; sp=quarantine; t=y"}},
         "a.example.com",
         nobody,
         {},
         "fail example.com example.com quarantine>none"},
        {"22",
         {{"example.com", r + "; adkim=s; aspf=s"}},
         "example.com",
         spf("bounce.example.com"),
         {dkim("mail.example.com")},
         "fail example.com example.com reject"},
        {"23",
         {{"example.com", r + "; aspf=s"}},
         "example.com",
         spf("EXAMPLE.com"),
         {},
         "pass example.com example.com reject"},
        {"23 null path",
         {{"example.com", r + "; aspf=s"}},
         "example.com",
         spf("mail.example.com"),
         {},
         "fail example.com example.com reject"},
        {"23 null path, relaxed",
         {{"example.com", r}},
         "example.com",
         spf("mail.example.com"),
         {},
         "pass example.com example.com reject"},
        {"24",
         {{"b.giant.bank.example", "v=DMARC1; p=none"},
          {"bank.example", "v=DMARC1; p=reject; sp=quarantine; psd=y"}},
         "a.b.giant.bank.example",
         nobody,
         {},
         "fail giant.bank.example bank.example quarantine"},
        {"26",
         {{"example.com", r}},
         "example.com",
         spf("example.com"),
         {dkim("example.com", DkimResult::temperror)},
         "pass example.com example.com reject"},
        {"27",
         {{"example.com", r}},
         "example.com",
         spf("example.com", SpfResult::fail),
         {dkim("example.com", DkimResult::temperror)},
         "temperror"},
        {"27 other",
         {{"example.com", r}},
         "example.com",
         spf("example.com", SpfResult::fail),
         {dkim("other.net", DkimResult::temperror)},
         "fail example.com example.com reject"},
        {"28",
         {{"example.com", "v=DMARC1; p=reject; pct=0"}},
         "example.com",
         nobody,
         {},
         "fail example.com example.com reject"},
    };
    for (const auto& example : examples) {
        Zone zone;
        for (const auto& [name, record] : example.zone) zone.dmarc(name, record);
        zone.existing("real.example.com");
        const auto outcome =
            evaluate(zone, "u@" + std::string(example.from), example.mail_from, example.signatures);
        EXPECT_EQ(summary(outcome), example.expected) << "example " << example.number;
        EXPECT_EQ(text(outcome.author_domain), example.from);
    }
}

TEST(Dmarc, DefersWhenTheRecordCannotBeLookedUp) {  // example 25
    Zone zone;
    zone.failing(RecordType::txt, "_dmarc.sub.example.com").dmarc("example.com", "v=DMARC1; p=none");
    const auto outcome = evaluate(zone, "u@sub.example.com", spf("sub.example.com"), {});
    EXPECT_EQ(outcome.result, DmarcResult::temperror);
    EXPECT_EQ(outcome.disposition(), Disposition::none);
    EXPECT_FALSE(outcome.record);
    EXPECT_FALSE(outcome.why.empty());
}

TEST(Dmarc, NeedsOneAuthor) {  // example 29
    Zone zone;
    zone.dmarc("example.com", kReject);
    EXPECT_EQ(summary(evaluate(zone, "a@example.com, b@example.com", spf("example.com"), {})),
              "pass example.com example.com reject");
    for (const auto* from :
         {"", "root", "a@[192.0.2.1]", "<a@x.net>b", "a@a.x,a@b.x,a@c.x,a@d.x,a@e.x,a@f.x"}) {
        const auto outcome = evaluate(zone, from, spf("example.com"), {});
        EXPECT_EQ(outcome.result, DmarcResult::permerror) << from;
        EXPECT_FALSE(outcome.author_domain);
        EXPECT_FALSE(outcome.why.empty());
    }
}

TEST(Dmarc, AsksForALabels) {  // example 30
    Zone zone;
    zone.dmarc("xn--bcher-kva.example", kReject);
    const auto outcome = evaluate(zone,
                                  "u@b\xc3\xbc"
                                  "cher.example",
                                  {}, {});
    EXPECT_EQ(summary(outcome), "fail xn--bcher-kva.example xn--bcher-kva.example reject");
}

struct AuthorsRow {
    std::string_view from;
    std::string_view expected;
    std::string_view reason;
};

TEST(Dmarc, TakesTheWorstOfSeveralAuthorDomains) {
    Zone zone;
    zone.dmarc("rej.x", kReject).dmarc("qua.x", "v=DMARC1; p=quarantine").dmarc("non.x", "v=DMARC1; p=none");
    zone.dmarc("ok.x", kReject).failing(RecordType::txt, "_dmarc.tmp.x");
    const AuthorsRow rows[] = {
        {"a@non.x, a@rej.x", "fail rej.x rej.x reject", "the strictest that fails"},
        {"a@rej.x, a@qua.x", "fail rej.x rej.x reject", "in any order"},
        {"a@ok.x, a@non.x", "fail non.x non.x none", "one that passes does not speak for the other"},
        {"a@ok.x, a@qua.x", "fail qua.x qua.x quarantine", "likewise"},
        {"a@ok.x, a@nothing.x", "none", "nor for one without a record"},
        {"a@tmp.x, a@qua.x", "temperror", "what is not known may be reject"},
        {"a@tmp.x, a@rej.x", "fail rej.x rej.x reject", "worse it cannot become"},
    };
    for (const auto& row : rows) {
        EXPECT_EQ(summary(evaluate(zone, row.from, spf("ok.x"), {})), row.expected) << row.reason;
    }
}

struct ExistenceRow {
    DnsAnswer author;  // to the question for the author domain
    DnsAnswer below;   // to the question for _dmarc.AUTHOR
    std::string_view expected;
    std::string_view reason;
};

// RFC 9989 section 3.2.13: np=reject applies to what does not exist, sp=none to what does.
TEST(Dmarc, TellsExistingNamesFromOthers) {
    const DnsAnswer nothing{.status = DnsStatus::nx_domain};
    const DnsAnswer no_data{.status = DnsStatus::no_data};
    const DnsAnswer other_text{.status = DnsStatus::found, .texts = {"x"}};
    const DnsAnswer dangling{.status = DnsStatus::nx_domain, .is_alias = true};
    const DnsAnswer error{.status = DnsStatus::failed};
    const ExistenceRow rows[] = {
        {nothing, nothing, "fail example.com example.com reject", "NXDOMAIN for the name itself"},
        {no_data, nothing, "fail example.com example.com none", "NODATA: it exists, whatever _dmarc says"},
        {{.status = DnsStatus::found}, nothing, "fail example.com example.com none", "an address"},
        {dangling, nothing, "fail example.com example.com none", "an alias to nowhere is still a record"},
        {error, no_data, "fail example.com example.com none",
         "NOERROR below it proves the name: nothing asked"},
        {error, other_text, "fail example.com example.com none", "so does a foreign TXT"},
        {error, dangling, "fail example.com example.com none", "and an alias at _dmarc"},
        {error, nothing, "temperror", "an error here could change the answer"},
    };
    for (const auto& row : rows) {
        Zone zone;
        zone.dmarc("example.com", "v=DMARC1; p=none; sp=none; np=reject");
        zone.set(RecordType::a, "a.example.com", row.author)
            .set(RecordType::txt, "_dmarc.a.example.com", row.below);
        EXPECT_EQ(summary(evaluate(zone, "u@a.example.com", {}, {})), row.expected) << row.reason;
    }
}

TEST(Dmarc, AsksForExistenceOnlyWhenItMatters) {
    struct Row {
        const char* record;
        std::string_view from;
        std::string_view reason;
    };
    const Row rows[] = {
        {"v=DMARC1; p=none; np=reject", "u@example.com", "the record is the author domain's own"},
        {"v=DMARC1; p=reject", "u@a.example.com", "no np"},
        {"v=DMARC1; p=reject; np=reject", "u@a.example.com", "np says the same"}};
    for (const auto& row : rows) {
        Zone zone;
        zone.dmarc("example.com", row.record);
        auto facts = zone.facts();
        const auto author = parse_author(row.from);
        evaluate_dmarc({author, {}, {}}, {}, facts);
        EXPECT_EQ(facts.questions(), author.domains[0].labels()) << row.reason;
    }
}

TEST(Dmarc, PassesWhateverElseFailsOnceAnIdentityAligns) {
    Zone zone;
    zone.dmarc("example.com", "v=DMARC1; p=none; np=reject").failing(RecordType::a, "a.example.com");
    const auto outcome =
        evaluate(zone, "u@a.example.com", spf("example.com"), {dkim("a.example.com", DkimResult::temperror)});
    EXPECT_EQ(outcome.result, DmarcResult::pass);
}

struct ErrorRow {
    std::string_view from;
    SpfOutcome mail_from;
    std::vector<DkimOutcome> signatures;
    DmarcResult expected;
    std::string_view reason;
};

// specs R-40: only an error that could change the answer is one.
TEST(Dmarc, IgnoresErrorsThatDecideNothing) {
    Zone zone;
    zone.dmarc("example.com", kReject).failing(RecordType::txt, "_dmarc.sub.example.com");
    zone.failing(RecordType::txt, "_dmarc.evil.net")
        .dmarc("strict.com", "v=DMARC1; p=reject; aspf=s; adkim=s");
    zone.dmarc("own.org", kReject).failing(RecordType::txt, "_dmarc.org");
    const auto error = SpfResult::temperror;
    const ErrorRow rows[] = {
        {"u@example.com",
         spf("evil.net"),
         {},
         DmarcResult::fail,
         "no walk for an identity that cannot align (R-38)"},
        {"u@example.com",
         spf("sub.example.com"),
         {},
         DmarcResult::temperror,
         "one below could be split off by psd=n"},
        {"u@example.com", spf("example.com", error), {}, DmarcResult::temperror, "SPF of the author domain"},
        {"u@example.com", spf("mail.example.com", error), {}, DmarcResult::temperror, "SPF of a relative"},
        {"u@example.com", spf("other.net", error), {}, DmarcResult::fail, "SPF of a stranger"},
        {"u@strict.com",
         spf("mail.strict.com", error),
         {},
         DmarcResult::fail,
         "a relative never aligns strictly"},
        {"u@example.com",
         {},
         {dkim("mail.example.com", DkimResult::temperror)},
         DmarcResult::temperror,
         "DKIM likewise"},
        {"u@example.com",
         spf("example.com", SpfResult::permerror),
         {},
         DmarcResult::fail,
         "permerror is final"},
        {"u@own.org",
         spf("own.org"),
         {},
         DmarcResult::pass,
         "own record, same identity: the top level is moot"},
        {"u@own.org", spf("mail.own.org"), {}, DmarcResult::temperror, "the Organizational Domain is needed"},
        {"u@own.org", spf("evil.net"), {}, DmarcResult::fail, "whatever it is, it is not evil.net's"},
        {"u@own.org", {}, {}, DmarcResult::fail, "nothing to align"},
    };
    for (const auto& row : rows) {
        EXPECT_EQ(evaluate(zone, row.from, row.mail_from, row.signatures).result, row.expected) << row.reason;
    }
}

TEST(Dmarc, CountsOnlyAPassAsAnIdentity) {
    Zone zone;
    zone.dmarc("example.com", kReject);
    for (const auto result : {SpfResult::none, SpfResult::neutral, SpfResult::fail, SpfResult::softfail}) {
        EXPECT_EQ(evaluate(zone, "u@example.com", spf("example.com", result), {}).result, DmarcResult::fail);
    }
    for (const auto result : {DkimResult::none, DkimResult::fail, DkimResult::policy, DkimResult::neutral,
                              DkimResult::permerror}) {
        EXPECT_EQ(evaluate(zone, "u@example.com", {}, {dkim("example.com", result)}).result,
                  DmarcResult::fail);
    }
    for (const auto* near : {"nk.example.com", "evilexample.com", "com", "example.com.evil.net"}) {
        const bool below = std::string_view(near) == "nk.example.com";
        EXPECT_EQ(evaluate(zone, "u@example.com", spf(near), {}).result,
                  below ? DmarcResult::pass : DmarcResult::fail)
            << near << ": names are compared label by label";
    }
}

// Text behind l= is anybody's (RFC 6376 section 8.2), so the signature speaks for nobody.
TEST(Dmarc, CountsNoSignatureThatLeavesTextUnsigned) {
    Zone zone;
    zone.dmarc("example.com", kReject);
    auto partial = dkim("example.com");
    EXPECT_EQ(evaluate(zone, "a@example.com", {}, {partial}).result, DmarcResult::pass);
    partial.is_partial = true;
    EXPECT_EQ(evaluate(zone, "a@example.com", {}, {partial}).result, DmarcResult::fail);
}

TEST(Dmarc, HasOptions) {
    Zone zone;
    zone.dmarc("example.com", "v=DMARC1; p=reject; pct=0").dmarc("com", "v=DMARC1; p=none");
    auto testing = dkim("example.com");
    testing.testing = true;
    EXPECT_EQ(evaluate(zone, "u@example.com", {}, {testing}).result, DmarcResult::pass);
    EXPECT_EQ(evaluate(zone, "u@example.com", {}, {testing}, {.dkim_testing_counts = false}).result,
              DmarcResult::fail);
    EXPECT_EQ(evaluate(zone, "u@example.com", {}, {}, {.legacy_pct0_as_test = true}).effective,
              Policy::quarantine);
    EXPECT_EQ(evaluate(zone, "u@example.com", spf("evil.com"), {}).result, DmarcResult::pass) << "example 16";
    EXPECT_EQ(evaluate(zone, "u@example.com", spf("evil.com"), {}, {.refuse_single_label_od = true}).result,
              DmarcResult::fail);
}

TEST(Dmarc, SettlesInTwoRoundsFromACold) {
    Zone zone;
    zone.dmarc("example.com", kReject).dmarc("mail.example.com", "v=DMARC1; p=none; psd=n");
    const auto author = parse_author("u@a.example.com");
    const auto mail_from = spf("mail.example.com");
    const std::vector<DkimOutcome> signatures{dkim("b.example.com")};
    DnsFacts facts;
    int rounds = 0;
    DmarcOutcome outcome;
    for (;; ++rounds) {
        outcome = evaluate_dmarc({author, mail_from, signatures}, {}, facts);
        const bool is_final = facts.is_complete();
        const auto missing = facts.take_missing();
        if (is_final) break;
        for (const auto& question : missing) facts.learn(question, zone.answer(question));
    }
    EXPECT_EQ(rounds, 1) << "the walks of author and identities travel together";
    EXPECT_EQ(outcome.result, DmarcResult::pass);
    EXPECT_TRUE(outcome.dkim_aligned);
    EXPECT_FALSE(outcome.spf_aligned) << "psd=n split it off";
    EXPECT_EQ(facts.questions(), 5u) << "a, mail and b below example.com, example.com, com";
}

TEST(Dmarc, BoundsTheWalksOfOneMessage) {
    Zone zone;
    zone.dmarc("example.com", kReject);
    std::vector<DkimOutcome> signatures;
    for (int i = 0; i < 100; ++i)
        signatures.push_back(dkim("s" + std::to_string(i) + ".x.example.com", DkimResult::temperror));
    auto facts = zone.facts();
    const auto author = parse_author("u@example.com");
    const auto outcome = evaluate_dmarc({author, {}, signatures}, {}, facts);
    EXPECT_EQ(outcome.result, DmarcResult::temperror);
    EXPECT_EQ(facts.questions(), 13u) << "ten names, x.example.com, example.com and com";
}

TEST(Dmarc, SaysWhatTheOwnerAsksFor) {
    Zone zone;
    zone.dmarc("example.com", "v=DMARC1; p=reject; t=y");
    EXPECT_EQ(evaluate(zone, "u@example.com", {}, {}).disposition(), Disposition::quarantine);
    EXPECT_EQ(evaluate(zone, "u@example.com", spf("example.com"), {}).disposition(), Disposition::pass);
    EXPECT_EQ(evaluate(zone, "u@nothing.net", {}, {}).disposition(), Disposition::none);
    EXPECT_EQ(evaluate(zone, "", {}, {}).disposition(), Disposition::none);
}

}  // namespace
}  // namespace gatepost::auth
