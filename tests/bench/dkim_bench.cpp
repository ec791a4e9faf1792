// What verifying DKIM costs over the SHA-256 and RSA that it cannot do without. The last table gives the
// ratio.
#include <benchmark/benchmark.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <map>
#include <memory>
#include <string>

#include "auth/canonical.h"
#include "auth/dkim_sign.h"
#include "auth/dkim_verify.h"

namespace {

using namespace gatepost::auth;
using gatepost::protocol::Domain;
using gatepost::protocol::Header;

constexpr std::int64_t kNow = 1'800'000'000;

// Lines as mail has them: words, some indented, some quoted-printable, a blank line now and then.
std::string make_body(std::size_t size) {
    static constexpr std::string_view kLines[] = {
        "Dear colleague, the minutes of our last meeting are attached; please read them.\r\n",
        "    <td class=3D\"cell\" style=3D\"padding:0 4px\">  <a href=3D\"https://example.com/=\r\n",
        "aGVsbG8gd29ybGQsIHRoaXMgaXMgYmFzZTY0IGVuY29kZWQgdGV4dCBvZiBhbiBhdHRhY2htZW50Lg==\r\n",
        "\r\n",
        "On Tuesday we shall meet again, at the same hour and in the same place. \r\n",
    };
    std::string body;
    for (std::size_t i = 0; body.size() < size; ++i) body += kLines[i % std::size(kLines)];
    return body.substr(0, size - 2) + "\r\n";
}

struct Case {
    std::size_t size;
    int signatures;
    Canonicalization mode;
    auto operator<=>(const Case&) const = default;
};

struct Bare {
    std::shared_ptr<EVP_PKEY> key;
    std::string signature;
    Digest digest{};
};

struct Message {
    std::unique_ptr<Header> header;
    std::string body;
    DnsFacts facts;
    std::string signed_octets;  // as many as the header hash of one signature takes
    Bare bare;
};

Bare make_bare() {
    Bare bare;
    bare.key.reset(EVP_RSA_gen(2048), EVP_PKEY_free);
    bare.signature.resize(256);
    std::size_t size = bare.signature.size();
    EVP_PKEY_CTX* context = EVP_PKEY_CTX_new(bare.key.get(), nullptr);
    EVP_PKEY_sign_init(context);
    EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING);
    EVP_PKEY_CTX_set_signature_md(context, EVP_sha256());
    EVP_PKEY_sign(context, reinterpret_cast<unsigned char*>(bare.signature.data()), &size, bare.digest.data(),
                  32);
    EVP_PKEY_CTX_free(context);
    return bare;
}

Message make_message(const Case& wanted) {
    std::string block =
        "Received: from mail.example.com (mail.example.com [192.0.2.1])\r\n\tby mx.example.net with ESMTPS "
        "id 4711\r\n"
        "\tfor <bob@example.net>; Tue, 1 Sep 2026 10:00:00 +0000\r\n"
        "From: Alice <alice@example.com>\r\nTo: Bob <bob@example.net>\r\nSubject: The minutes of the last "
        "meeting\r\n"
        "Date: Tue, 1 Sep 2026 10:00:00 +0000\r\nMessage-ID: "
        "<1234567890.abcdef@example.com>\r\nMIME-Version: 1.0\r\n"
        "Content-Type: multipart/alternative; boundary=\"=_0123456789abcdef\"\r\nContent-Transfer-Encoding: "
        "8bit\r\n"
        "List-Unsubscribe: <https://example.com/unsubscribe/0123456789>\r\nX-Mailer: example 1.0\r\n";
    Message message;
    message.body = make_body(wanted.size);
    message.bare = make_bare();
    const std::string unsigned_block = block;
    for (int i = 0; i < wanted.signatures; ++i) {
        const auto key = PrivateKey::generate(KeyType::rsa);
        const std::string selector = "s" + std::to_string(i);
        const auto header = Header::parse(unsigned_block);
        block = sign(*header, message.body, key,
                     {.domain = *Domain::parse("example.com"),
                      .selector = *Domain::parse(selector),
                      .now = kNow,
                      .header_canonicalization = wanted.mode,
                      .body_canonicalization = wanted.mode}) +
                block;
        DnsAnswer answer{.status = DnsStatus::found, .texts = {key_record(key)}};
        message.facts.learn({RecordType::txt, selector + "._domainkey.example.com"}, std::move(answer));
    }
    message.header = std::make_unique<Header>(*Header::parse(block));
    const auto tags = parse_dkim_signature((*message.header)[0], 0);
    message.signed_octets =
        signed_header(*message.header, SignedFields(*message.header).select(tags.signed_names, 0),
                      (*message.header)[0], tags);
    return message;
}

Message& message_for(const Case& wanted) {
    static std::map<Case, Message> messages;
    auto it = messages.find(wanted);
    if (it == messages.end()) it = messages.emplace(wanted, make_message(wanted)).first;
    return it->second;
}

bool verify_once(Message& message, DkimKeyCache& cache) {
    DkimVerifier verifier(*message.header, Domain::parse("example.com"));
    for (std::size_t at = 0; at < message.body.size(); at += 16384) {
        verifier.body(std::string_view(message.body).substr(at, 16384));
    }
    verifier.end_of_body();
    const auto outcomes = verifier.verify(message.facts, kNow, &cache);
    return std::all_of(outcomes.begin(), outcomes.end(),
                       [](const DkimOutcome& one) { return one.result == DkimResult::pass; });
}

// The body once and a header for each signature through SHA-256, and an RSA verification for each.
struct BareVerifier {
    EVP_MD* md = EVP_MD_fetch(nullptr, "SHA256", nullptr);
    EVP_MD_CTX* hash = EVP_MD_CTX_new();
    EVP_PKEY_CTX* rsa = nullptr;

    explicit BareVerifier(const Bare& bare) : rsa(EVP_PKEY_CTX_new(bare.key.get(), nullptr)) {
        EVP_PKEY_verify_init(rsa);
        EVP_PKEY_CTX_set_rsa_padding(rsa, RSA_PKCS1_PADDING);
        EVP_PKEY_CTX_set_signature_md(rsa, md);
    }
    ~BareVerifier() {
        EVP_PKEY_CTX_free(rsa);
        EVP_MD_CTX_free(hash);
        EVP_MD_free(md);
    }
    BareVerifier(const BareVerifier&) = delete;
    BareVerifier& operator=(const BareVerifier&) = delete;

    void digest(std::string_view octets) {
        unsigned char out[32];
        EVP_DigestInit_ex(hash, md, nullptr);
        EVP_DigestUpdate(hash, octets.data(), octets.size());
        EVP_DigestFinal_ex(hash, out, nullptr);
        benchmark::DoNotOptimize(out);
    }
    bool run(const Message& message, int signatures) {
        bool ok = true;
        digest(message.body);
        for (int i = 0; i < signatures; ++i) {
            digest(message.signed_octets);
            ok &= EVP_PKEY_verify(rsa, reinterpret_cast<const unsigned char*>(message.bare.signature.data()),
                                  256, message.bare.digest.data(), 32) == 1;
        }
        return ok;
    }
};

Case case_of(const benchmark::State& state) {
    return {static_cast<std::size_t>(state.range(0)), static_cast<int>(state.range(1)),
            state.range(2) != 0 ? Canonicalization::relaxed : Canonicalization::simple};
}

void verify_message(benchmark::State& state) {
    Message& message = message_for(case_of(state));
    DkimKeyCache cache;
    for (auto _ : state) {
        if (!verify_once(message, cache)) state.SkipWithError("does not pass");
    }
    state.SetItemsProcessed(state.iterations());
}

void bare_openssl(benchmark::State& state) {
    const Case wanted = case_of(state);
    Message& message = message_for(wanted);
    BareVerifier bare(message.bare);
    for (auto _ : state) {
        if (!bare.run(message, wanted.signatures)) state.SkipWithError("does not verify");
    }
    state.SetItemsProcessed(state.iterations());
}

void canonicalize_body(benchmark::State& state) {
    const auto mode = state.range(0) != 0 ? Canonicalization::relaxed : Canonicalization::simple;
    const std::string body = make_body(1'000'000);
    std::size_t octets = 0;
    for (auto _ : state) {
        BodyCanonicalizer canonicalizer(mode);
        const BodyCanonicalizer::Sink sink = [&](std::string_view run) { octets += run.size(); };
        for (std::size_t at = 0; at < body.size(); at += 16384) {
            canonicalizer.write(std::string_view(body).substr(at, 16384), sink);
        }
        canonicalizer.finish(sink);
    }
    benchmark::DoNotOptimize(octets);
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(body.size()));
}

void hash_body(benchmark::State& state) {
    const std::string body = make_body(1'000'000);
    for (auto _ : state) benchmark::DoNotOptimize(sha256(body));
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(body.size()));
}

void add_cases(benchmark::internal::Benchmark* bench) {
    bench->ArgNames({"octets", "signatures", "relaxed"})->ArgsProduct({{10'000, 100'000}, {1, 2}, {0, 1}});
}
BENCHMARK(verify_message)->Apply(add_cases);
BENCHMARK(bare_openssl)->Apply(add_cases);
BENCHMARK(canonicalize_body)->ArgName("relaxed")->Arg(0)->Arg(1);
BENCHMARK(hash_body);

// Of processor time. The best of several short rounds counts, the two alternating, so that a busy machine
// disturbs both or neither.
template <class Work>
double microseconds(int times, Work work) {
    const std::clock_t start = std::clock();
    for (int i = 0; i < times; ++i) work();
    return 1e6 * static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC / times;
}

void print_ratio(const Case& wanted) {
    Message& message = message_for(wanted);
    DkimKeyCache cache;
    BareVerifier bare(message.bare);
    double ours = 1e9, theirs = 1e9;
    for (int round = 0; round < 40; ++round) {
        ours =
            std::min(ours, microseconds(100, [&] { benchmark::DoNotOptimize(verify_once(message, cache)); }));
        theirs = std::min(theirs, microseconds(100, [&] {
                              benchmark::DoNotOptimize(bare.run(message, wanted.signatures));
                          }));
    }
    std::printf("%7zu octets  %d signature(s)  %-7s  %8.0f messages/s  %7.1f us  bare %7.1f us  ratio %.2f\n",
                wanted.size, wanted.signatures,
                wanted.mode == Canonicalization::relaxed ? "relaxed" : "simple", 1e6 / ours, ours, theirs,
                ours / theirs);
}

}  // namespace

int main(int argc, char** argv) {
    benchmark::Initialize(&argc, argv);
    benchmark::RunSpecifiedBenchmarks();
    for (std::size_t size : {std::size_t{10'000}, std::size_t{100'000}}) {
        for (int signatures : {1, 2}) {
            print_ratio({size, signatures, Canonicalization::simple});
            print_ratio({size, signatures, Canonicalization::relaxed});
        }
    }
}
