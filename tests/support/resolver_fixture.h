// A resolver in front of one or two servers that answer as told, and what its tests say to them.
#pragma once

#include <gtest/gtest.h>

#include "gateway/dns/resolver.h"
#include "tests/support/hostile_dns.h"

namespace gatepost::gateway {

using namespace std::chrono_literals;
using auth::DnsAnswer;
using auth::DnsFacts;
using auth::DnsQuestion;
using auth::DnsStatus;
using auth::RecordType;
using tests::a;
using tests::cname;
using tests::HostileDns;
using tests::txt;
using tests::WireAnswer;
using Asked = HostileDns::Asked;

inline constexpr unsigned kServfail = 0x8182, kFormErr = 0x8181, kNxDomain = 0x8183, kTruncated = 0x8380;
inline const DnsQuestion kQuestion{RecordType::a, "host.example"};
inline const std::string kRight = "192.0.2.1", kWrong = "192.0.2.66";

inline std::vector<std::string> answer_with(const Asked& asked, const std::string& ip) {
    return {WireAnswer{.answer = {a(asked.lowered_name(), ip)}}.to(asked.packet)};
}

inline std::vector<std::string> right(const Asked& asked) {
    return answer_with(asked, kRight);
}
inline std::vector<std::string> silent(const Asked&) {
    return {};
}

inline HostileDns::Answer flags_only(unsigned flags) {
    return [flags](const Asked& asked) { return std::vector{WireAnswer{.flags = flags}.to(asked.packet)}; };
}

inline awaitable<void> ask_all(Resolver& resolver, std::vector<DnsQuestion> questions, Deadline deadline,
                               DnsFacts& facts, int& running) {
    co_await resolver.ask(std::move(questions), deadline, facts);
    --running;
}

inline awaitable<void> settle_all(Resolver& resolver, Deadline deadline, DnsFacts& facts,
                                  std::function<void(DnsFacts&)> evaluate, int& running) {
    co_await settle(resolver, deadline, facts, evaluate);
    --running;
}

inline void rethrow(std::exception_ptr exception) {
    if (exception) std::rethrow_exception(exception);
}

// A resolver in front of one or two hostile servers.
class ResolverTest : public testing::Test {
  protected:
    explicit ResolverTest() { settings.timeout = 100ms; }

    Resolver& resolver() {
        if (!resolver_) {
            std::vector<config::Endpoint> servers{first.endpoint()};
            if (has_second) servers.push_back(second.endpoint());
            resolver_ = std::make_unique<Resolver>(context, servers, settings);
        }
        return *resolver_;
    }
    // Until nothing is running; a test that hangs is ended by ctest.
    void run(const int& running) {
        while (running > 0) context.run_one();
    }
    DnsAnswer ask(const DnsQuestion& question = kQuestion, std::chrono::milliseconds patience = 5s) {
        DnsFacts facts;
        int running = 1;
        asio::co_spawn(context, ask_all(resolver(), {question}, Clock::now() + patience, facts, running),
                       rethrow);
        run(running);
        const DnsAnswer* answer = facts.find(question.type, question.name);
        return answer ? *answer : DnsAnswer{.why = "not told"};
    }
    static std::string address(const DnsAnswer& answer) {
        return answer.addresses.size() == 1 ? answer.addresses[0].text() : answer.why;
    }

    asio::io_context context;
    HostileDns first{context, right}, second{context, right};
    config::Dns settings;
    bool has_second = false;
    std::unique_ptr<Resolver> resolver_;
};

inline std::string forged(const Asked& asked) {
    return answer_with(asked, kWrong)[0];
}

inline std::string with_octet(std::string packet, std::size_t at, char change) {
    packet[at] = static_cast<char>(packet[at] ^ change);
    return packet;
}

}  // namespace gatepost::gateway
