#include "auth/authentication_results.h"

#include <gtest/gtest.h>

#include "auth/authres_parse.h"

namespace gatepost::auth {
namespace {

using protocol::Domain;
using protocol::IpAddress;

const std::vector<std::string> kOurs{"mx.receiver.example", "mx2.receiver.example"};

DkimOutcome signature(DkimResult result, std::string_view domain, std::string selector, std::string text) {
    DkimOutcome outcome;
    outcome.result = result;
    outcome.signing_domain = Domain::parse(domain);
    outcome.selector = std::move(selector);
    outcome.algorithm = "rsa-sha256";
    outcome.signature = std::move(text);
    return outcome;
}

// specs/auth.md section 4, the sample.
Verification sample() {
    Verification v;
    v.dkim = {signature(DkimResult::pass, "sender.example", "s2026", "hETrymCbAAAA"),
              signature(DkimResult::fail, "esp.example", "k1", "C2ns/p3AAAAA")};
    v.dkim[0].key_bits = 2048;
    v.dkim[1].why = "body hash mismatch";
    v.dkim[1].algorithm = "ed25519-sha256";
    v.mail_from = {SpfResult::pass, "bounce.esp.example"};
    v.helo = {SpfResult::none, "out7.esp.example"};
    v.iprev.result = IprevResult::pass;
    v.dmarc.result = DmarcResult::pass;
    v.dmarc.author_domain = Domain::parse("sender.example");
    v.dmarc.record = DmarcRecord{};
    v.dmarc.policy = v.dmarc.effective = Policy::reject;
    return v;
}

std::string field(const Verification& v, std::string_view helo = "out7.esp.example",
                  std::string_view ip = "192.0.2.25", ReversePathKind path = ReversePathKind::mailbox) {
    return authentication_results(v, *IpAddress::parse(ip), helo, "mx.receiver.example", path);
}

TEST(AuthenticationResults, LookLikeTheSample) {
    EXPECT_EQ(field(sample()),
              "Authentication-Results: mx.receiver.example;\r\n"
              "\tdkim=pass (2048-bit key) header.d=sender.example header.s=s2026\r\n"
              "\t header.a=rsa-sha256 header.b=hETrymCb;\r\n"
              "\tdkim=fail (body hash mismatch) header.d=esp.example header.s=k1\r\n"
              "\t header.a=ed25519-sha256 header.b=\"C2ns/p3A\";\r\n"
              "\tspf=pass smtp.mailfrom=bounce.esp.example;\r\n"
              "\tspf=none smtp.helo=out7.esp.example;\r\n"
              "\tiprev=pass policy.iprev=192.0.2.25;\r\n"
              "\tarc=none;\r\n"
              "\tdmarc=pass header.from=sender.example policy.dmarc=reject\r\n");
}

TEST(AuthenticationResults, SayNoneOfAMessageWithoutAnything) {
    EXPECT_EQ(field(Verification{}, "x", "2001:db8::1"),
              "Authentication-Results: mx.receiver.example;\r\n\tdkim=none;\r\n\tspf=none;\r\n"
              "\tspf=none smtp.helo=x;\r\n\tarc=none;\r\n\tdmarc=none\r\n");
}

TEST(AuthenticationResults, QuoteWhatIsNoToken) {
    Verification v = sample();
    v.arc.result = ArcResult::pass;
    v.arc.oldest_pass = 0;
    const auto text = field(v, "out7.esp.example", "2001:db8::1");
    EXPECT_NE(text.find("policy.iprev=\"2001:db8::1\""), std::string::npos);
    EXPECT_NE(text.find("arc=pass smtp.remote-ip=\"2001:db8::1\" header.oldest-pass=0"), std::string::npos);
}

TEST(AuthenticationResults, NameTheHeloIdentityOfTheNullPath) {
    Verification v = sample();
    v.mail_from = {SpfResult::pass, "out7.esp.example"};
    const auto text = field(v, "out7.esp.example", "192.0.2.25", ReversePathKind::null);
    EXPECT_NE(text.find("spf=pass smtp.helo=out7.esp.example"), std::string::npos);
    EXPECT_EQ(text.find("smtp.mailfrom"), std::string::npos);
}

// Attacks 39 and 40: no octet of a stranger's gets in that could end a value, a comment or a line.
TEST(AuthenticationResults, KeepStrangersTextOut) {
    for (const std::string evil :
         {"bank(.attacker.net", "x; dkim=pass header.d=bank.example", "a\r\nX: y", "a\"b", "a b", "(", ")",
          "\\", "bank.example'", "\xff", "[x]", "[192.0.2.1"}) {
        Verification v = sample();
        v.mail_from.domain = v.helo.domain = evil;
        v.dkim[0].selector = v.dkim[0].signature = v.dkim[0].algorithm = evil;
        v.dkim[0].key_bits = 0;
        v.dkim[0].why = v.dmarc.why = v.mail_from.why = evil;
        const auto text = field(v, evil);
        EXPECT_EQ(parsed_authserv_id(text.substr(text.find(':') + 1, text.size() - text.find(':') - 3)),
                  "mx.receiver.example")
            << text;
        EXPECT_EQ(text.find("header.d=bank.example"), text.rfind("header.d=bank.example"));
        EXPECT_EQ(text.find("smtp.mailfrom"), std::string::npos) << text;
        EXPECT_EQ(text.find("smtp.helo"), std::string::npos) << text;
        EXPECT_EQ(text.find("\r\nX"), std::string::npos);
    }
}

TEST(AuthenticationResults, TellSignaturesApart) {  // RFC 6008 section 4
    Verification v;
    v.dkim = {signature(DkimResult::pass, "a.example", "s", "abcdefghijklmnop"),
              signature(DkimResult::pass, "b.example", "s", "abcdefghijXYZ"),
              signature(DkimResult::pass, "c.example", "s", "ABCDEFGHIJ"),
              signature(DkimResult::pass, "d.example", "s", "ABCDEFGHIJ"),
              signature(DkimResult::pass, "e.example", "s", "short")};
    const auto text = field(v);
    EXPECT_NE(text.find("header.b=abcdefghijk"), std::string::npos);
    EXPECT_NE(text.find("header.b=abcdefghijX"), std::string::npos);
    EXPECT_NE(text.find("header.b=ABCDEFGH;"), std::string::npos)
        << "case matters, and what is the same stays so";
    EXPECT_NE(text.find("header.b=short"), std::string::npos);
}

TEST(AuthenticationResults, FitOnLinesOfReasonableLength) {
    Verification v = sample();
    v.dkim[0].signature = v.dkim[1].signature = std::string(1300, 'a');
    v.dkim[1].signature += 'b';
    const std::string longest =
        std::string(60, 'a') + "." + std::string(60, 'b') + "." + std::string(60, 'c') + ".example";
    v.mail_from.domain = longest;
    const auto text = field(v, longest);
    for (std::size_t at = 0; at < text.size();) {
        const auto end = text.find("\r\n", at);
        EXPECT_LE(end - at, 230u);
        at = end + 2;
    }
}

struct Row {
    std::string_view body;
    bool is_removed;
    std::string_view reason;
};

TEST(ForgedResults, AreFoundInEverySpelling) {
    const Row rows[] = {
        // specs/auth.md section 7
        {"  MX.Receiver.Example (hi) 1; spf=pass smtp.mailfrom=x.example", true, "case, comment, version"},
        {" (c) \"mx.receiver.example\"; dkim=pass header.d=x.example", true, "comment before, quotes"},
        {" mx.receiver.example; dkim=pass", true, "plain"},
        {" mx.other.example 2; dkim=pass", true, "unsupported version"},
        {" mx.receiver.example.evil.org; dkim=pass", false, "a longer name"},
        {" other; spf=pass smtp.mailfrom=mx.receiver.example", false, "ours only in a value"},
        // attack 57
        {"\r\n\tmx.receiver.example\r\n\t; dkim=pass", true, "folded"},
        {" (a (b) \\) c)mx.receiver.example; none", true, "nested comment without space"},
        {" \"mx\\.receiver.example\"; none", true, "quoted pair"},
        {" mx.receiver.example.; none", true, "final dot"},
        {" mx2.receiver.example; none", true, "another id of ours"},
        {" mx.receiver.example 1 ; none", true, "version and blanks"},
        {" mx.receiver.example(c)1(c);none", true, "comments for blanks"},
        {" mx.receiver.example/1; none", true, "slash: does not parse"},
        {" mx.receiver.example", true, "no results: does not parse"},
        {" mx.receiver.example;", true, "likewise"},
        {" mx.other.example", true, "likewise of another"},
        {"", true, "empty"},
        {" ", true, "blank"},
        {" ; dkim=pass", true, "no id"},
        {" none; dmarc=pass", true, "no id, some readers would say"},
        {" None; dmarc=pass", true, "in any case"},
        {" mx.other.example; none; dmarc=pass", true, "none and results"},
        {" dkim=pass header.d=x.example; spf=pass", true, "no id"},
        {" mx.other.example (unclosed; dkim=pass", true, "unclosed comment"},
        {" \"mx.other.example; dkim=pass", true, "unclosed quotation"},
        {" mx.other.example, mx.receiver.example; dkim=pass", true, "two ids"},
        {" mx.other.example mx.receiver.example; dkim=pass", true, "likewise"},
        {" mx.other.example; =pass", true, "no method"},
        {" mx.other.example; dkim", true, "no result"},
        {" mx.other.example; dkim=pass header.d", true, "no value"},
        {" mx.other.example; dkim=pass )", true, "stray parenthesis"},
        {std::string_view(" mx.other.example\0; dkim=pass", 29), true, "NUL"},
        {" mx.other.example; dkim=pass\r x", true, "bare CR"},
        {" mx.\xff.example; dkim=pass", true, "no UTF-8"},
        {" mx.other.example 01; none", true, "a version that is not 1"},
        {" \xef\xbd\x8dx.receiver.example; none", true, "a full-width letter, which may be read as ours"},
        {" mx.receiver\xe3\x80\x82"
         "example; none",
         true, "an ideographic dot likewise"},
        {" mx.receiver\xe2\x80\x8b.example; none", true, "an invisible character likewise"},
        {" receiver.example; none", false, "a name above ours is not ours"},
        {" x.mx.receiver.example; none", false, "nor is one below"},
        {" mx-receiver.example; none", false, "nor one that differs by a sign"},
        // of others
        {" mx.other.example; none", false, "plain"},
        {" mx.other.example 1; none", false, "supported version"},
        {" mx.other.example; dkim=pass header.b=a/b+c=; ", false, "unquoted base64 and a last semicolon"},
        {" mx.other.example; spf=pass (x) smtp.mailfrom=a=b@c.example", false, "address with an equals sign"},
        {" mx.other.example; spf=pass smtp.mailfrom=\"a b\"@c.example", false, "quoted local part"},
        {" mx.other.example; iprev=pass policy.iprev=2001:db8::1", false, "unquoted IPv6 address"},
        {" mx.other.example; dkim/1=pass reason=\"x; y\" header . d = x.example", false,
         "all of the grammar"},
        {" mx.other.example; dmarc=pass(p=none) action=none header.from=x.example", false,
         "property without a type"},
    };
    for (const auto& row : rows)
        EXPECT_EQ(claims_our_id(row.body, kOurs), row.is_removed) << row.body << ": " << row.reason;
}

TEST(ForgedResults, AreFoundUnderInternationalNames) {
    const std::vector<std::string> ours{
        "mx.b\xc3\xbc"
        "cher.example"};
    EXPECT_TRUE(claims_our_id(" mx.xn--bcher-kva.example; none", ours));
    EXPECT_TRUE(
        claims_our_id(" MX.b\xc3\xbc"
                      "cher.example; none",
                      ours));
    EXPECT_FALSE(claims_our_id(" mx.bucher.example; none", ours));
}

TEST(ForgedResults, OfSpfAreThoseThatNameUsOrNobody) {
    const Row rows[] = {
        {" pass (x) client-ip=192.0.2.1; receiver=mx.receiver.example", true, "ours"},
        {" pass receiver=\"MX.receiver.example\"; identity=helo;", true, "quoted, another case"},
        {" pass (mx.other.example: ok) client-ip=192.0.2.1;", true, "names nobody"},
        {" pass", true, "nothing at all"},
        {" pass (unclosed receiver=mx.other.example", true, "does not parse"},
        {" pass receiver=mx.other.example; receiver=mx.receiver.example", true, "two"},
        {" pass (x)\r\n\tclient-ip=2001:db8::1; envelope-from=\"a@b.c\"; receiver=mx.other.example;", false,
         "another's"},
    };
    for (const auto& row : rows) {
        EXPECT_EQ(claims_our_receiver(row.body, kOurs), row.is_removed) << row.body << ": " << row.reason;
    }
}

TEST(FieldsToRemove, AreOursAndNoOthers) {
    const auto header = protocol::Header::parse(
        "Authentication-Results : mx.receiver.example; none\r\n"
        "authentication-results: mx.other.example; none\r\n"
        "ARC-Authentication-Results: i=1; mx.receiver.example; none\r\n"
        "x-gatepost-quarantine: forged\r\n"
        "Received-SPF: pass\r\n"
        "X-Authentication-Results: mx.receiver.example; none\r\n"
        "AUTHENTICATION-RESULTS:\r\n (c) mx.receiver.example 1; none\r\n");
    ASSERT_TRUE(header) << header.problem();
    EXPECT_EQ(fields_to_remove(*header, kOurs, "X-Gatepost-Quarantine"),
              (std::vector<std::size_t>{0, 2, 3, 4, 6}));
    EXPECT_EQ(fields_to_remove(*header, kOurs, ""), (std::vector<std::size_t>{0, 2, 4, 6}));
    EXPECT_EQ(fields_to_remove(*header, kOurs, "", ArcResult::pass), (std::vector<std::size_t>{0, 4, 6}))
        << "part of a chain that verified";
}

TEST(ForgedResults, OfChainsAreThoseThatNameUs) {
    const Row rows[] = {
        {" i=1; mx.receiver.example; dmarc=pass", true, "ours"},
        {" I = 1 ; (c) \"MX.receiver.example\" 1; none", true, "all of the grammar"},
        {"\r\n\ti=1;\r\n\tmx2.receiver.example; none", true, "folded, another id"},
        {" i=1; mx.receiver.example (; dmarc=pass", true, "unreadable, with our name in it"},
        {" mx.receiver.example; dmarc=pass", true, "without an instance"},
        {" i=1; mx.other.example; dmarc=pass", false, "another's"},
        {" i=1; mx.other.example; spf=pass smtp.mailfrom=mx.receiver.example", false, "ours only in a value"},
        {" i=1; mx.other.example (; dmarc=pass", false, "another's, unreadable: its seal covers it"},
    };
    for (const auto& row : rows)
        EXPECT_EQ(claims_our_seal(row.body, kOurs), row.is_removed) << row.body << ": " << row.reason;
}

// The first two from RFC 8601 appendix B, the others in the manner of large providers, who stretch the
// grammar.
TEST(ForgedResults, AreNotSeenInRealFields) {
    const std::pair<std::string_view, std::string_view> rows[] = {
        {"example.com; auth=pass (cram-md5) smtp.auth=sender@example.com;", "example.com"},
        {"example.com; dkim=pass header.i=@mail-router.example.net; dkim=fail header.i=@newyork.example.com",
         "example.com"},
        {"mx.google.com;\r\n dkim=pass header.i=@x.nl header.s=2022b header.b=\"Z9k/yZIA\";\r\n spf=pass "
         "(google.com: "
         "domain of m@x.nl designates 2a02:2770::21a as permitted sender) smtp.mailfrom=m@x.nl;\r\n "
         "dmarc=pass "
         "(p=REJECT sp=REJECT dis=NONE) header.from=x.nl",
         "mx.google.com"},
        {"y.com;\r\n dkim=perm_fail header.i=@u.net header.s=a;\r\n dmarc=pass(p=REJECT) header.from=u.net;",
         "y.com"},
        {"x; dkim=pass (ok)\r\n header.d=u.net;dmarc=pass action=none header.from=u.net;compauth=pass\r\n "
         "reason=100",
         "x"},
        {"host.example;\r\n dkim=none reason=\"no dkim signatures\"", "host.example"},
    };
    for (const auto& [body, id] : rows) EXPECT_EQ(parsed_authserv_id(body), id) << body;
}

}  // namespace
}  // namespace gatepost::auth
