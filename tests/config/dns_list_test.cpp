// `defence.dnsbl`, `dnswl` and `pregreet`.
#include <gtest/gtest.h>

#include <string>

#include "config/load.h"

namespace gatepost::config {
namespace {

using namespace std::chrono_literals;

Loaded load(const std::string& defence) {
    return load_text(
        "hostname: mx1.example.org\ndomains: [example.org]\n"
        "downstream: {servers: [\"smtp://10.0.0.5:25\"]}\ndefence: {" +
            defence + "}\n",
        "/etc/gatepost/f", "mx1.example.org");
}

TEST(DnsLists, AreOffUnlessNamed) {
    const Loaded loaded = load("");
    ASSERT_TRUE(loaded.settings);
    EXPECT_TRUE(loaded.settings->defence.dnsbl.empty());
    EXPECT_TRUE(loaded.settings->defence.dnswl.empty());
    EXPECT_EQ(loaded.settings->defence.reject_at, 0u);
    EXPECT_EQ(loaded.settings->defence.pregreet, (Pregreet{0ms, PregreetAction::log}));
}

TEST(DnsLists, EveryKeyIsTaken) {
    const Loaded loaded = load(
        "dnsbl: [{zone: Zen.Example, score: 3, answers: [127.0.0.2, 127.0.0.4/30]}, {zone: b.example}],\n"
        "dnswl: [{zone: wl.example, score: 5}], evidence_at: 2, reject_at: 9,\n"
        "pregreet: {wait: 2500ms, action: refuse}");
    ASSERT_TRUE(loaded.settings) << text(loaded.findings.at(0), "f");
    const Defence& defence = loaded.settings->defence;
    const DnsList zen{
        "zen.example",
        3,
        {*protocol::IpNetwork::parse("127.0.0.2"), *protocol::IpNetwork::parse("127.0.0.4/30")}};
    EXPECT_EQ(defence.dnsbl, (std::vector<DnsList>{zen, {"b.example", 1, {}}}));
    EXPECT_EQ(defence.dnswl, (std::vector<DnsList>{{"wl.example", 5, {}}}));
    EXPECT_EQ(defence.evidence_at, 2u);
    EXPECT_EQ(defence.reject_at, 9u);
    EXPECT_EQ(defence.pregreet, (Pregreet{2500ms, PregreetAction::refuse}));
}

TEST(DnsLists, MistakesAreSaid) {
    std::string many = "dnsbl: [";
    for (int i = 0; i < 21; ++i) many += "{zone: z" + std::to_string(i) + ".example}, ";
    const struct {
        std::string yaml;
        const char* said;
    } rows[] = {
        {"dnsbl: [{score: 3}]", "a list needs a zone"},
        {"dnsbl: [{zone: a b}]", "a b"},
        {"dnsbl: [{zone: a.example, score: 0}]", "score"},
        {"dnsbl: [{zone: a.example, score: -3}]", "score"},
        {"dnsbl: [{zone: a.example}, {zone: A.example}]", "stands above already"},
        {"dnsbl: [{zone: a.example, answers: [10.0.0.1]}]", "is no answer of a list"},
        {"dnsbl: [{zone: a.example, answers: [0.0.0.0/0]}]", "is no answer of a list"},
        {"dnsbl: [{zone: a.example, answers: [\"::1\"]}]", "is no answer of a list"},
        {"dnsbl: [{zone: a.example, answers: [127.255.255.254]}]", "is no answer of a list"},
        {"dnsbl: [{zone: a.example, answers: [yes]}]", "is no answer of a list"},
        {"dnswl: [{zone: a.example, scores: 1}]", "scores"},
        {"dnswl: [a.example]", "dnswl"},
        {"dnsbl: [{zone: " + std::string(60, 'a') + "." + std::string(60, 'b') + "." + std::string(60, 'c') +
             "." + std::string(20, 'd') + ".example}]",
         "too long"},
        {many + "]", "at most 20 lists"},
        {"pregreet: {wait: 31s}", "wait"},
        {"pregreet: {action: ban}", "action"},
        {"evidence_at: 0", "evidence_at"},
    };
    for (const auto& row : rows) {
        const Loaded loaded = load(row.yaml);
        EXPECT_FALSE(loaded.settings) << row.yaml;
        ASSERT_FALSE(loaded.findings.empty()) << row.yaml;
        EXPECT_NE(text(loaded.findings[0], "f").find(row.said), std::string::npos)
            << text(loaded.findings[0], "f");
    }
}

}  // namespace
}  // namespace gatepost::config
