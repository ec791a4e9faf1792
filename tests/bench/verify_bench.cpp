// What judging a message costs: SPF, DKIM and DMARC with all facts at hand, beside the SHA-256 and RSA that
// it cannot do without; and what follows from the verification. The last table gives the ratio and says
// whether the target is met.
#include <benchmark/benchmark.h>

#include "auth/message_verifier.h"
#include "policy/judgement.h"
#include "samples.h"

namespace {

using namespace gatepost;
using namespace gatepost::bench;
using auth::DnsAnswer;
using auth::DnsStatus;
using auth::RecordType;

// One message with all that is known about it, as a worker has it.
class Scene {
  public:
    Scene(std::size_t size, int signatures) : message_(make_message(size, signatures)) {
        header_.emplace(*protocol::Header::parse(message_.header));
        auto& records = message_.records;
        records[{RecordType::txt, "example.com"}] =
            txt_answer("v=spf1 a:other.example.com ip4:198.51.100.0/24 ip4:192.0.2.0/28 -all");
        records[{RecordType::txt, "_dmarc.example.com"}] =
            txt_answer("v=DMARC1; p=reject; rua=mailto:d@example.com");
        records[{RecordType::a, "other.example.com"}] = address("198.51.100.7");
        records[{RecordType::a, "mail.example.com"}] = address("192.0.2.1");
        DnsAnswer pointer{.status = DnsStatus::found, .ttl = 300, .names = {"mail.example.com"}};
        records[{RecordType::ptr, "1.2.0.192.in-addr.arpa"}] = std::make_shared<DnsAnswer>(pointer);
    }

    auth::Verification verify() {
        auth::MessageVerifier verifier(*header_, client_, "alice@example.com", {},
                                       {&spf_cache_, &key_cache_});
        for (std::size_t at = 0; at < message_.body.size(); at += kPortion) {
            verifier.body(std::string_view(message_.body).substr(at, kPortion));
        }
        verifier.end_of_body();
        auth::DnsFacts facts([this](const auth::DnsQuestion& question) { return known(question); });
        return verifier.evaluate(facts);
    }
    policy::Judgement judge(auth::Verification verification) const {
        policy::Circumstances circumstances{
            client_.ip, client_.helo, "alice@example.com", {"bob@example.net"}, {}};
        return policy::judge(std::move(verification), circumstances, *header_, settings_, "0123456789ab");
    }
    bool is_authentic(const auth::Verification& found) const {
        const auto passes = [](const auto& outcome) { return outcome.result == auth::DkimResult::pass; };
        return found.dmarc.result == auth::DmarcResult::pass &&
               found.mail_from.result == auth::SpfResult::pass &&
               std::all_of(found.dkim.begin(), found.dkim.end(), passes);
    }
    const SignedMessage& message() const { return message_; }

  private:
    static constexpr std::size_t kPortion = 16 * 1024;  // as it comes from the network

    static auth::DnsAnswerPtr address(const char* text) {
        DnsAnswer answer{
            .status = DnsStatus::found, .ttl = 300, .addresses = {*protocol::IpAddress::parse(text)}};
        return std::make_shared<DnsAnswer>(answer);
    }
    static config::Settings make_settings() {
        config::Settings settings;
        settings.hostname = settings.authserv_id = "mx.example.net";
        settings.domains = {*protocol::Domain::parse("example.net")};
        return settings;
    }
    auth::DnsAnswerPtr known(const auth::DnsQuestion& question) const {
        const auto it = message_.records.find(question);
        return it == message_.records.end() ? nothing_ : it->second;
    }

    SignedMessage message_;
    std::optional<protocol::Header> header_;
    auth::SpfCache spf_cache_;
    auth::DkimKeyCache key_cache_;
    const auth::SpfClient client_{*protocol::IpAddress::parse("192.0.2.1"), "mail.example.com",
                                  "mx.example.net", kNow};
    const config::Settings settings_ = make_settings();
    const auth::DnsAnswerPtr nothing_ =
        std::make_shared<DnsAnswer>(DnsAnswer{.status = DnsStatus::nx_domain, .ttl = 300});
};

Scene& scene(std::size_t size, int signatures) {
    static std::map<std::pair<std::size_t, int>, std::unique_ptr<Scene>> scenes;
    auto& made = scenes[{size, signatures}];
    if (!made) made = std::make_unique<Scene>(size, signatures);
    return *made;
}

Scene& scene(const benchmark::State& state) {
    return scene(static_cast<std::size_t>(state.range(0)), static_cast<int>(state.range(1)));
}

void verify_message(benchmark::State& state) {
    Scene& played = scene(state);
    for (auto _ : state) {
        if (!played.is_authentic(played.verify())) state.SkipWithError("not authentic");
    }
    state.SetItemsProcessed(state.iterations());
}

void bare_openssl(benchmark::State& state) {
    const SignedMessage& message = scene(state).message();
    BareOpenssl bare;
    for (auto _ : state) {
        if (!bare.run(message, static_cast<int>(state.range(1)))) state.SkipWithError("does not verify");
    }
    state.SetItemsProcessed(state.iterations());
}

void judge_verification(benchmark::State& state) {
    Scene& played = scene(state);
    const auth::Verification verification = played.verify();
    for (auto _ : state) benchmark::DoNotOptimize(played.judge(verification));
    state.SetItemsProcessed(state.iterations());
}

void parse_header(benchmark::State& state) {
    const std::string& text = scene(state).message().header;
    for (auto _ : state) benchmark::DoNotOptimize(protocol::Header::parse(text));
    state.SetItemsProcessed(state.iterations());
}

void add_cases(benchmark::internal::Benchmark* benchmark) {
    benchmark->ArgNames({"octets", "signatures"})->ArgsProduct({{10'000, 100'000}, {1, 2}});
}
BENCHMARK(verify_message)->Apply(add_cases);
BENCHMARK(bare_openssl)->Apply(add_cases);
BENCHMARK(judge_verification)->ArgNames({"octets", "signatures"})->Args({10'000, 1})->Args({10'000, 2});
BENCHMARK(parse_header)->ArgNames({"octets", "signatures"})->Args({10'000, 1})->Args({10'000, 2});

void print_ratio(std::size_t size, int signatures) {
    Scene& played = scene(size, signatures);
    BareOpenssl bare;
    const Pair best = compare([&] { benchmark::DoNotOptimize(played.verify()); },
                              [&] { benchmark::DoNotOptimize(bare.run(played.message(), signatures)); });
    best.print("all, " + std::to_string(size) + " octets, " + std::to_string(signatures) + " signature(s)");
}

}  // namespace

int main(int argc, char** argv) {
    benchmark::Initialize(&argc, argv);
    benchmark::RunSpecifiedBenchmarks();
    for (const std::size_t size : {std::size_t{10'000}, std::size_t{100'000}}) {
        for (const int signatures : {1, 2}) print_ratio(size, signatures);
    }
}
