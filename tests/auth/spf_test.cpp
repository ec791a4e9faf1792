#include <gtest/gtest.h>

#include "auth/spf.h"
#include "tests/support/spf_zone.h"

namespace gatepost::auth {
namespace {

using tests::settle_in;
using tests::SpfZoneData;

SpfClient client_at(const char* ip, const char* helo = "mail.example.com") {
    return {*protocol::IpAddress::parse(ip), helo, "mx.receiver.example", 1'700'000'000};
}

SpfOutcome mail_from(const SpfZoneData& zone, const SpfClient& client, std::string_view path,
                     unsigned* rounds = nullptr) {
    DnsFacts facts;
    return settle_in(
        zone, facts, [&](DnsFacts& known) { return check_mail_from(client, path, known); }, rounds);
}

SpfOutcome record_at_example(const std::string& record, const char* ip = "192.0.2.1") {
    SpfZoneData zone;
    zone.txt("example.com", record);
    for (const char* name : {"example.com", "there.example"}) zone.address(name, "198.51.100.9");
    zone.address("client.example", "192.0.2.1");
    zone.txt("none.example", "hello");
    zone.txt("p.example", "v=spf1 +all");
    zone.txt("f.example", "v=spf1 -all");
    zone.txt("s.example", "v=spf1 ~all");
    zone.txt("n.example", "v=spf1");
    zone.txt("bad.example", "v=spf1 bogus");
    zone.fail("t.example");
    for (int i = 0; i < 11; ++i) zone.mx("eleven.example", "there.example");
    for (int i = 0; i < 10; ++i) zone.mx("ten.example", i < 9 ? "there.example" : "client.example");
    return mail_from(zone, client_at(ip), "u@example.com");
}

struct Row {
    const char* record;
    const char* result;
    const char* reason;
};

TEST(CheckHost, FollowsTheWorkedCases) {
    const Row rows[] = {
        {"v=spf1 ip4:192.0.2.1 bogus=x -all", "pass", "unknown modifier"},
        {"v=spf1 ip4:192.0.2.1 bogus -all", "permerror", "unknown mechanism"},
        {"v=spf1 -all ip4:999.1.1.1", "permerror", "syntax anywhere"},
        {"v=spf1", "neutral", "the end"},
        {"v=spf1 redirect=none.example", "permerror", "a redirect to nothing"},
        {"v=spf1 redirect=f.example", "fail", "the other record's word"},
        {"v=spf1 redirect=museum.", "permerror", "no domain"},
        {"v=spf1 redirect=f.example ~all", "softfail", "redirect ignored beside all"},
        {"v=spf1 redirect=f.example a:there.example", "fail", "redirect after all mechanisms"},
        {"v=spf1 redirect=t.example", "temperror", "the other record cannot be had"},
        {"v=spf1 include:none.example ip4:192.0.2.1", "permerror", "an include of nothing"},
        {"v=spf1 include:gone.example ip4:192.0.2.1", "permerror", "nor of a name that is not there"},
        {"v=spf1 include:bad.example ip4:192.0.2.1", "permerror", "an include of rubbish"},
        {"v=spf1 include:t.example -all", "temperror", "an include that cannot be had"},
        {"v=spf1 ip4:192.0.2.1 include:t.example -all", "pass", "but nobody came to it"},
        {"v=spf1 -include:p.example +all", "fail", "pass is a match"},
        {"v=spf1 -include:f.example +all", "pass", "fail is none"},
        {"v=spf1 -include:s.example +all", "pass", "nor softfail"},
        {"v=spf1 -include:n.example +all", "pass", "nor neutral"},
        {"v=spf1 a:n1.ex a:n2.ex ip4:192.0.2.1", "pass", "two voids"},
        {"v=spf1 a:n3.ex a:n1.ex a:n2.ex ip4:192.0.2.1", "permerror", "three"},
        {"v=spf1 a a a a a a a a a a ip4:192.0.2.1", "pass", "ten terms"},
        {"v=spf1 a a a a a a a a a a a ip4:192.0.2.1", "permerror", "eleven"},
        {"v=spf1 ip4:192.0.2.1 a a a a a a a a a a a", "pass", "nobody came to the eleventh"},
        {"v=spf1 include:n.example a a a a a a a a redirect=f.example", "fail", "redirect is the tenth"},
        {"v=spf1 include:n.example a a a a a a a a a redirect=f.example", "permerror", "and the eleventh"},
        {"v=spf1 mx:ten.example -all", "pass", "ten exchangers"},
        {"v=spf1 mx:eleven.example -all", "permerror", "eleven"},
        {"v=spf1 mx:there.example -all", "fail", "no MX is not an implicit MX"},
        {"v=spf1 a:t.example -all", "temperror", "an address that cannot be had"},
        {"v=spf1 exists:t.example -all", "temperror", "nor whether it exists"},
        {"v=spf1 a:client.example/31 -all", "pass", "within the prefix"},
        {"v=spf1 a:there.example/0 -all", "pass", "any address"},
        {"v=spf1 exists:there.example -all", "pass", "whatever the address is"},
        {"v=spf1 exists:gone.example -all", "fail", "not there"},
        {"v=spf1 a:%{d}.%{d}..example -all", "fail", "a name that cannot be asked matches nothing"},
    };
    for (const auto& row : rows) {
        EXPECT_EQ(name(record_at_example(row.record).result), row.result) << row.record << ": " << row.reason;
    }
}

TEST(CheckHost, TreatsLoopbackLikeAnyOther) {
    EXPECT_EQ(record_at_example("v=spf1 -all", "127.0.0.1").result, SpfResult::fail);
    EXPECT_EQ(record_at_example("v=spf1 ip4:192.0.2.1 -all", "::1").result, SpfResult::fail);
    EXPECT_EQ(record_at_example("v=spf1 ip4:192.0.2.1 -all", "198.18.0.1").result, SpfResult::fail);
}

TEST(CheckHost, NeedsARecordOfTheFamilyEvenForAPrefixOfZero) {
    EXPECT_EQ(record_at_example("v=spf1 a/0 -all", "2001:db8::1").result, SpfResult::fail);
    EXPECT_EQ(record_at_example("v=spf1 a//0 -all", "192.0.2.1").result, SpfResult::fail);
    EXPECT_EQ(record_at_example("v=spf1 exists:there.example -all", "2001:db8::1").result, SpfResult::pass)
        << "exists asks for A, also for IPv6";
}

TEST(CheckHost, SelectsOneRecord) {
    SpfZoneData zone;
    zone.txt("two.example", "v=spf1 -all");
    zone.txt("two.example", "V=SPF1 +all");
    zone.txt("ten.example", "v=spf1 -all");
    zone.txt("ten.example", "v=spf10 +all");
    zone.node("empty.example");
    zone.fail("broken.example");
    const auto result = [&](const char* path) {
        return mail_from(zone, client_at("192.0.2.1"), path).result;
    };
    EXPECT_EQ(result("u@two.example"), SpfResult::permerror);
    EXPECT_EQ(result("u@ten.example"), SpfResult::fail);
    EXPECT_EQ(result("u@empty.example"), SpfResult::none);
    EXPECT_EQ(result("u@gone.example"), SpfResult::none);
    EXPECT_EQ(result("u@broken.example"), SpfResult::temperror);
}

TEST(CheckHost, RefusesARecordThatIsTooLong) {
    std::string record = "v=spf1";
    while (record.size() < SpfRecord::kMaxOctets) record += " ip4:10.0.0.1";
    EXPECT_EQ(record_at_example(record + " -all").result, SpfResult::permerror);
}

TEST(CheckHost, SeesTermsThatTheEngineWouldHaveLost) {
    std::string record = "v=spf1";
    for (int i = 0; i < 100; ++i) record += " ip4:10.0.0." + std::to_string(i);
    EXPECT_EQ(record_at_example(record + " -all").result, SpfResult::fail);
    EXPECT_EQ(record_at_example(record + " ip4:192.0.2.1 -all").result, SpfResult::pass);
}

// What kills or misleads libspf2 1.2.10 itself (notes/libspf2.md).
TEST(CheckHost, SurvivesTheKillerRecords) {
    std::string macros;
    for (int i = 0; i < 127; ++i) macros += "%{d}";
    for (const auto& record : {"v=spf1 a:" + macros + std::string(5000, 'x') + ".com -all",
                               "v=spf1 a:" + macros + std::string(5000, 'x') + " -all",
                               "v=spf1 a:" + std::string(60'000, 'x') + ".com -all",
                               "v=spf1 include:" + macros + " -all", "v=spf1 redirect=" + macros}) {
        const auto result = record_at_example(record).result;
        EXPECT_TRUE(result == SpfResult::permerror || result == SpfResult::fail) << record.substr(0, 40);
    }
    SpfZoneData zone;
    zone.txt("example.com", "v=spf1 exp=x.example -all");
    zone.txt("x.example", macros + "abc");
    const auto outcome = mail_from(zone, client_at("192.0.2.1"), "u@example.com");
    EXPECT_EQ(outcome.result, SpfResult::fail);
    EXPECT_EQ(outcome.explanation, "") << "more than 1024 octets";
}

TEST(CheckHost, StopsAtTenTermsHoweverTheyAreNested) {
    SpfZoneData zone;
    zone.txt("loop.example", "v=spf1 include:loop.example include:loop.example -all");
    DnsFacts facts;
    const auto outcome = settle_in(zone, facts, [](DnsFacts& known) {
        return check_mail_from(client_at("192.0.2.1"), "u@loop.example", known);
    });
    EXPECT_EQ(outcome.result, SpfResult::permerror);
    EXPECT_EQ(facts.questions(), 1u);
}

TEST(CheckHost, CountsVoidsOverIncludes) {
    SpfZoneData zone;
    zone.txt("example.com", "v=spf1 a:n1.ex include:i.example ip4:192.0.2.1");
    zone.txt("i.example", "v=spf1 exists:n2.ex mx:n3.ex");
    EXPECT_EQ(mail_from(zone, client_at("192.0.2.1"), "u@example.com").result, SpfResult::permerror);
}

TEST(CheckHost, ValidatesPtrItself) {
    SpfZoneData zone;
    zone.txt("example.com", "v=spf1 ptr -all");
    zone.ptr("192.0.2.1", "forged.example.com");
    zone.ptr("192.0.2.1", "mail.example.com");
    zone.ptr("192.0.2.2", "mail.badexample.com");
    zone.ptr("192.0.2.3", "broken.example.com");
    zone.address("forged.example.com", "198.51.100.1");
    zone.address("mail.example.com", "192.0.2.1");
    zone.address("mail.badexample.com", "192.0.2.2");
    zone.fail("broken.example.com");
    const auto result = [&](const char* ip) {
        return mail_from(zone, client_at(ip), "u@example.com").result;
    };
    EXPECT_EQ(result("192.0.2.1"), SpfResult::pass) << "below the domain, and confirmed";
    EXPECT_EQ(result("192.0.2.2"), SpfResult::fail) << "badexample.com is not below example.com";
    EXPECT_EQ(result("192.0.2.3"), SpfResult::fail) << "an error is no match, never temperror";
    EXPECT_EQ(result("192.0.2.4"), SpfResult::fail) << "no name at all";
}

TEST(CheckHost, LooksAtTenPointersOnly) {
    for (const int place : {9, 10}) {
        SpfZoneData zone;
        zone.txt("example.com", "v=spf1 ptr -all");
        for (int i = 0; i < place; ++i) zone.ptr("192.0.2.1", "x" + std::to_string(i) + ".example.com");
        zone.ptr("192.0.2.1", "mail.example.com");
        zone.address("mail.example.com", "192.0.2.1");
        EXPECT_EQ(mail_from(zone, client_at("192.0.2.1"), "u@example.com").result,
                  place == 9 ? SpfResult::pass : SpfResult::fail);
    }
}

TEST(CheckHost, KeepsTheOriginalSenderInIncludes) {
    SpfZoneData zone;
    zone.txt("example.com", "v=spf1 include:other.example -all");
    zone.txt("other.example", "v=spf1 exists:%{l}.%{o}.%{d}.%{h}");
    zone.address("u.example.com.other.example.mail.example.com", "127.0.0.2");
    EXPECT_EQ(mail_from(zone, client_at("192.0.2.1"), "u@example.com").result, SpfResult::pass);
}

TEST(CheckHost, MatchesNothingWithALocalPartThatIsNotAscii) {  // RFC 8616 section 4
    SpfZoneData zone;
    zone.txt("example.com", "v=spf1 exists:%{l}.x.example include:%{s}.x.example ~all");
    zone.txt("*.x.example", "v=spf1 +all");
    zone.address("*.x.example", "127.0.0.2");
    EXPECT_EQ(mail_from(zone, client_at("192.0.2.1"), "jos\xc3\xa9@example.com").result, SpfResult::softfail);
    EXPECT_EQ(mail_from(zone, client_at("192.0.2.1"), "jose@example.com").result, SpfResult::pass);
}

TEST(CheckHost, AsksForANameWithOddOctets) {
    SpfZoneData zone;
    zone.txt("example.com", "v=spf1 a:%{h} -all");
    zone.address("jumpin' jupiter", "192.0.2.1");
    EXPECT_EQ(mail_from(zone, client_at("192.0.2.1", "JUMPIN' JUPITER"), "u@example.com").result,
              SpfResult::pass);
}

struct MechanismRow {
    const char* record;
    const char* mechanism;
};

TEST(CheckHost, SaysWhatDecided) {
    const MechanismRow rows[] = {
        {"v=spf1 a:there.example ip4:192.0.2.0/24 -all", "ip4:192.0.2.0/24"},
        {"v=spf1 include:f.example -all", "all"},
        {"v=spf1 include:p.example all", "include:p.example"},
        {"v=spf1 include:f.example", "default"},
        {"v=spf1 a:there.example", "default"},
        {"v=spf1 redirect=f.example", "all"},
        {"v=spf1 mx:ten.example", "mx:ten.example"},
        {"v=spf1 bogus", ""},
    };
    for (const auto& row : rows)
        EXPECT_EQ(record_at_example(row.record).mechanism, row.mechanism) << row.record;
}

TEST(Explanation, IsOfTheRecordThatDecided) {
    SpfZoneData zone;
    zone.txt("example.com", "v=spf1 exp=mine.example include:other.example -all");
    zone.txt("other.example", "v=spf1 exp=theirs.example -all");
    zone.txt("to.example", "v=spf1 exp=mine.example redirect=other.example");
    zone.txt("mine.example", "%{c} is not for %{d}, says %{r} at %{t} to %{s}%_%%");
    zone.txt("theirs.example", "theirs");
    const auto client = client_at("192.0.2.1");
    EXPECT_EQ(mail_from(zone, client, "u@example.com").explanation,
              "192.0.2.1 is not for example.com, says mx.receiver.example at 1700000000 to u@example.com %");
    EXPECT_EQ(mail_from(zone, client, "u@to.example").explanation, "theirs") << "redirect takes the other's";
}

TEST(Explanation, IsNothingWhenAnythingIsWrong) {
    SpfZoneData zone;
    zone.txt("bad.exp.example", "%{x}");
    zone.txt("ascii.exp.example", "caf\xc3\xa9");
    zone.txt("two.exp.example", "one");
    zone.txt("two.exp.example", "two");
    zone.txt("long.exp.example", std::string(1025, 'x'));
    zone.txt("line.exp.example", "a%{h}b");
    zone.fail("broken.exp.example");
    for (const char* name : {"bad", "ascii", "two", "long", "line", "broken", "gone"}) {
        zone.txt("example.com", std::string("v=spf1 -all exp=") + name + ".exp.example");
        const auto outcome = mail_from(zone, client_at("192.0.2.1", "x\r\ny"), "u@example.com");
        EXPECT_EQ(outcome.result, SpfResult::fail) << name;
        EXPECT_EQ(outcome.explanation, "") << name;
        zone.node("example.com").records.clear();
    }
}

struct PathRow {
    const char* path;
    const char* helo;
    const char* domain;
    const char* result;
    const char* reason;
};

TEST(MailFrom, FindsItsIdentity) {
    const PathRow rows[] = {
        {"u@example.com", "x", "example.com", "fail", "plain"},
        {"u@EXAMPLE.com.", "x", "example.com", "fail", "one spelling"},
        {"@example.com", "x", "example.com", "fail", "no local part"},
        {"", "mail.example.net", "mail.example.net", "pass", "the null path is postmaster@HELO"},
        {"", "[192.0.2.1]", "", "none", "unless HELO is no name"},
        {"", "single", "", "none", "or one label"},
        {"u@[192.0.2.1]", "[192.0.2.1]", "", "none", "an address literal"},
        {"u@localhost", "x", "", "none", "one label"},
        {"u", "x", "", "none", "no domain"},
        {"u@", "x", "", "none", "an empty one"},
        {"u@a..example.com", "x", "", "none", "an empty label"},
        {"u@-x-.example.com", "x", "-x-.example.com", "none", "nobody is there"},
        {"\"a@b\"@example.com", "x", "example.com", "fail", "the @ that is not quoted"},
        {"\"a\\\"@b\"@example.com", "x", "example.com", "fail", "also behind a quoted pair"},
        {"\"u@example.com\"", "x", "", "none", "all of it is quoted"},
        {"u@b\xc3\xbc"
         "cher.example",
         "x", "xn--bcher-kva.example", "softfail", "U-labels become A-labels"},
    };
    SpfZoneData zone;
    zone.txt("example.com", "v=spf1 -all");
    zone.txt("mail.example.net", "v=spf1 ip4:192.0.2.1 -all");
    zone.txt("xn--bcher-kva.example", "v=spf1 ~all");
    for (const auto& row : rows) {
        const auto outcome = mail_from(zone, client_at("192.0.2.1", row.helo), row.path);
        EXPECT_EQ(outcome.domain, row.domain) << row.path << ": " << row.reason;
        EXPECT_EQ(name(outcome.result), row.result) << row.path << ": " << row.reason;
    }
}

TEST(Helo, IsCheckedAsPostmaster) {
    SpfZoneData zone;
    zone.txt("mail.example.com", "v=spf1 exists:%{l}.x.example -all");
    zone.address("postmaster.x.example", "127.0.0.2");
    DnsFacts facts;
    const auto check = [](DnsFacts& known) { return check_helo(client_at("192.0.2.1"), known); };
    EXPECT_EQ(settle_in(zone, facts, check).result, SpfResult::pass);
    for (const char* helo : {"[192.0.2.1]", "single", "", "a..b",
                             "b\xc3\xbc"
                             "cher.example"}) {
        EXPECT_EQ(check_helo(client_at("192.0.2.1", helo), facts).result, SpfResult::none) << helo;
        EXPECT_TRUE(facts.is_complete()) << helo << " must not be asked for";
    }
}

TEST(Rounds, AreFewBecauseAllThatIsKnowableIsAskedAtOnce) {
    SpfZoneData zone;
    zone.txt("example.com", "v=spf1 a mx include:one.example include:two.example -all");
    zone.txt("one.example", "v=spf1 a:h1.example include:three.example");
    zone.txt("two.example", "v=spf1 mx:h2.example a:h3.example");
    zone.txt("three.example", "v=spf1 exists:h4.example");
    for (const char* name : {"example.com", "h1.example", "h3.example", "m.example", "h2.example"}) {
        zone.address(name, "198.51.100.9");
    }
    zone.mx("example.com", "m.example");
    zone.mx("h2.example", "m.example");
    unsigned rounds = 0;
    EXPECT_EQ(mail_from(zone, client_at("192.0.2.1"), "u@example.com", &rounds).result, SpfResult::fail);
    EXPECT_EQ(rounds, 4u) << "as deep as the names are, not as many as they are";
}

TEST(Rounds, AskABoundedNumberOfNames) {
    SpfZoneData zone;
    std::string record = "v=spf1";
    for (int i = 0; i < 500; ++i) record += " mx:m" + std::to_string(i) + ".example";
    zone.txt("example.com", record + " -all");
    for (int i = 0; i < 500; ++i) {
        for (int k = 0; k < 10; ++k) {
            zone.mx("m" + std::to_string(i) + ".example", "h" + std::to_string(10 * i + k) + ".example");
        }
    }
    DnsFacts facts;
    settle_in(zone, facts,
              [](DnsFacts& f) { return check_mail_from(client_at("192.0.2.1"), "u@example.com", f); });
    EXPECT_LE(facts.questions(), 1u + 10u + 100u);
}

TEST(Rounds, EndInTemperrorWhenTimeIsUp) {
    DnsFacts facts;
    const auto check = [&] { return check_mail_from(client_at("192.0.2.1"), "u@example.com", facts); };
    check();
    EXPECT_FALSE(facts.is_complete());
    facts.give_up("too late");
    EXPECT_EQ(check().result, SpfResult::temperror);
    EXPECT_TRUE(facts.is_complete());
}

}  // namespace
}  // namespace gatepost::auth
