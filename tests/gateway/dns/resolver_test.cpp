#include "gateway/dns/resolver.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "tests/support/resolver_fixture.h"

namespace gatepost::gateway {
namespace {

TEST_F(ResolverTest, AsksAndRemembers) {
    EXPECT_EQ(address(ask()), kRight);
    EXPECT_EQ(address(ask()), kRight);
    EXPECT_EQ(first.asked.size(), 1u) << "the second answer is from the cache";
    ASSERT_TRUE(resolver().cached(kQuestion));
    EXPECT_EQ(resolver().counts().answered, 1u);
    EXPECT_EQ(resolver().in_flight(), 0u);
}

TEST_F(ResolverTest, RemembersThatANameDoesNotExist) {
    first.answer = flags_only(kNxDomain);
    EXPECT_EQ(ask().status, DnsStatus::nx_domain);
    EXPECT_EQ(ask().status, DnsStatus::nx_domain);
    EXPECT_EQ(first.asked.size(), 1u);
}

TEST_F(ResolverTest, DrawsIdPortAndLetterCase) {
    std::set<unsigned> ids, ports;
    std::set<std::string> names;
    for (int i = 0; i < 16; ++i) {
        ask({RecordType::a, "host-with-many-letters" + std::to_string(i) + ".example"});
        ids.insert(first.asked.back().id());
        ports.insert(first.asked.back().source_port);
        names.insert(first.asked.back().name.substr(0, 22));
        EXPECT_TRUE(first.asked.back().has_edns());
    }
    EXPECT_GE(ids.size(), 15u) << "two of sixteen may be the same by chance";
    EXPECT_GE(ports.size(), 15u);
    EXPECT_GE(names.size(), 15u);
}

struct Forgery {
    const char* reason;
    std::function<std::string(const Asked&)> packet;
};

const Forgery kForgeries[] = {
    {"another id", [](const Asked& asked) { return with_octet(forged(asked), 1, 1); }},
    {"another name", [](const Asked& asked) { return with_octet(forged(asked), 14, 1); }},
    {"another letter case", [](const Asked& asked) { return with_octet(forged(asked), 13, 0x20); }},
    {"another type", [](const Asked& asked) { return with_octet(forged(asked), 12 + 14 + 1, 28 ^ 1); }},
    {"no response", [](const Asked& asked) { return with_octet(forged(asked), 2, static_cast<char>(0x80)); }},
    {"the query itself", [](const Asked& asked) { return asked.packet; }},
    {"nothing", [](const Asked&) { return std::string(); }},
    {"one octet", [](const Asked& asked) { return asked.packet.substr(0, 1); }},
    {"a header alone", [](const Asked& asked) { return forged(asked).substr(0, 12); }},
    {"malformed behind the question",
     [](const Asked& asked) { return forged(asked).substr(0, 12 + 18 + 5); }},
    {"noise", [](const Asked& asked) { return asked.packet.substr(0, 2) + std::string(300, '\xff'); }},
};

TEST_F(ResolverTest, ForgeriesDoNotEndTheWait) {
    for (const auto& forgery : kForgeries) {
        first.answer = [&](const Asked& asked) {
            return std::vector{forgery.packet(asked), forgery.packet(asked), right(asked)[0]};
        };
        resolver_.reset();
        EXPECT_EQ(address(ask()), kRight) << forgery.reason;
        EXPECT_EQ(first.asked.size(), 1u) << forgery.reason;
        first.asked.clear();
    }
}

TEST_F(ResolverTest, ForgeriesAloneAreNoAnswer) {
    settings.timeout = 50ms;
    settings.tries = 1;
    for (const auto& forgery : kForgeries) {
        first.answer = [&](const Asked& asked) { return std::vector{forgery.packet(asked)}; };
        resolver_.reset();
        const DnsAnswer answer = ask();
        EXPECT_EQ(answer.status, DnsStatus::failed) << forgery.reason;
        EXPECT_EQ(answer.why, "timeout") << forgery.reason;
    }
}

TEST_F(ResolverTest, AnswersFromAnotherPortAreNotHeard) {
    first.answer = [&](const Asked& asked) {
        first.send_as_stranger(asked, forged(asked));
        return right(asked);
    };
    EXPECT_EQ(address(ask()), kRight);
}

TEST_F(ResolverTest, ASecondAnswerChangesNothing) {
    first.answer = [](const Asked& asked) {
        return std::vector{right(asked)[0], forged(asked), forged(asked)};
    };
    EXPECT_EQ(address(ask()), kRight);
    EXPECT_EQ(address(ask({RecordType::a, "other.example"})), kRight);
    EXPECT_EQ(address(ask()), kRight);
}

TEST_F(ResolverTest, AnswersThatComeTooLateAreNotTaken) {
    // The first attempt is answered only when the second one has come.
    std::vector<Asked> attempts;
    first.answer = [&](const Asked& asked) -> std::vector<std::string> {
        attempts.push_back(asked);
        if (attempts.size() == 1) return {};
        first.send(attempts[0], forged(attempts[0]));
        return right(asked);
    };
    EXPECT_EQ(address(ask()), kRight);
    EXPECT_EQ(attempts.size(), 2u);
}

TEST_F(ResolverTest, TruncatedAnswersAreAskedForByTcp) {
    std::string long_text(3000, 'x');
    first.answer = [&](const Asked& asked) -> std::vector<std::string> {
        if (!asked.by_tcp) return flags_only(kTruncated)(asked);
        std::vector<std::string> parts;
        for (int i = 0; i < 12; ++i) parts.push_back(long_text.substr(0, 250));
        return {WireAnswer{.answer = {txt(asked.lowered_name(), parts)}}.to(asked.packet)};
    };
    const DnsAnswer answer = ask({RecordType::txt, "long.example"});
    EXPECT_EQ(answer.texts, std::vector{long_text});
    ASSERT_EQ(first.asked.size(), 2u);
    EXPECT_TRUE(first.asked[1].by_tcp);
    EXPECT_EQ(resolver().counts().tcp, 1u);
}

TEST_F(ResolverTest, MisfortunesOverTcpAreFailures) {
    const struct {
        const char* reason;
        std::function<std::string(const Asked&)> octets;
        bool closes;
    } rows[] = {
        {"closed at once", [](const Asked&) { return std::string(); }, true},
        {"closed after the question", [](const Asked&) { return std::string(); }, false},
        {"silence", [](const Asked&) { return std::string("\0", 1); }, false},
        {"a length and no more", [](const Asked&) { return tests::u16(100); }, false},
        {"a length of nothing", [](const Asked&) { return tests::u16(0); }, false},
        {"truncated again",
         [](const Asked& asked) {
             const std::string packet = flags_only(kTruncated)(asked)[0];
             return tests::u16(static_cast<unsigned>(packet.size())) + packet;
         },
         false},
        {"another id",
         [](const Asked& asked) {
             const std::string packet = with_octet(forged(asked), 1, 1);
             return tests::u16(static_cast<unsigned>(packet.size())) + packet;
         },
         false},
        {"64 KiB",
         [](const Asked& asked) { return tests::u16(65535) + forged(asked) + std::string(65535, 'x'); },
         false},
    };
    settings.tries = 1;
    for (const auto& row : rows) {
        first.answer = flags_only(kTruncated);
        first.tcp_octets = row.octets;
        first.closes_tcp = row.closes;
        resolver_.reset();
        EXPECT_EQ(ask().status, DnsStatus::failed) << row.reason;
        EXPECT_EQ(resolver().in_flight(), 0u) << row.reason;
    }
}

TEST_F(ResolverTest, AfterFailuresOverTcpTheNextServerIsAsked) {
    has_second = true;
    first.answer = flags_only(kTruncated);
    first.closes_tcp = true;
    EXPECT_EQ(address(ask()), kRight);
    EXPECT_EQ(second.asked.size(), 1u);
}

TEST_F(ResolverTest, AServerThatRefusesIsPassedOver) {
    for (const unsigned flags : {0x8182u, 0x8184u, 0x8185u, 0x818fu}) {
        has_second = true;
        first.answer = flags_only(flags);
        resolver_.reset();
        first.asked.clear();
        second.asked.clear();
        EXPECT_EQ(address(ask()), kRight) << flags;
        EXPECT_EQ(first.asked.size(), 1u) << flags;
        EXPECT_EQ(second.asked.size(), 1u) << flags;
    }
}

TEST_F(ResolverTest, WhenAllServersRefuseTheyAreNotAskedAgain) {
    has_second = true;
    first.answer = second.answer = flags_only(kServfail);
    const DnsAnswer answer = ask();
    EXPECT_EQ(answer.status, DnsStatus::failed);
    EXPECT_EQ(answer.why, "RCODE 2");
    EXPECT_EQ(first.asked.size() + second.asked.size(), 2u);
    EXPECT_EQ(ask().status, DnsStatus::failed);
    EXPECT_EQ(first.asked.size() + second.asked.size(), 2u) << "the failure is remembered for a moment";
}

TEST_F(ResolverTest, AServerThatDoesNotKnowEdnsIsAskedPlainly) {
    first.answer = [](const Asked& asked) {
        return asked.has_edns() ? flags_only(kFormErr)(asked) : right(asked);
    };
    EXPECT_EQ(address(ask()), kRight);
    EXPECT_EQ(first.asked.size(), 2u);
}

TEST_F(ResolverTest, AServerThatMendsTheLetterCaseIsAskedPlainly) {
    first.answer = [](const Asked& asked) {
        std::string mended = asked.packet;
        for (char& c : mended) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
        mended.replace(0, 2, asked.packet.substr(0, 2));
        return answer_with(Asked{mended, asked.lowered_name(), asked.type, asked.source_port, false}, kRight);
    };
    EXPECT_EQ(address(ask({RecordType::a, "a-name-with-many-letters.example"})), kRight);
    EXPECT_EQ(first.asked.back().name, "a-name-with-many-letters.example");
}

TEST_F(ResolverTest, SilenceIsWaitedOutAndTheNextServerAsked) {
    has_second = true;
    first.answer = silent;
    EXPECT_EQ(address(ask()), kRight);
    EXPECT_EQ(first.asked.size(), 1u);
    EXPECT_EQ(address(ask({RecordType::a, "other.example"})), kRight);
    EXPECT_EQ(first.asked.size(), 1u) << "who was silent is asked last for a while";
}

TEST_F(ResolverTest, SilenceOfAllIsAFailureAfterAllTries) {
    has_second = true;
    settings.timeout = 50ms;
    settings.tries = 3;
    first.answer = second.answer = silent;
    const auto begun = Clock::now();
    const DnsAnswer answer = ask();
    EXPECT_EQ(answer.why, "timeout");
    EXPECT_EQ(first.asked.size(), 3u);
    EXPECT_EQ(second.asked.size(), 3u);
    EXPECT_GE(Clock::now() - begun, 290ms);
}

TEST_F(ResolverTest, NobodyThereIsNoticedAtOnce) {
    settings.timeout = 30s;
    udp::socket nobody(context, udp::endpoint(asio::ip::address_v4::loopback(), 0));
    const config::Endpoint closed{*protocol::IpAddress::parse("127.0.0.1"), nobody.local_endpoint().port()};
    nobody.close();
    resolver_ = std::make_unique<Resolver>(context, std::vector{closed, second.endpoint()}, settings);
    EXPECT_EQ(address(ask()), kRight);
}

TEST_F(ResolverTest, TheDeadlineEndsTheWaitAndNotTheQuestion) {
    settings.timeout = 30s;
    Asked held;
    first.answer = [&](const Asked& asked) {
        held = asked;
        return std::vector<std::string>();
    };
    EXPECT_EQ(address(ask(kQuestion, 50ms)), "not told");
    EXPECT_EQ(resolver().in_flight(), 1u);
    first.send(held, right(held)[0]);
    while (resolver().in_flight() > 0) context.run_one();
    EXPECT_EQ(address(ask()), kRight) << "what came later is known";
    EXPECT_EQ(first.asked.size(), 1u);
}

TEST_F(ResolverTest, ManyWaitersShareOneQuestion) {
    constexpr int kWaiters = 50;
    std::vector<DnsFacts> facts(kWaiters);
    int running = kWaiters;
    for (auto& each : facts)
        asio::co_spawn(context, ask_all(resolver(), {kQuestion}, Clock::now() + 5s, each, running), rethrow);
    run(running);
    EXPECT_EQ(first.asked.size(), 1u);
    for (auto& each : facts) {
        const auto* answer = each.find(kQuestion.type, kQuestion.name);
        ASSERT_TRUE(answer);
        EXPECT_EQ(address(*answer), kRight);
    }
}

TEST_F(ResolverTest, AWaiterThatHasGoneDoesNotDisturbTheOthers) {
    settings.timeout = 30s;
    Asked held;
    first.answer = [&](const Asked& asked) {
        held = asked;
        return std::vector<std::string>();
    };
    DnsFacts patient;
    int running = 1;
    asio::co_spawn(context, ask_all(resolver(), {kQuestion}, Clock::now() + 5s, patient, running), rethrow);
    EXPECT_EQ(address(ask(kQuestion, 50ms)), "not told");
    first.send(held, right(held)[0]);
    run(running);
    ASSERT_TRUE(patient.find(kQuestion.type, kQuestion.name));
}

TEST_F(ResolverTest, AsksManyQuestionsAtOnce) {
    std::vector<DnsQuestion> questions;
    for (int i = 0; i < 150; ++i)
        questions.push_back({RecordType::a, "host" + std::to_string(i) + ".example"});
    DnsFacts facts;
    int running = 1;
    settings.timeout = 5s;
    asio::co_spawn(context, ask_all(resolver(), questions, Clock::now() + 10s, facts, running), rethrow);
    run(running);
    for (const auto& question : questions) {
        const auto* answer = facts.find(question.type, question.name);
        ASSERT_TRUE(answer) << question.name;
        EXPECT_EQ(address(*answer), kRight) << question.name;
    }
}

TEST_F(ResolverTest, ContinuesAChainOfAliases) {
    first.answer = [](const Asked& asked) -> std::vector<std::string> {
        if (asked.lowered_name() == "host.example")
            return {WireAnswer{.answer = {cname("host.example", "b.test", 7)}}.to(asked.packet)};
        if (asked.lowered_name() == "b.test")
            return {WireAnswer{.answer = {cname("b.test", "c.test", 70)}}.to(asked.packet)};
        return right(asked);
    };
    const DnsAnswer answer = ask();
    EXPECT_EQ(address(answer), kRight);
    EXPECT_TRUE(answer.is_alias);
    EXPECT_EQ(answer.ttl, 7u);
    EXPECT_EQ(first.asked.size(), 3u);
}

TEST_F(ResolverTest, AnAnswerIsSecureIfEachPartOfItIs) {
    constexpr unsigned kAd = 0x81a0, kPlain = 0x8180;
    const struct {
        const char* reason;
        unsigned alias_flags, address_flags;
        bool is_secure;
    } rows[] = {{"both", kAd, kAd, true},
                {"an insecure end", kAd, kPlain, false},
                {"an insecure alias", kPlain, kAd, false}};
    int number = 0;
    for (const auto& row : rows) {
        const std::string name = "h" + std::to_string(number++) + ".example";
        first.answer = [&](const Asked& asked) {
            const bool is_alias = asked.lowered_name() == name;
            const auto record = is_alias ? cname(name, "end.test") : a("end.test", kRight);
            return std::vector{WireAnswer{
                .flags = is_alias ? row.alias_flags : row.address_flags,
                .answer = {record}}.to(asked.packet)};
        };
        const auto answer = ask({RecordType::a, name});
        EXPECT_EQ(answer.is_secure, row.is_secure) << row.reason;
        EXPECT_EQ(answer.canonical, "end.test") << row.reason;
        EXPECT_EQ(resolver().cached({RecordType::a, name})->is_secure, row.is_secure) << row.reason;
    }
}

TEST_F(ResolverTest, EndsLoopsOfAliases) {
    const struct {
        const char* reason;
        HostileDns::Answer answer;
        std::size_t most_questions;
    } rows[] = {
        {"in one packet",
         [](const Asked& asked) {
             return std::vector{WireAnswer{
                 .answer = {cname("host.example", "b.example"), cname("b.example", "host.example")}}
                                    .to(asked.packet)};
         },
         1},
        {"from packet to packet",
         [](const Asked& asked) {
             const std::string other = asked.lowered_name() == "host.example" ? "b.example" : "host.example";
             return std::vector{WireAnswer{.answer = {cname(asked.lowered_name(), other)}}.to(asked.packet)};
         },
         10},
        {"never the same name",
         [](const Asked& asked) {
             return std::vector{
                 WireAnswer{.answer = {cname(asked.lowered_name(), "x" + asked.lowered_name())}}.to(
                     asked.packet)};
         },
         10},
    };
    for (const auto& row : rows) {
        first.answer = row.answer;
        resolver_.reset();
        first.asked.clear();
        const DnsAnswer answer = ask();
        EXPECT_EQ(answer.status, DnsStatus::failed) << row.reason;
        EXPECT_EQ(answer.why, "too many aliases") << row.reason;
        EXPECT_LE(first.asked.size(), row.most_questions) << row.reason;
    }
}

TEST_F(ResolverTest, PrefetchesWithoutAnybodyWaiting) {
    resolver().prefetch({kQuestion, {RecordType::a, "other.example"}, kQuestion});
    EXPECT_EQ(resolver().in_flight(), 2u);
    while (resolver().in_flight() > 0) context.run_one();
    EXPECT_TRUE(resolver().cached(kQuestion));
    EXPECT_EQ(first.asked.size(), 2u);
}

TEST_F(ResolverTest, CanEndWhileItAsks) {
    first.answer = flags_only(kTruncated);
    first.tcp_octets = [](const Asked&) { return std::string("\0", 1); };
    resolver().prefetch({kQuestion, {RecordType::a, "other.example"}});
    for (int i = 0; i < 3; ++i) {
        context.run_one();
        resolver_.reset();
    }
    context.run_for(200ms);
}

TEST_F(ResolverTest, SettlesWhatNeedsSeveralRounds) {
    first.answer = [](const Asked& asked) -> std::vector<std::string> {
        if (asked.type == 15)
            return {
                WireAnswer{.answer = {tests::mx(asked.lowered_name(), 10, "mx.example")}}.to(asked.packet)};
        return right(asked);
    };
    std::string found;
    DnsFacts facts = resolver().facts();
    int running = 1;
    const auto evaluate = [&](DnsFacts& known) {
        const auto* exchanges = known.find(RecordType::mx, "example");
        const auto* addresses =
            exchanges ? known.find(RecordType::a, exchanges->exchanges.at(0).host) : nullptr;
        if (addresses) found = address(*addresses);
    };
    asio::co_spawn(context, settle_all(resolver(), Clock::now() + 5s, facts, evaluate, running), rethrow);
    run(running);
    EXPECT_EQ(found, kRight);
    EXPECT_TRUE(facts.is_complete());
}

TEST_F(ResolverTest, SettlingGivesUpAtTheDeadline) {
    settings.timeout = 30s;
    first.answer = silent;
    DnsFacts facts = resolver().facts();
    int running = 1, evaluations = 0;
    DnsAnswer last;
    const auto evaluate = [&](DnsFacts& known) {
        ++evaluations;
        if (const auto* answer = known.find(RecordType::a, "host.example")) last = *answer;
    };
    const auto begun = Clock::now();
    asio::co_spawn(context, settle_all(resolver(), begun + 100ms, facts, evaluate, running), rethrow);
    run(running);
    EXPECT_LT(Clock::now() - begun, 10s);
    EXPECT_EQ(last.status, DnsStatus::failed);
    EXPECT_EQ(last.why, "no time left for DNS");
    EXPECT_LE(evaluations, 3);
}

TEST_F(ResolverTest, SettlingEndsForAnEvaluationThatNeverHasEnough) {
    DnsFacts facts = resolver().facts();
    int running = 1, rounds = 0;
    const auto evaluate = [&](DnsFacts& known) {
        known.find(RecordType::a, "n" + std::to_string(++rounds) + ".example");
    };
    asio::co_spawn(context, settle_all(resolver(), Clock::now() + 30s, facts, evaluate, running), rethrow);
    run(running);
    EXPECT_LE(rounds, 50);
}

TEST(SystemDnsServers, AreThoseOfResolvConf) {
    const auto file = std::filesystem::temp_directory_path() / ("resolv." + std::to_string(::getpid()));
    const auto servers = [&](const std::string& text) {
        std::ofstream(file) << text;
        std::string all;
        for (const auto& server : system_dns_servers(file.string())) all += server.text() + " ";
        return all;
    };
    EXPECT_EQ(servers("# c\nsearch x\nnameserver 192.0.2.1\nnameserver\t2001:db8::1\n"),
              "192.0.2.1:53 [2001:db8::1]:53 ");
    EXPECT_EQ(servers("nameserver 1.1.1.1\nnameserver 2.2.2.2\nnameserver 3.3.3.3\nnameserver 4.4.4.4\n"),
              "1.1.1.1:53 2.2.2.2:53 3.3.3.3:53 ");
    EXPECT_EQ(servers("nameserver nonsense\nnameserver fe80::1%eth0\n"), "127.0.0.1:53 ");
    std::filesystem::remove(file);
    EXPECT_EQ(system_dns_servers(file.string()).size(), 1u);
}

}  // namespace
}  // namespace gatepost::gateway
