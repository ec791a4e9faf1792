#include "policy/evidence.h"

#include <gtest/gtest.h>

#include <functional>

#include "mail.h"

namespace gatepost::policy {
namespace {

using auth::DkimResult;
using auth::IprevResult;
using auth::SpfResult;

struct Row {
    std::function<void(auth::Verification&, Circumstances&)> change;
    std::string header;
    std::string expected;  // the texts, joined by a space
    std::string_view reason;
};

std::string collected(const Row& row, const config::Settings& settings = our_settings()) {
    auto v = failing_mail();
    auto c = circumstances();
    if (row.change) row.change(v, c);
    const auto header = protocol::Header::parse(row.header);
    std::string text;
    for (const auto& item : collect(v, c, *header, settings).texts())
        text += (text.empty() ? "" : " ") + item;
    return text;
}

TEST(Evidence, SpeaksForForgery) {
    const Row rows[] = {
        {{}, "", "unsigned", "nobody signed"},
        {[](auto& v, auto&) { v.dkim = {signature("vendor.example", DkimResult::pass)}; }, "", "unsigned",
         "somebody else signed"},
        {[](auto& v, auto&) { v.dkim = {signature("mail.example.com", DkimResult::fail)}; }, "", "",
         "the author's organization did sign"},
        {[](auto& v, auto&) { v.dkim = {signature("mail.example.com", DkimResult::temperror)}; }, "", "",
         "or may have: its key could not be looked up"},
        {[](auto& v, auto&) { v.dkim = {signature("mail.example.com", DkimResult::permerror)}; }, "",
         "unsigned", "no such key"},
        {[](auto& v, auto&) { v.dkim = {signature("mail.example.com", DkimResult::neutral)}; }, "",
         "unsigned", "no signature at all"},
        {[](auto& v, auto&) { v.dkim = {forged_signature("mail.example.com", DkimResult::fail)}; }, "",
         "unsigned", "not by the key that it names"},
        {[](auto& v, auto&) {
             v.dmarc.author_domain = domain("a.example.com");
             v.dkim = {signature("b.example.com", DkimResult::fail)};
         },
         "", "", "the organization, not the author domain"},
        {[](auto& v, auto&) {
             v.mail_from = {SpfResult::fail, "bounce.example.com"};
         },
         "", "spf_fail_author unsigned", "SPF fail for the author's organization"},
        {[](auto& v, auto&) {
             v.mail_from = {SpfResult::softfail, "example.com"};
         },
         "", "unsigned", "softfail is no fail"},
        {[](auto& v, auto&) {
             v.mail_from = {SpfResult::fail, "vendor.example"};
         },
         "", "unsigned", "another's SPF"},
        {[](auto& v, auto&) {
             v.dmarc.record->aspf = auth::AlignmentMode::strict;
             v.mail_from = {SpfResult::fail, "bounce.example.com"};
         },
         "", "unsigned", "strict alignment: another's SPF"},
        {[](auto& v, auto&) {
             v.helo = {SpfResult::fail, "mail.vendor.example"};
         },
         "", "unsigned helo_spf_fail", "HELO"},
        {[](auto& v, auto&) { v.iprev.result = IprevResult::fail; }, "", "unsigned no_fcrdns",
         "unconfirmed name"},
        {[](auto& v, auto&) { v.iprev.result = IprevResult::permerror; }, "", "unsigned no_fcrdns",
         "no name"},
        {[](auto& v, auto&) { v.iprev.result = IprevResult::temperror; }, "", "unsigned", "a name not known"},
        {[](auto& v, auto&) {
             v.dmarc.author_domain = v.dmarc.organizational_domain = domain("our.example");
         },
         "", "own_domain unsigned", "our domain from outside"},
        {[](auto& v, auto&) { v.dmarc.author_domain = domain("x.our.example"); }, "", "own_domain unsigned",
         "a name below ours"},
        {[](auto& v, auto&) { v.dmarc = {}; }, "", "", "without an author nothing can be said"},
        {[](auto&, auto& c) { c.listed_by = {"a.example"}; }, "", "unsigned dnsbl(a.example)", "a DNS list"},
        {[](auto&, auto& c) {
             c.listed_by = {"a.example", "b.example"};
         },
         "", "unsigned dnsbl(a.example+b.example)", "two of them"},
        {[](auto& v, auto& c) {
             v.dkim = {signature("mail.example.com", DkimResult::fail)};
             c.talked_first = true;
         },
         "", "pregreet", "a client that could not wait for its greeting"},
    };
    for (const auto& row : rows) EXPECT_EQ(collected(row), row.expected) << row.reason;
}

TEST(Evidence, SpeaksForForwardingOnlyWithAVerifiedIdentity) {
    const auto spf_pass = [](auto& v) { v.mail_from = {SpfResult::pass, "list.example"}; };
    const auto broken = [](auto& v) { v.dkim.push_back(signature("example.com", DkimResult::fail)); };
    const auto partial = [](auto& v) {
        v.dkim.push_back(signature("example.com", DkimResult::pass));
        v.dkim.back().is_partial = true;
    };
    const std::string list = "List-Id: <x.list.example>\r\n";
    const Row rows[] = {
        {{}, list, "unsigned", "a header that anyone can write"},
        {[&](auto& v, auto&) { spf_pass(v); }, list, "unsigned list_headers", "with SPF pass"},
        {[&](auto& v, auto&) { spf_pass(v); }, "list-post : <mailto:x@list.example>\r\n",
         "unsigned list_headers", "List-Post, oddly spelt"},
        {[](auto& v, auto&) { v.dkim = {signature("list.example", DkimResult::pass)}; }, list,
         "unsigned list_headers", "with DKIM pass"},
        {[](auto& v, auto&) { v.iprev.result = IprevResult::pass; }, list, "unsigned",
         "a host name is no list"},
        {[&](auto& v, auto&) { broken(v); }, "", "", "a broken signature alone"},
        {[&](auto& v, auto&) { broken(v), spf_pass(v); }, "", "broken_author_signature", "with SPF pass"},
        {[&](auto& v, auto&) { broken(v), v.iprev.result = IprevResult::pass; }, "",
         "broken_author_signature", "with a confirmed name"},
        {[&](auto& v, auto&) { partial(v); }, "", "", "one that leaves text unsigned, alone"},
        {[&](auto& v, auto&) {
             partial(v), v.iprev.result = IprevResult::pass;
             v.mail_from = {SpfResult::fail, "example.com"};
         },
         "", "spf_fail_author broken_author_signature", "forwarded as it came, a line added behind l="},
        {[&](auto& v, auto&) {
             v.dkim = {signature("example.com", DkimResult::neutral)};
             spf_pass(v);
         },
         "", "unsigned", "a malformed signature was never whole"},
        {[&](auto& v, auto&) {
             v.dkim = {forged_signature("example.com", DkimResult::fail)};
             spf_pass(v);
         },
         "", "unsigned", "a made-up signature is not a broken one"},
        {[&](auto& v, auto&) {
             v.dkim = {signature("example.com", DkimResult::permerror)};
             spf_pass(v);
         },
         "", "unsigned", "nor one whose key does not exist"},
        {[&](auto& v, auto&) {
             v.dkim = {signature("vendor.example", DkimResult::fail)};
             spf_pass(v);
         },
         "", "unsigned", "a broken signature of somebody else"},
        {[&](auto& v, auto& c) { spf_pass(v), c.reverse_path = "SRS0=HH=TT=example.com=u@list.example"; }, "",
         "unsigned srs", "SRS0 with SPF pass"},
        {[&](auto& v, auto& c) { spf_pass(v), c.reverse_path = "srs1+HH=x==HH@list.example"; }, "",
         "unsigned srs", "SRS1 in lower case, another separator"},
        {[](auto&, auto& c) { c.reverse_path = "SRS0=HH=TT=example.com=u@list.example"; }, "", "unsigned",
         "SRS without SPF pass"},
        {[&](auto& v, auto& c) { spf_pass(v), c.reverse_path = "SRS0u@list.example"; }, "", "unsigned",
         "no separator"},
        {[](auto& v, auto&) {
             v.arc.result = auth::ArcResult::pass;
             v.arc.sealers = {domain("a.example"), domain("b.example")};
         },
         "", "unsigned arc_chain(b.example)", "a valid chain"},
        {[](auto& v, auto&) {
             v.arc.result = auth::ArcResult::fail;
             v.arc.sealers = {domain("b.example")};
         },
         "", "unsigned", "a failed chain is no chain"},
    };
    for (const auto& row : rows) EXPECT_EQ(collected(row), row.expected) << row.reason;
}

TEST(Evidence, NamesTheKnownForwarder) {
    auto settings = our_settings();
    config::KnownForwarder entry;
    entry.name = "alumni";
    entry.ip = protocol::IpNetwork::parse("192.0.2.7");
    settings.policy.known_forwarders = {entry};
    EXPECT_EQ(collected({{}, "", "", ""}, settings), "unsigned known_forwarder(alumni)");
    const auto evidence = collect(failing_mail(), circumstances(), *protocol::Header::parse(""), settings);
    EXPECT_EQ(evidence.forwarder, &settings.policy.known_forwarders[0]);
    EXPECT_TRUE(evidence.speaks_for_forgery());
    EXPECT_FALSE(evidence.speaks_for_forwarding()) << "the entry counts by itself";
}

TEST(Evidence, HasANameForEachKind) {
    EXPECT_EQ(name(EvidenceKind::unsigned_author), "unsigned");
    EXPECT_EQ(name(EvidenceKind::dnsbl), "dnsbl");
    EXPECT_EQ(name(EvidenceKind::pregreet), "pregreet");
    EXPECT_EQ(name(EvidenceKind::srs), "srs");
    EXPECT_TRUE(is_for_forgery(EvidenceKind::dnsbl));
    EXPECT_FALSE(is_for_forgery(EvidenceKind::known_forwarder));
}

}  // namespace
}  // namespace gatepost::policy
