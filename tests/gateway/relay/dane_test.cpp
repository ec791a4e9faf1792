#include "gateway/relay/dane.h"

#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <map>

#include "tests/support/certificates.h"

namespace gatepost::gateway {
namespace {

using auth::DnsAnswer;
using auth::DnsQuestion;
using auth::DnsStatus;
using auth::RecordType;
using auth::TlsaRecord;
using Action = DanePlan::Action;
using Facts = std::map<DnsQuestion, DnsAnswer>;

const TlsaRecord kKey{3, 1, 1, std::string(32, 'k')}, kNextKey{3, 1, 1, std::string(32, 'n')},
    kAuthority{2, 0, 2, std::string(64, 'a')}, kWebCertificate{1, 1, 1, std::string(32, 'w')};

enum class Signed { no, yes };

DnsAnswer address(Signed is_signed, const std::string& canonical = {}) {
    DnsAnswer answer{
        .status = DnsStatus::found, .is_alias = !canonical.empty(), .is_secure = is_signed == Signed::yes};
    answer.addresses = {*protocol::IpAddress::parse("192.0.2.1")};
    answer.canonical = canonical;
    return answer;
}
DnsAnswer none(Signed is_signed, DnsStatus status = DnsStatus::no_data) {
    return {.status = status, .is_secure = is_signed == Signed::yes};
}
DnsAnswer failure() {
    return {.status = DnsStatus::failed, .why = "RCODE 2"};
}
DnsAnswer tlsa(Signed is_signed, std::vector<TlsaRecord> records) {
    DnsAnswer answer{.status = DnsStatus::found, .is_secure = is_signed == Signed::yes};
    answer.tlsas = std::move(records);
    return answer;
}
DnsAnswer alias(Signed is_signed) {
    DnsAnswer answer{.status = DnsStatus::found, .is_secure = is_signed == Signed::yes};
    answer.names = {"mx.provider.test"};
    return answer;
}

// As settle() does: what is not in the map does not exist, and nobody vouches for that. `asked`: all
// questions.
DanePlan plan(const std::string& host, std::uint16_t port, const Facts& known,
              std::vector<std::string>* asked = nullptr) {
    auth::DnsFacts facts;
    for (int round = 0; round < 10; ++round) {
        DanePlan result = plan_dane(host, port, facts);
        if (facts.is_complete()) return result;
        for (const auto& question : facts.take_missing()) {
            if (asked) asked->push_back(question.name);
            const auto it = known.find(question);
            facts.learn(question, it == known.end() ? none(Signed::no, DnsStatus::nx_domain) : it->second);
        }
    }
    ADD_FAILURE() << "no end";
    return {};
}

const DnsQuestion kA{RecordType::a, "mx.example"}, kAaaa{RecordType::aaaa, "mx.example"},
    kCname{RecordType::cname, "mx.example"}, kTlsa{RecordType::tlsa, "_25._tcp.mx.example"},
    kTlsaOfEnd{RecordType::tlsa, "_25._tcp.mx.provider.test"};
const std::string kEnd = "mx.provider.test";

TEST(Dane, DoesWhatTheStandardAsksFor) {
    const auto yes = Signed::yes, no = Signed::no;
    const struct {
        const char* reason;
        Facts facts;
        Action action;
        std::string base;
        std::vector<TlsaRecord> records;
    } rows[] = {
        // Section 2.2: addresses first.
        {"an insecure address: not asked further",
         {{kA, address(no)}, {kTlsa, tlsa(yes, {kKey})}},
         Action::opportunistic,
         "",
         {}},
        {"one secure family and an insecure one",
         {{kA, address(yes)}, {kAaaa, address(no)}, {kTlsa, tlsa(yes, {kKey})}},
         Action::opportunistic,
         "",
         {}},
        {"no address at all", {}, Action::opportunistic, "", {}},
        {"both addresses fail", {{kA, failure()}, {kAaaa, failure()}}, Action::defer, "", {}},
        {"one fails, the other has none", {{kA, failure()}, {kAaaa, none(yes)}}, Action::defer, "", {}},
        {"one fails, the other is secure",
         {{kA, address(yes)}, {kAaaa, failure()}, {kTlsa, tlsa(yes, {kKey})}},
         Action::authenticate,
         "mx.example",
         {kKey}},
        // Section 2.1 and 2.2: what the TLSA look-up gives.
        {"secure and usable",
         {{kA, address(yes)}, {kTlsa, tlsa(yes, {kKey})}},
         Action::authenticate,
         "mx.example",
         {kKey}},
        {"by IPv6",
         {{kAaaa, address(yes)}, {kTlsa, tlsa(yes, {kKey})}},
         Action::authenticate,
         "mx.example",
         {kKey}},
        {"rolled over: both keys",
         {{kA, address(yes)}, {kTlsa, tlsa(yes, {kKey, kNextKey})}},
         Action::authenticate,
         "mx.example",
         {kKey, kNextKey}},
        {"a trust anchor",
         {{kA, address(yes)}, {kTlsa, tlsa(yes, {kAuthority})}},
         Action::authenticate,
         "mx.example",
         {kAuthority}},
        {"only what is of use",
         {{kA, address(yes)}, {kTlsa, tlsa(yes, {kWebCertificate, kKey})}},
         Action::authenticate,
         "mx.example",
         {kKey}},
        {"usage 1 only: unusable, TLS all the same",
         {{kA, address(yes)}, {kTlsa, tlsa(yes, {kWebCertificate})}},
         Action::encrypt,
         "mx.example",
         {}},
        {"a record that is none",
         {{kA, address(yes)}, {kTlsa, tlsa(yes, {{}})}},
         Action::encrypt,
         "mx.example",
         {}},
        {"an insecure record",
         {{kA, address(yes)}, {kTlsa, tlsa(no, {kKey})}},
         Action::opportunistic,
         "",
         {}},
        {"securely none", {{kA, address(yes)}, {kTlsa, none(yes)}}, Action::opportunistic, "", {}},
        {"securely no such name",
         {{kA, address(yes)}, {kTlsa, none(yes, DnsStatus::nx_domain)}},
         Action::opportunistic,
         "",
         {}},
        {"none, below an unsigned delegation",
         {{kA, address(yes)}, {kTlsa, none(no)}},
         Action::opportunistic,
         "",
         {}},
        {"SERVFAIL, bogus, silence", {{kA, address(yes)}, {kTlsa, failure()}}, Action::defer, "", {}},
        // Section 2.2.2: aliases.
        {"the end of a secure alias",
         {{kA, address(yes, kEnd)}, {kTlsaOfEnd, tlsa(yes, {kKey})}, {kTlsa, tlsa(yes, {kNextKey})}},
         Action::authenticate,
         kEnd,
         {kKey}},
        {"the name itself if the end has none",
         {{kA, address(yes, kEnd)}, {kTlsaOfEnd, none(yes)}, {kTlsa, tlsa(yes, {kNextKey})}},
         Action::authenticate,
         "mx.example",
         {kNextKey}},
        {"the name itself if those of the end are insecure",
         {{kA, address(yes, kEnd)}, {kTlsaOfEnd, tlsa(no, {kKey})}, {kTlsa, tlsa(yes, {kNextKey})}},
         Action::authenticate,
         "mx.example",
         {kNextKey}},
        {"none at both", {{kA, address(yes, kEnd)}}, Action::opportunistic, "", {}},
        {"the end fails: the name is not asked instead",
         {{kA, address(yes, kEnd)}, {kTlsaOfEnd, failure()}, {kTlsa, tlsa(yes, {kNextKey})}},
         Action::defer,
         "",
         {}},
        {"unusable at the end decides",
         {{kA, address(yes, kEnd)},
          {kTlsaOfEnd, tlsa(yes, {kWebCertificate})},
          {kTlsa, tlsa(yes, {kNextKey})}},
         Action::encrypt,
         kEnd,
         {}},
        {"a secure alias to an insecure address",
         {{kA, address(no, kEnd)},
          {kCname, alias(yes)},
          {kTlsa, tlsa(yes, {kKey})},
          {kTlsaOfEnd, tlsa(yes, {kNextKey})}},
         Action::authenticate,
         "mx.example",
         {kKey}},
        {"such an alias without records",
         {{kA, address(no, kEnd)}, {kCname, alias(yes)}, {kTlsaOfEnd, tlsa(yes, {kNextKey})}},
         Action::opportunistic,
         "",
         {}},
        {"an insecure alias",
         {{kA, address(no, kEnd)}, {kCname, alias(no)}, {kTlsa, tlsa(yes, {kKey})}},
         Action::opportunistic,
         "",
         {}},
        {"an alias that cannot be looked at",
         {{kA, address(no, kEnd)}, {kCname, failure()}, {kTlsa, tlsa(yes, {kKey})}},
         Action::defer,
         "",
         {}},
    };
    for (const auto& row : rows) {
        const DanePlan made = plan("mx.example", 25, row.facts);
        EXPECT_EQ(made.action, row.action) << row.reason;
        EXPECT_EQ(made.base_domain, row.base) << row.reason;
        EXPECT_EQ(made.records, row.records) << row.reason;
        const bool says_why = made.action == Action::encrypt || made.action == Action::defer;
        EXPECT_EQ(!made.why.empty(), says_why) << row.reason;
    }
}

TEST(Dane, AsksForTheRealPortAndOnlyWhatItNeeds) {
    std::vector<std::string> asked;
    const DnsQuestion at_2525{RecordType::tlsa, "_2525._tcp.mx.example"};
    const auto made =
        plan("mx.example", 2525, {{kA, address(Signed::yes)}, {at_2525, tlsa(Signed::yes, {kKey})}}, &asked);
    EXPECT_EQ(made.action, Action::authenticate);
    EXPECT_EQ(asked, (std::vector<std::string>{"mx.example", "mx.example", "_2525._tcp.mx.example"}));
    asked.clear();
    plan("mx.example", 25, {{kA, address(Signed::no)}}, &asked);
    EXPECT_EQ(asked.size(), 2u) << "no TLSA where the address is insecure (RFC 7672 section 2.2.1)";
}

TEST(Dane, OutOfTimeIsAFailureAndNeverClear) {
    auth::DnsFacts facts;
    plan_dane("mx.example", 25, facts);
    facts.learn(kA, address(Signed::yes));
    facts.learn(kAaaa, none(Signed::yes));
    plan_dane("mx.example", 25, facts);
    EXPECT_FALSE(facts.is_complete());
    facts.give_up("no time left for DNS");
    const auto made = plan_dane("mx.example", 25, facts);
    EXPECT_EQ(made.action, Action::defer);
    EXPECT_EQ(made.why, "DANE: TLSA of _25._tcp.mx.example could not be looked up: no time left for DNS");
}

struct Der {
    std::string certificate, key;
};

Der der_of(const tests::Certificate& made) {
    const std::unique_ptr<BIO, decltype(&BIO_free)> bio(
        BIO_new_mem_buf(made.certificate.data(), static_cast<int>(made.certificate.size())), &BIO_free);
    const std::unique_ptr<X509, decltype(&X509_free)> x509(
        PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr), &X509_free);
    unsigned char* octets = nullptr;
    Der der;
    auto size = i2d_X509(x509.get(), &octets);
    der.certificate.assign(reinterpret_cast<char*>(octets), static_cast<std::size_t>(size));
    OPENSSL_free(std::exchange(octets, nullptr));
    size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x509.get()), &octets);
    der.key.assign(reinterpret_cast<char*>(octets), static_cast<std::size_t>(size));
    OPENSSL_free(octets);
    return der;
}

TEST(Dane, KnowsWhichRecordsAreOfUse) {
    const Der der = der_of(tests::make_certificate("DNS:mx.example"));
    const std::string sha256(32, 'x'), sha512(64, 'x');
    const struct {
        const char* reason;
        TlsaRecord record;
        bool is_usable;
    } rows[] = {
        {"3 1 1", {3, 1, 1, sha256}, true},
        {"3 0 1", {3, 0, 1, sha256}, true},
        {"3 1 2", {3, 1, 2, sha512}, true},
        {"2 0 1", {2, 0, 1, sha256}, true},
        {"2 1 1", {2, 1, 1, sha256}, true},
        {"3 0 0, a certificate", {3, 0, 0, der.certificate}, true},
        {"2 0 0, a certificate", {2, 0, 0, der.certificate}, true},
        {"3 1 0, a key", {3, 1, 0, der.key}, true},
        {"PKIX-TA", {0, 1, 1, sha256}, false},
        {"PKIX-EE", {1, 1, 1, sha256}, false},
        {"a usage of the future", {4, 1, 1, sha256}, false},
        {"PrivCert", {255, 1, 1, sha256}, false},
        {"an unknown selector", {3, 2, 1, sha256}, false},
        {"an unknown matching type", {3, 1, 3, sha256}, false},
        {"a digest cut short", {3, 1, 1, sha256.substr(1)}, false},
        {"a digest too long", {3, 1, 1, sha512}, false},
        {"SHA-512 with 32 octets", {3, 1, 2, sha256}, false},
        {"nothing", {3, 1, 1, ""}, false},
        {"no certificate", {3, 0, 0, "certificate"}, false},
        {"none at all", {3, 0, 0, ""}, false},
        {"a certificate and more", {3, 0, 0, der.certificate + "x"}, false},
        {"half a certificate", {3, 0, 0, der.certificate.substr(0, der.certificate.size() / 2)}, false},
        {"a certificate for a key", {3, 1, 0, der.certificate}, false},
        {"a key for a certificate", {3, 0, 0, der.key}, false},
    };
    for (const auto& row : rows) EXPECT_EQ(is_usable(row.record), row.is_usable) << row.reason;
}

}  // namespace
}  // namespace gatepost::gateway
