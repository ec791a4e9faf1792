#include "auth/dns_facts.h"

#include <gtest/gtest.h>

namespace gatepost::auth {
namespace {

DnsAnswer text(const std::string& value) {
    return {.status = DnsStatus::found, .ttl = 60, .texts = {value}};
}

TEST(DnsFacts, NotesWhatItLacksOnce) {
    DnsFacts facts;
    EXPECT_EQ(facts.find(RecordType::txt, "example.org"), nullptr);
    EXPECT_EQ(facts.find(RecordType::txt, "Example.ORG."), nullptr);
    EXPECT_FALSE(facts.is_complete());
    const auto missing = facts.take_missing();
    ASSERT_EQ(missing.size(), 1u);
    EXPECT_EQ(missing[0], (DnsQuestion{RecordType::txt, "example.org"}));
    EXPECT_TRUE(facts.is_complete());
}

TEST(DnsFacts, AnswersWhatItLearned) {
    DnsFacts facts;
    facts.learn({RecordType::txt, "example.org"}, text("hello"));
    const auto* answer = facts.find(RecordType::txt, "EXAMPLE.org");
    ASSERT_NE(answer, nullptr);
    EXPECT_EQ(answer->texts.at(0), "hello");
    EXPECT_EQ(facts.find(RecordType::a, "example.org"), nullptr) << "another type is another question";
}

TEST(DnsFacts, WantingLeavesTheEvaluationComplete) {
    DnsFacts facts;
    facts.want(RecordType::txt, "example.org");
    EXPECT_TRUE(facts.is_complete());
    EXPECT_EQ(facts.take_missing().size(), 1u);
}

TEST(DnsFacts, TakesFromItsSourceWithoutWaiting) {
    const auto known = std::make_shared<const DnsAnswer>(text("cached"));
    DnsFacts facts(
        [&](const DnsQuestion& question) { return question.name == "known.example" ? known : nullptr; });
    ASSERT_NE(facts.find(RecordType::txt, "known.example"), nullptr);
    EXPECT_EQ(facts.find(RecordType::txt, "other.example"), nullptr);
    EXPECT_EQ(facts.take_missing().size(), 1u);
}

TEST(DnsFacts, WhatCannotBeAskedDoesNotExist) {
    const std::string long_label(64, 'a');
    std::string long_name = "a";
    for (int i = 0; i < 127; ++i) long_name += ".a";  // 255 octets
    for (const auto& name : {std::string(), std::string("."), std::string("a..b"), std::string(".a"),
                             long_label + ".example", long_name}) {
        DnsFacts facts;
        const auto* answer = facts.find(RecordType::a, name);
        ASSERT_NE(answer, nullptr) << name;
        EXPECT_EQ(answer->status, DnsStatus::nx_domain) << name;
        EXPECT_TRUE(facts.take_missing().empty()) << name;
    }
}

TEST(DnsFacts, FailsBeyondTheBudgetOfQuestions) {
    DnsFacts facts({}, {.questions = 3});
    for (const char* name : {"a.example", "b.example", "c.example"})
        EXPECT_EQ(facts.find(RecordType::a, name), nullptr);
    const auto* over = facts.find(RecordType::a, "d.example");
    ASSERT_NE(over, nullptr);
    EXPECT_EQ(over->status, DnsStatus::failed);
    EXPECT_EQ(facts.find(RecordType::a, "a.example"), nullptr) << "what was noted before may still come";
    EXPECT_EQ(facts.take_missing().size(), 3u);
}

TEST(DnsFacts, FailsBeyondTheBudgetOfOctets) {
    DnsFacts facts({}, {.questions = 100, .octets = 1000});
    facts.learn({RecordType::txt, "big.example"}, text(std::string(2000, 'x')));
    EXPECT_EQ(facts.find(RecordType::txt, "big.example")->status, DnsStatus::found);
    EXPECT_EQ(facts.find(RecordType::txt, "next.example")->status, DnsStatus::failed);
}

TEST(DnsFacts, FailsWhatIsUnknownOnceItGaveUp) {
    DnsFacts facts;
    facts.learn({RecordType::txt, "known.example"}, text("x"));
    EXPECT_EQ(facts.find(RecordType::txt, "slow.example"), nullptr);
    facts.give_up("no time left");
    EXPECT_EQ(facts.find(RecordType::txt, "known.example")->status, DnsStatus::found);
    EXPECT_EQ(facts.find(RecordType::txt, "slow.example")->status, DnsStatus::failed);
    EXPECT_EQ(facts.find(RecordType::txt, "slow.example")->why, "no time left");
    EXPECT_TRUE(facts.is_complete());
}

}  // namespace
}  // namespace gatepost::auth
