// The resolver among those who guess, flood and keep silent (attacks 79, 81, 82; faults R15, R16).
#include "tests/support/resolver_fixture.h"

namespace gatepost::gateway {
namespace {

// 20 wrong ids, names or letter cases on one port: somebody guesses, and may be right next time.
TEST_F(ResolverTest, ManyForgeriesMakeItAskByTcp) {
    const auto guesses = [](const Asked& asked, unsigned number) {
        std::vector<std::string> packets;
        for (unsigned i = 1; i <= number; ++i) {
            packets.push_back(
                with_octet(with_octet(forged(asked), 0, static_cast<char>(0x5a)), 1, static_cast<char>(i)));
        }
        return packets;
    };
    const struct {
        const char* reason;
        unsigned guesses;
        bool by_tcp;
    } rows[] = {
        {"a few are ignored", DnsPort::kStrays - 1, false},
        {"many are not", DnsPort::kStrays, true},
        {"the right answer that comes behind them is not taken either", 100, true},
    };
    for (const auto& row : rows) {
        first.answer = [&](const Asked& asked) {
            auto packets = asked.by_tcp ? std::vector<std::string>() : guesses(asked, row.guesses);
            packets.push_back(asked.by_tcp || !row.by_tcp ? right(asked)[0] : forged(asked));
            return packets;
        };
        resolver_.reset();
        first.asked.clear();
        settings.timeout = 5s;
        EXPECT_EQ(address(ask()), kRight) << row.reason;
        EXPECT_EQ(first.asked.back().by_tcp, row.by_tcp) << row.reason;
        EXPECT_EQ(resolver().counts().tcp, row.by_tcp ? 1u : 0u) << row.reason;
    }
}

TEST_F(ResolverTest, WithoutTcpAGuessedPortIsATemporaryFailure) {
    first.closes_tcp = true;
    first.answer = [](const Asked& asked) { return std::vector(100, with_octet(forged(asked), 13, 0x20)); };
    settings.tries = 1;
    EXPECT_EQ(ask().status, DnsStatus::failed);
}

// Our own late answers and the network's copies are no attack.
TEST_F(ResolverTest, LateAnswersAndCopiesAreNotTakenForGuesses) {
    first.answer = [](const Asked& asked) { return std::vector(3, right(asked)[0]); };
    for (int i = 0; i < 64; ++i) {
        const DnsQuestion question{RecordType::a, "host" + std::to_string(i) + ".example"};
        ASSERT_EQ(address(ask(question)), kRight);
    }
    EXPECT_EQ(resolver().counts().tcp, 0u);
    EXPECT_EQ(resolver().counts().guessed_ports, 0u);
}

TEST_F(ResolverTest, OnlyRecordsOfTheAskedNameCount) {
    const struct {
        const char* reason;
        std::vector<tests::WireRecord> answer, authority, additional;
    } rows[] = {
        {"another name in the answer section", {a("victim.example", kWrong)}, {}, {}},
        {"the parent", {a("example", kWrong)}, {}, {}},
        {"below it", {a("x.host.example", kWrong)}, {}, {}},
        {"authority", {}, {a("host.example", kWrong)}, {}},
        {"additional", {}, {}, {a("host.example", kWrong)}},
        {"behind somebody else's alias",
         {cname("victim.example", "evil.test"), a("evil.test", kWrong)},
         {},
         {}},
        {"another class", {{"host.example", 1, 300, std::string("\xc0\0\2\x42", 4), 3}}, {}, {}},
    };
    for (const auto& row : rows) {
        first.answer = [&](const Asked& asked) {
            if (asked.lowered_name() != "host.example") return right(asked);
            auto answers = row.answer;
            answers.push_back(a("host.example", kRight));
            return std::vector{
                WireAnswer{.answer = answers, .authority = row.authority, .additional = row.additional}.to(
                    asked.packet)};
        };
        resolver_.reset();
        EXPECT_EQ(address(ask()), kRight) << row.reason;
        EXPECT_FALSE(resolver().cached({RecordType::a, "victim.example"})) << row.reason;
        EXPECT_EQ(address(ask({RecordType::a, "victim.example"})), kRight) << row.reason;
    }
}

// More than a socket buffer holds; at a timeout of an hour each lost packet would hang the test.
TEST_F(ResolverTest, ABurstOfQuestionsIsPaced) {
    std::vector<DnsQuestion> questions;
    for (int i = 0; i < 2000; ++i)
        questions.push_back({RecordType::a, "host" + std::to_string(i) + ".example"});
    settings.timeout = 1h;
    settings.tries = 1;
    DnsFacts facts;
    int running = 1;
    asio::co_spawn(context, ask_all(resolver(), questions, Clock::now() + 60s, facts, running), rethrow);
    run(running);
    EXPECT_EQ(first.asked.size(), 2000u);
    EXPECT_EQ(resolver().counts().answered, 2000u);
}

// A zone whose servers are dead: as many questions as anybody may ask, none answered, and then an honest one.
TEST_F(ResolverTest, ADeadZoneDelaysNobodyElse) {
    first.answer = [](const Asked& asked) {
        return asked.lowered_name().ends_with("dead.example") ? silent(asked) : right(asked);
    };
    settings.timeout = 30s;
    std::vector<DnsQuestion> dead;
    for (int i = 0; i < 500; ++i) dead.push_back({RecordType::a, "n" + std::to_string(i) + ".dead.example"});
    resolver().prefetch(dead);
    const auto begun = Clock::now();
    EXPECT_EQ(address(ask()), kRight);
    EXPECT_LT(Clock::now() - begun, 10s) << "paced: 500 questions take half a second";
}

TEST_F(ResolverTest, WhenItIsBusyAFewQuestionsAreStillTaken) {
    first.answer = [](const Asked& asked) {
        return asked.lowered_name().ends_with("dead.example") ? silent(asked) : right(asked);
    };
    settings.timeout = 30s;
    for (int message = 0; message < 200; ++message) {
        std::vector<DnsQuestion> dead;
        for (int i = 0; i < 200; ++i)
            dead.push_back(
                {RecordType::a, std::to_string(message) + "n" + std::to_string(i) + ".dead.example"});
        resolver().prefetch(dead);
        if (message != 20) continue;
        EXPECT_EQ(address(ask()), kRight) << "4 000 dead questions later";
    }
    EXPECT_LE(resolver().in_flight(), 5000u) << "the number of questions is bounded";
}

TEST_F(ResolverTest, AStormOfFailuresIsTwoQuestionsAName) {
    has_second = true;
    first.answer = second.answer = flags_only(kServfail);
    std::vector<DnsFacts> facts(50);
    int running = 50;
    for (auto& each : facts)
        asio::co_spawn(context, ask_all(resolver(), {kQuestion}, Clock::now() + 5s, each, running), rethrow);
    run(running);
    EXPECT_EQ(ask().status, DnsStatus::failed);
    EXPECT_EQ(first.asked.size() + second.asked.size(), 2u);
}

}  // namespace
}  // namespace gatepost::gateway
