// What verifying DKIM costs over the SHA-256 and RSA that it cannot do without. The last table gives the
// ratio.
#include <benchmark/benchmark.h>

#include "auth/canonical.h"
#include "auth/dkim_verify.h"
#include "samples.h"

namespace {

using namespace gatepost;
using namespace gatepost::bench;
using auth::Canonicalization;

constexpr std::size_t kPortion = 16 * 1024;  // as it comes from the network

struct Case {
    std::size_t size;
    int signatures;
    Canonicalization mode;
    auto operator<=>(const Case&) const = default;
};

class Scene {
  public:
    explicit Scene(const Case& wanted)
        : message_(make_message(wanted.size, wanted.signatures, wanted.mode)),
          header_(*protocol::Header::parse(message_.header)) {
        for (const auto& [question, answer] : message_.records) facts_.learn(question, answer);
    }
    bool verify() {
        auth::DkimVerifier verifier(header_, protocol::Domain::parse("example.com"));
        for (std::size_t at = 0; at < message_.body.size(); at += kPortion) {
            verifier.body(std::string_view(message_.body).substr(at, kPortion));
        }
        verifier.end_of_body();
        const auto outcomes = verifier.verify(facts_, kNow, &keys_);
        return std::all_of(outcomes.begin(), outcomes.end(),
                           [](const auto& one) { return one.result == auth::DkimResult::pass; });
    }
    const SignedMessage& message() const { return message_; }

  private:
    SignedMessage message_;
    protocol::Header header_;
    auth::DnsFacts facts_;
    auth::DkimKeyCache keys_;
};

Scene& scene(const Case& wanted) {
    static std::map<Case, std::unique_ptr<Scene>> scenes;
    auto& made = scenes[wanted];
    if (!made) made = std::make_unique<Scene>(wanted);
    return *made;
}

Canonicalization mode(std::int64_t is_relaxed) {
    return is_relaxed ? Canonicalization::relaxed : Canonicalization::simple;
}

Case case_of(const benchmark::State& state) {
    return {static_cast<std::size_t>(state.range(0)), static_cast<int>(state.range(1)), mode(state.range(2))};
}

void verify_signatures(benchmark::State& state) {
    Scene& played = scene(case_of(state));
    for (auto _ : state) {
        if (!played.verify()) state.SkipWithError("does not pass");
    }
    state.SetItemsProcessed(state.iterations());
}

void bare_openssl(benchmark::State& state) {
    const Case wanted = case_of(state);
    BareOpenssl bare;
    for (auto _ : state) {
        if (!bare.run(scene(wanted).message(), wanted.signatures)) state.SkipWithError("does not verify");
    }
    state.SetItemsProcessed(state.iterations());
}

void canonicalize_body(benchmark::State& state) {
    const std::string body = make_body(1'000'000);
    std::size_t octets = 0;
    for (auto _ : state) {
        auth::BodyCanonicalizer canonicalizer(mode(state.range(0)));
        const auth::BodyCanonicalizer::Sink sink = [&](std::string_view run) { octets += run.size(); };
        for (std::size_t at = 0; at < body.size(); at += kPortion) {
            canonicalizer.write(std::string_view(body).substr(at, kPortion), sink);
        }
        canonicalizer.finish(sink);
    }
    benchmark::DoNotOptimize(octets);
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(body.size()));
}

void hash_body(benchmark::State& state) {
    const std::string body = make_body(1'000'000);
    for (auto _ : state) benchmark::DoNotOptimize(auth::sha256(body));
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(body.size()));
}

void add_cases(benchmark::internal::Benchmark* benchmark) {
    benchmark->ArgNames({"octets", "signatures", "relaxed"})
        ->ArgsProduct({{10'000, 100'000}, {1, 2}, {0, 1}});
}
BENCHMARK(verify_signatures)->Apply(add_cases);
BENCHMARK(bare_openssl)->Apply(add_cases);
BENCHMARK(canonicalize_body)->ArgName("relaxed")->Arg(0)->Arg(1);
BENCHMARK(hash_body);

void print_ratio(const Case& wanted) {
    Scene& played = scene(wanted);
    BareOpenssl bare;
    const Pair best =
        compare([&] { benchmark::DoNotOptimize(played.verify()); },
                [&] { benchmark::DoNotOptimize(bare.run(played.message(), wanted.signatures)); });
    const std::string word = wanted.mode == Canonicalization::relaxed ? "relaxed" : "simple";
    best.print("DKIM, " + std::to_string(wanted.size) + " octets, " + std::to_string(wanted.signatures) +
               " " + word);
}

}  // namespace

int main(int argc, char** argv) {
    benchmark::Initialize(&argc, argv);
    benchmark::RunSpecifiedBenchmarks();
    for (const std::size_t size : {std::size_t{10'000}, std::size_t{100'000}}) {
        for (const int signatures : {1, 2}) {
            for (const int is_relaxed : {0, 1}) print_ratio({size, signatures, mode(is_relaxed)});
        }
    }
}
