#include "policy/dns_list.h"

#include <gtest/gtest.h>

namespace gatepost::policy {
namespace {

using auth::DnsAnswer;
using auth::DnsFacts;
using auth::DnsStatus;
using auth::RecordType;
using protocol::IpAddress;
using protocol::IpNetwork;
using Zones = std::vector<std::string>;

const IpAddress kClient = *IpAddress::parse("192.0.2.99");

config::Defence lists() {
    config::Defence defence;
    defence.dnsbl = {{"a.example", 2, {}},
                     {"b.example", 3, {*IpNetwork::parse("127.0.0.2"), *IpNetwork::parse("127.0.0.4/30")}}};
    defence.dnswl = {{"w.example", 4, {}}};
    return defence;
}

DnsAnswer addresses(const Zones& texts) {
    DnsAnswer answer{.status = DnsStatus::found, .ttl = 60};
    for (const auto& text : texts) answer.addresses.push_back(*IpAddress::parse(text));
    return answer;
}

TEST(DnsList, AsksForReversedOctetsAndNibbles) {
    const struct {
        const char* client;
        const char* name;  // RFC 5782 sections 2.1 and 2.4
    } rows[] = {
        {"192.0.2.99", "99.2.0.192.a.example"},
        {"::ffff:192.0.2.99", "99.2.0.192.a.example"},
        {"2001:db8:1:2:3:4:567:89ab",
         "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2.a.example"},
    };
    for (const auto& row : rows) {
        const auto questions = list_questions(*IpAddress::parse(row.client), lists());
        ASSERT_EQ(questions.size(), 3u);
        EXPECT_EQ(questions[0], (auth::DnsQuestion{RecordType::a, row.name}));
    }
}

TEST(DnsList, AsksAllListsAtOnce) {
    DnsFacts facts;
    EXPECT_EQ(score_lists(kClient, lists(), facts).sum, 0);
    EXPECT_EQ(facts.take_missing().size(), 3u);
}

TEST(DnsList, AddsUpWhatTheListsSay) {
    const struct {
        const char* reason;
        Zones a, b, w;  // the addresses each of them answers with; none: not listed
        int sum;
        Zones listed_by, allowed_by, nonsense_from;
    } rows[] = {
        {"not listed", {}, {}, {}, 0, {}, {}, {}},
        {"listed by one", {"127.0.0.2"}, {}, {}, 2, {"a.example"}, {}, {}},
        {"and by another", {"127.0.0.2"}, {"127.0.0.2"}, {}, 5, {"a.example", "b.example"}, {}, {}},
        {"any answer, where none is named", {"127.0.1.77"}, {}, {}, 2, {"a.example"}, {}, {}},
        {"an answer in a network that is named", {}, {"127.0.0.7"}, {}, 3, {"b.example"}, {}, {}},
        {"one beside it", {}, {"127.0.0.8"}, {}, 0, {}, {}, {}},
        {"several answers, one of which counts",
         {},
         {"127.0.0.8", "127.0.0.5"},
         {},
         3,
         {"b.example"},
         {},
         {}},
        {"a score counts once for several answers",
         {"127.0.0.2", "127.0.0.3"},
         {},
         {},
         2,
         {"a.example"},
         {},
         {}},
        {"allowed", {}, {}, {"127.0.5.1"}, -4, {}, {"w.example"}, {}},
        {"listed and allowed",
         {"127.0.0.2"},
         {"127.0.0.2"},
         {"127.0.5.1"},
         1,
         {"a.example", "b.example"},
         {"w.example"},
         {}},
        {"a squatter's address", {"198.51.100.7"}, {}, {}, 0, {}, {}, {"a.example"}},
        {"an address that looks right beside it",
         {"127.0.0.2", "198.51.100.7"},
         {},
         {},
         0,
         {},
         {},
         {"a.example"}},
        {"an operator's error code", {"127.255.255.254"}, {}, {}, 0, {}, {}, {"a.example"}},
        {"in an allowlist too", {}, {}, {"127.255.255.252"}, 0, {}, {}, {"w.example"}},
    };
    for (const auto& row : rows) {
        DnsFacts facts;
        const auto questions = list_questions(kClient, lists());
        const Zones* answers[] = {&row.a, &row.b, &row.w};
        for (std::size_t i = 0; i < 3; ++i) {
            facts.learn(questions[i], answers[i]->empty() ? DnsAnswer{.status = DnsStatus::nx_domain}
                                                          : addresses(*answers[i]));
        }
        const ListScore score = score_lists(kClient, lists(), facts);
        EXPECT_EQ(score.sum, row.sum) << row.reason;
        EXPECT_EQ(score.listed_by, row.listed_by) << row.reason;
        EXPECT_EQ(score.allowed_by, row.allowed_by) << row.reason;
        EXPECT_EQ(score.nonsense_from, row.nonsense_from) << row.reason;
    }
}

TEST(DnsList, WhatCouldNotBeAskedDoesNotCount) {
    DnsFacts facts;
    for (const auto& question : list_questions(kClient, lists()))
        facts.learn(question, DnsAnswer{.status = DnsStatus::failed, .why = "timeout"});
    const ListScore score = score_lists(kClient, lists(), facts);
    EXPECT_EQ(score.sum, 0);
    EXPECT_TRUE(score.listed_by.empty() && score.allowed_by.empty() && score.nonsense_from.empty());
}

TEST(DnsList, HasTwoThresholds) {
    config::Defence defence;
    defence.evidence_at = 3;
    const struct {
        const char* reason;
        int sum;
        bool is_listed;
        std::size_t reject_at;
        bool is_evidence, is_refusal;
    } rows[] = {
        {"below", 2, true, 0, false, false},
        {"at the threshold", 3, true, 0, true, false},
        {"refusal is off at 0", 1000, true, 0, true, false},
        {"below the refusal", 4, true, 5, true, false},
        {"at it", 5, true, 5, true, true},
        {"allowed clients", -5, false, 5, false, false},
        {"listed, but allowed for more", -1, true, 1, false, false},
    };
    for (const auto& row : rows) {
        ListScore score;
        score.sum = row.sum;
        if (row.is_listed) score.listed_by = {"a.example"};
        defence.reject_at = row.reject_at;
        EXPECT_EQ(score.is_evidence(defence), row.is_evidence) << row.reason;
        EXPECT_EQ(score.is_refusal(defence), row.is_refusal) << row.reason;
    }
}

}  // namespace
}  // namespace gatepost::policy
