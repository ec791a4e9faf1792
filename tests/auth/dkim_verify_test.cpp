#include "auth/dkim_verify.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <memory>
#include <string>

#include "auth/dkim_sign.h"

namespace gatepost::auth {
namespace {

using protocol::Domain;
using protocol::Header;
using enum DkimResult;

constexpr std::int64_t kNow = 1'800'000'000;
const std::string kFields =
    "From: Joe <joe@example.com>\r\nTo: Sue <sue@example.net>\r\nSubject: a  subject\r\nDate: Fri, 11 Jul "
    "2003 21:00:37 -0700\r\n"
    "Content-Type: text/plain\r\n";
const std::string kBody = "Hi.\r\n\r\nWe lost  the game. \r\n\r\nJoe.\r\n\r\n";

const PrivateKey& rsa_key() {
    static const PrivateKey key = PrivateKey::generate(KeyType::rsa);
    return key;
}
const PrivateKey& ed25519_key() {
    static const PrivateKey key = PrivateKey::generate(KeyType::ed25519);
    return key;
}

SigningOptions options(const std::string& domain = "example.com", const std::string& selector = "sel") {
    return {.domain = *Domain::parse(domain), .selector = *Domain::parse(selector), .now = kNow};
}

std::string signature_field(const SigningOptions& with, const PrivateKey& key = rsa_key()) {
    return sign(*Header::parse(kFields), kBody, key, with);
}

DnsAnswer txt(std::vector<std::string> texts) {
    return {.status = DnsStatus::found, .texts = std::move(texts)};
}

DnsFacts facts_of(DnsAnswer answer, const std::string& name = "sel._domainkey.example.com") {
    DnsFacts facts;
    facts.learn({RecordType::txt, name}, std::move(answer));
    return facts;
}

std::vector<DkimOutcome> verify(const std::string& block, const std::string& body, DnsFacts& facts,
                                std::int64_t now = kNow) {
    const auto header = Header::parse(block);
    if (!header) return {};
    DkimVerifier verifier(*header, Domain::parse("example.com"));
    verifier.body(body);
    verifier.end_of_body();
    return verifier.verify(facts, now, nullptr);
}

DkimOutcome verify_one(const std::string& block, const std::string& body, DnsFacts& facts,
                       std::int64_t now = kNow) {
    auto outcomes = verify(block, body, facts, now);
    EXPECT_EQ(outcomes.size(), 1u);
    return outcomes.empty() ? DkimOutcome{} : outcomes.front();
}

DkimOutcome verify_one(const std::string& block, const std::string& body, DnsFacts&& facts) {
    return verify_one(block, body, facts);
}

struct Message {
    std::string block, body;
};

Message read(const std::string& name) {
    std::ifstream file(TEST_DATA "/dkim/" + name, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    const auto end = text.find("\r\n\r\n");
    return {text.substr(0, end + 2), text.substr(end + 4)};
}

TEST(DkimVerify, PassesTheExampleOfRfc6376) {  // appendix A.2, key in appendix C
    const auto message = read("rfc6376_a2.eml");
    const auto outcome = verify_one(message.block, message.body,
                                    facts_of(txt({"v=DKIM1; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQ"
                                                  "DwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/zYt"
                                                  "IxN2SnFCjxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7"
                                                  "od+v/RtdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfV"
                                                  "jH4OuKhitdY9tf6mcwGjaNBcWToIMmPSPDdQPNUYck"
                                                  "cQ2QIDAQAB"}),
                                             "brisbane._domainkey.example.com"));
    EXPECT_EQ(outcome.result, pass) << outcome.why;
    EXPECT_EQ(outcome.signing_domain->text(), "example.com");
    EXPECT_EQ(outcome.selector, "brisbane");
    EXPECT_EQ(outcome.algorithm, "rsa-sha256");
    EXPECT_EQ(outcome.key_bits, 1024u);
    EXPECT_TRUE(outcome.signature.starts_with("AuUoFEfDxTDkHlLXSZEpZj79LICEps6eda7W3deTVFOk4yAUoqOB4nuj"));
    EXPECT_EQ(outcome.why, "");
}

TEST(DkimVerify, PassesBothSignaturesOfRfc8463) {  // appendix A.3, keys in A.2
    const auto message = read("rfc8463_a3.eml");
    auto facts = facts_of(txt({"v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="}),
                          "brisbane._domainkey.football.example.com");
    facts.learn({RecordType::txt, "test._domainkey.football.example.com"},
                txt({"v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWR"
                     "iGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutAC"
                     "DfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3"
                     "Ip3G+2kryOTIKT+l/K4w3QIDAQAB"}));
    const auto outcomes = verify(message.block, message.body, facts);
    ASSERT_EQ(outcomes.size(), 2u);
    EXPECT_EQ(outcomes[0].result, pass) << outcomes[0].why;
    EXPECT_EQ(outcomes[0].algorithm, "ed25519-sha256");
    EXPECT_EQ(outcomes[1].result, pass) << outcomes[1].why;
    EXPECT_EQ(outcomes[1].selector, "test");
}

TEST(DkimVerify, HasNothingToSayOfAnUnsignedMessage) {
    DnsFacts facts;
    EXPECT_TRUE(verify(kFields, kBody, facts).empty());
    EXPECT_TRUE(facts.is_complete());
}

// One message and signature; what differs is the key record.
TEST(DkimVerify, SaysWhatIsWrongWithTheKey) {
    const auto p = key_record(rsa_key()).substr(key_record(rsa_key()).find("p="));
    const auto ed25519 = key_record(ed25519_key());
    struct {
        DnsAnswer answer;
        DkimResult result;
        const char* why;
    } const cases[] = {
        {txt({"v=DKIM1; k=rsa; " + p}), pass, ""},
        {txt({p}), pass, ""},
        {{.status = DnsStatus::nx_domain}, permerror, "no key"},
        {{.status = DnsStatus::no_data}, permerror, "no key"},
        {{.status = DnsStatus::failed}, temperror, "key look-up failed"},
        {txt({}), permerror, "no key"},
        {txt({p + "; v=DKIM1"}), permerror, "not a DKIM1 record"},
        {txt({"v=DKIM1.0; " + p}), permerror, "not a DKIM1 record"},
        {txt({"v=DKIM1; p="}), permerror, "key revoked"},
        {txt({"v=spf1 -all"}), permerror, "not a DKIM1 record"},
        {txt({ed25519}), permerror, "key is for another algorithm"},
        {txt({"h=sha1; " + p}), permerror, "key is not for sha256"},
        {txt({"s=other; " + p}), permerror, "key is not for email"},
        {txt({key_record(PrivateKey::generate(KeyType::rsa))}), fail, "signature mismatch"},
        {txt({"v=spf1 -all", "v=DKIM1; " + p}), pass, ""},
        {txt({"p=", ed25519, p}), pass, ""},
        {txt({key_record(PrivateKey::generate(KeyType::rsa)), p}), pass, ""},
    };
    const auto block = signature_field(options()) + kFields;
    for (const auto& row : cases) {
        SCOPED_TRACE(row.answer.texts.empty() ? row.why : row.answer.texts.front());
        const auto outcome = verify_one(block, kBody, facts_of(row.answer));
        EXPECT_EQ(outcome.result, row.result);
        EXPECT_EQ(outcome.why, row.why);
    }
}

TEST(DkimVerify, TriesAtMostFourKeys) {
    const auto good = key_record(rsa_key());
    std::vector<std::string> texts(3, key_record(PrivateKey::generate(KeyType::rsa)));
    texts.push_back(good);
    const auto block = signature_field(options()) + kFields;
    EXPECT_EQ(verify_one(block, kBody, facts_of(txt(texts))).result, pass);
    texts.insert(texts.begin(), key_record(PrivateKey::generate(KeyType::rsa)));
    EXPECT_EQ(verify_one(block, kBody, facts_of(txt(texts))).result, fail);
}

TEST(DkimVerify, TellsThatTheSignerIsTesting) {
    const auto block = signature_field(options()) + kFields;
    auto record = key_record(rsa_key()) + "; t=y";
    EXPECT_TRUE(verify_one(block, kBody, facts_of(txt({record}))).testing);
    EXPECT_EQ(verify_one(block, kBody, facts_of(txt({record}))).result, pass);
    EXPECT_TRUE(verify_one(block, kBody + "x", facts_of(txt({record}))).testing) << "of a broken one as well";
    EXPECT_FALSE(verify_one(block, kBody, facts_of(txt({key_record(rsa_key())}))).testing);
}

// The signature over `tags`, which stand before h=, made by hand so that any tag can be tried.
std::string hand_made(const std::string& tags, const std::string& names = "from:to:subject") {
    SigningOptions with = options();
    with.header_canonicalization = with.body_canonicalization = Canonicalization::simple;
    const auto digest = sha256("Hi.\r\n\r\nWe lost  the game. \r\n\r\nJoe.\r\n");
    const std::string start =
        "DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=sel; " + tags + " h=" + names +
        "; bh=" + encode_base64({reinterpret_cast<const char*>(digest.data()), digest.size()}) + "; b=";
    const auto header = Header::parse(start + "AAAA\r\n" + kFields);
    const auto signature = parse_dkim_signature((*header)[0], 0);
    const auto fields = SignedFields(*header).select(signature.signed_names, 0);
    return start +
           encode_base64(rsa_key().sign(sha256(signed_header(*header, fields, (*header)[0], signature)))) +
           "\r\n";
}

TEST(DkimVerify, LooksAtTheTagsOfTheSignature) {
    const auto record = key_record(rsa_key());
    const auto t = [](std::int64_t time) { return std::to_string(time); };
    struct {
        std::string tags;
        std::string record;
        DkimResult result;
        const char* why;
    } const cases[] = {
        {"", record, pass, ""},
        {"i=@example.com;", record, pass, ""},
        {"i=@a.example.com;", record, pass, ""},
        {"i=@a.example.com;", record + "; t=s", permerror, "i= is not d=, as the key demands"},
        {"i=joe@EXAMPLE.com;", record + "; t=s", pass, ""},
        {"", record + "; t=s", pass, ""},
        {"i=@evil.com;", record, neutral, "i= is outside d="},
        {"x=" + t(kNow - 300) + ";", record, pass, ""},
        {"x=" + t(kNow - 301) + ";", record, fail, "signature expired"},
        {"x=1000; t=2000;", record, neutral, "x= is not after t="},
        {"x=1000000000000000000000000000000;", record, pass, ""},
        {"t=" + t(kNow + 100000) + ";", record, pass, ""},
        {"c=simple/relaxed;", record, fail, "body hash mismatch"},
        {"c=relaxed;", record, pass, ""},
        {"l=1000;", record, neutral, "l= is longer than the body"},
        {"l=99999999999999999999999999999;", record, neutral, "l= is longer than the body"},
        {"l=36;", record, pass, "l= without signed Content-Type"},
    };
    for (const auto& row : cases) {
        SCOPED_TRACE(row.tags);
        const auto outcome = verify_one(hand_made(row.tags) + kFields, kBody, facts_of(txt({row.record})));
        EXPECT_EQ(outcome.result, row.result);
        EXPECT_EQ(outcome.why, row.why);
    }
}

TEST(DkimVerify, DoesNotVouchForTextBehindTheSignedLength) {  // RFC 6376 section 8.2
    auto with = options();
    with.body_length = 34;  // of the relaxed form
    const auto block = signature_field(with) + kFields;
    auto facts = facts_of(txt({key_record(rsa_key())}));
    EXPECT_EQ(verify_one(block, kBody, facts).result, pass) << "Content-Type is signed and nothing follows";
    EXPECT_EQ(verify_one(block, kBody + "\r\n\r\n", facts).result, pass)
        << "empty lines at the end do not count";
    const auto longer = verify_one(block, kBody + "more\r\n", facts);
    EXPECT_EQ(longer.result, pass) << "the signature is right";
    EXPECT_FALSE(longer.vouches()) << "but whoever held it could have appended this";
    EXPECT_EQ(longer.why, "body is longer than l=");
    EXPECT_EQ(verify_one(block, "Hi.\r\n", facts).result, neutral);
    EXPECT_EQ(verify_one(block, "Ho.\r\n\r\nWe lost  the game. \r\n\r\nJoe.\r\nmore\r\n", facts).result,
              fail);
}

// RFC 6376 section 5.4.2: this is why names are signed once more than they occur.
TEST(DkimVerify, DoesNotVouchForAFieldAddedBesideASignedOne) {  // RFC 6376 section 8.15
    const struct {
        const char* added;
        bool vouches;
    } rows[] = {{"", true},
                {"Subject: pay this\r\n", false},
                {"subject : pay this\r\n", false},
                {"To: you@example.org\r\n", false},
                {"To: Sue <sue@example.net>\r\n", true},
                {"SUBJECT:\r\n\ta subject \r\nTo: Sue <sue@example.net>\r\n", true},
                {"Subject: a subject\r\nSubject: pay this\r\n", false},
                {"Content-Type: text/html\r\n", true},
                {"Comments: x\r\nReceived: y\r\nReceived: z\r\n", true}};
    for (const auto& row : rows) {
        const auto block = row.added + hand_made("") + kFields;
        const auto outcome = verify_one(block, kBody, facts_of(txt({key_record(rsa_key())})));
        EXPECT_EQ(outcome.result, pass) << row.added;
        EXPECT_EQ(outcome.vouches(), row.vouches) << row.added;
    }
}

TEST(DkimVerify, NoticesAddedFieldsOnlyIfTheyWereOverSigned) {
    auto facts = facts_of(txt({key_record(rsa_key())}));
    const std::string added = "From: evil@example.org\r\n";
    EXPECT_EQ(verify_one(added + hand_made("", "from:to") + kFields, kBody, facts).result, pass);
    EXPECT_EQ(verify_one(added + hand_made("", "from:from:to") + kFields, kBody, facts).result, fail);
    EXPECT_EQ(verify_one(hand_made("", "from:to") + kFields + added, kBody, facts).result, fail)
        << "below: it is the lowest";
    EXPECT_EQ(verify_one(hand_made("", "from:cc") + kFields, kBody, facts).result, pass);
    EXPECT_EQ(verify_one(hand_made("", "from:cc") + "Cc: x@example.org\r\n" + kFields, kBody, facts).result,
              fail);
}

TEST(DkimVerify, FailsWithEachSignedOctetChanged) {
    auto facts = facts_of(txt({key_record(ed25519_key())}));
    for (auto mode : {Canonicalization::simple, Canonicalization::relaxed}) {
        auto with = options();
        with.header_canonicalization = with.body_canonicalization = mode;
        const std::string block = signature_field(with, ed25519_key()) + kFields;
        for (std::size_t i = 0; i < block.size(); ++i) {
            std::string broken = block;
            broken[i] = static_cast<char>(broken[i] ^ 1);
            for (const auto& outcome : verify(broken, kBody, facts)) {
                if (outcome.result != pass) continue;
                // A name in another case would still be the same, but one bit does not change the case.
                ADD_FAILURE() << "octet " << i
                              << " of the header: " << broken.substr(i > 10 ? i - 10 : 0, 30);
            }
        }
        for (std::size_t i = 0; i + 2 < kBody.size(); ++i) {
            std::string broken = kBody;
            broken[i] = static_cast<char>(broken[i] ^ 1);
            EXPECT_EQ(verify_one(block, broken, facts).result, fail) << "octet " << i << " of the body";
        }
    }
}

TEST(DkimVerify, KeepsWhitespaceChangesApartByCanonicalization) {
    auto facts = facts_of(txt({key_record(rsa_key())}));
    const std::string body = "Hi.  \r\n\r\nWe lost the\tgame.\r\n\r\nJoe.\r\n";
    std::string fields = kFields;
    fields.replace(fields.find("Subject: a  subject"), 19, "SUBJECT:a\r\n\tsubject");
    for (auto header_mode : {Canonicalization::simple, Canonicalization::relaxed}) {
        for (auto body_mode : {Canonicalization::simple, Canonicalization::relaxed}) {
            auto with = options();
            with.header_canonicalization = header_mode;
            with.body_canonicalization = body_mode;
            const auto field = signature_field(with);
            EXPECT_EQ(verify_one(field + kFields, kBody, facts).result, pass);
            EXPECT_EQ(verify_one(field + fields, kBody, facts).result,
                      header_mode == Canonicalization::relaxed ? pass : fail);
            EXPECT_EQ(verify_one(field + kFields, body, facts).result,
                      body_mode == Canonicalization::relaxed ? pass : fail);
        }
    }
}

TEST(DkimVerify, GivesAProvisionalAnswerUntilTheKeyIsKnown) {
    const auto header = Header::parse(signature_field(options()) + kFields);
    DkimVerifier verifier(*header, {});
    EXPECT_EQ(verifier.questions(),
              (std::vector<DnsQuestion>{{RecordType::txt, "sel._domainkey.example.com"}}));
    for (char c : kBody) verifier.body(std::string(1, c));
    verifier.end_of_body();
    DnsFacts facts;
    EXPECT_EQ(verifier.verify(facts, kNow, nullptr).front().result, temperror);
    EXPECT_FALSE(facts.is_complete());
    EXPECT_EQ(facts.take_missing(), verifier.questions());
    facts.learn(verifier.questions().front(), txt({key_record(rsa_key())}));
    DkimKeyCache cache;
    for (int i = 0; i < 3; ++i) EXPECT_EQ(verifier.verify(facts, kNow, &cache).front().result, pass);
    EXPECT_TRUE(facts.is_complete());
    EXPECT_EQ(cache.size(), 1u);
}

TEST(DkimVerify, FailsAWrongBodyEvenIfTheKeyCannotBeHad) {
    const auto block = signature_field(options()) + kFields;
    const auto outcome = verify_one(block, kBody + "x", facts_of({.status = DnsStatus::failed}));
    EXPECT_EQ(outcome.result, fail);
    EXPECT_EQ(outcome.why, "body hash mismatch");
}

std::string replaced(std::string text, std::string_view what, std::string_view with) {
    return text.replace(text.find(what), what.size(), with);
}

// Anybody can write a signature that fails. What the domain once did sign fails in another way, and that is
// what speaks for a forwarder.
TEST(DkimVerify, TellsABrokenSignatureFromAMadeUpOne) {
    auto plain = options(), simple = options();
    simple.header_canonicalization = simple.body_canonicalization = Canonicalization::simple;
    const std::string good = signature_field(plain);
    const std::string other_key = signature_field(plain, PrivateKey::generate(KeyType::rsa));
    const std::string all = good + kFields;
    const std::string as_written = signature_field(simple) + kFields;
    const auto tagged = [](const std::string& block, std::string_view subject) {
        return replaced(block, "Subject: a  subject", subject);
    };
    const struct {
        std::string block, body;
        DkimResult result;
        bool is_genuine;
        const char* reason;
    } rows[] = {
        {all, kBody, pass, true, "whole"},
        {all, kBody + "-- \r\nlist footer\r\n", fail, true, "a footer"},
        {all, "", fail, true, "another body"},
        {tagged(all, "Subject: [talk] a  subject"), kBody, fail, true, "a list's tag"},
        {tagged(all, "Subject: [talk] a  subject"), kBody + "footer\r\n", fail, true, "tag and footer"},
        {tagged(as_written, "Subject: [talk] a  subject"), kBody, fail, true, "likewise with simple"},
        {tagged(all, "Subject: [talk]a subject"), kBody, fail, true, "a tag without a blank"},
        {tagged(all, "Subject: [a] [b] a subject"), kBody, fail, false, "two tags"},
        {tagged(all, "Subject: pay this [x]"), kBody, fail, false, "another Subject"},
        {replaced(all, "joe@example.com", "ceo@example.com"), kBody, fail, false, "another author"},
        {other_key + kFields, kBody, fail, false, "by a key that is not the domain's"},
        {other_key + kFields, kBody + "x\r\n", fail, false, "likewise with another body"},
        {replaced(all, "b=", "b=AAAA"), kBody, fail, false, "octets that are no signature"},
    };
    for (const auto& row : rows) {
        const auto outcome = verify_one(row.block, row.body, facts_of(txt({key_record(rsa_key())})));
        EXPECT_EQ(outcome.result, row.result) << row.reason;
        EXPECT_EQ(outcome.is_genuine, row.is_genuine) << row.reason;
    }
}

TEST(DkimVerify, KnowsAnExpiredSignatureForGenuine) {
    auto brief = options();
    brief.expiration = kNow + 60;
    const std::string block = signature_field(brief) + kFields;
    auto known = facts_of(txt({key_record(rsa_key())}));
    const auto outcome = verify_one(block, kBody, known, kNow + 3600);
    EXPECT_EQ(outcome.result, fail);
    EXPECT_EQ(outcome.why, "signature expired");
    EXPECT_TRUE(outcome.is_genuine);
    auto broken = facts_of({.status = DnsStatus::failed});
    EXPECT_EQ(verify_one(block, kBody, broken, kNow + 3600).result, fail) << "and does not wait for its key";
}

TEST(DkimVerify, ReportsABadSignatureBesideAGoodOneInTheirOrder) {
    const auto block = "DKIM-Signature: nonsense\r\n" + signature_field(options()) +
                       signature_field(options("example.net", "k")) + kFields;
    auto facts = facts_of(txt({key_record(rsa_key())}));
    const auto outcomes = verify(block, kBody, facts);
    ASSERT_EQ(outcomes.size(), 3u);
    EXPECT_EQ(outcomes[0].result, neutral);
    EXPECT_FALSE(outcomes[0].signing_domain);
    EXPECT_EQ(outcomes[1].result, pass);
    EXPECT_EQ(outcomes[2].result, temperror);
    EXPECT_EQ(outcomes[2].signing_domain->text(), "example.net");
}

TEST(DkimVerify, ChoosesTheAuthorsSignaturesAmongTooMany) {
    std::string block;
    for (int i = 0; i < 30; ++i)
        block += signature_field(options("example.net", "s" + std::to_string(i)), ed25519_key());
    for (const auto* domain : {"example.com", "sub.example.com", "notexample.com"}) {
        block += signature_field(options(domain), ed25519_key());
    }
    const auto header = Header::parse(block + kFields);
    DkimVerifier verifier(*header, Domain::parse("sub.example.com"));
    EXPECT_EQ(verifier.questions().size(), 10u);
    verifier.body(kBody);
    verifier.end_of_body();
    DnsFacts facts([&](const DnsQuestion&) {
        return std::make_shared<const DnsAnswer>(txt({key_record(ed25519_key())}));
    });
    const auto outcomes = verifier.verify(facts, kNow, nullptr);
    ASSERT_EQ(outcomes.size(), 20u);
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
        SCOPED_TRACE(i);
        const bool is_author = outcomes[i].signing_domain->text().ends_with("example.com");
        EXPECT_EQ(outcomes[i].result, i < 8 || is_author ? pass : policy);
    }
    EXPECT_EQ(outcomes[18].signing_domain->text(), "example.com");
    EXPECT_EQ(outcomes[19].signing_domain->text(), "sub.example.com");
    EXPECT_EQ(outcomes[10].why, "too many signatures");
}

}  // namespace
}  // namespace gatepost::auth
