#include "gateway/environment.h"

#include <gtest/gtest.h>

#include "config/load.h"

namespace gatepost::gateway {
namespace {

constexpr char kBase[] = R"(hostname: mx.example.org
domains: [example.org]
downstream: {servers: ["smtp://10.0.0.5:25"]}
dns: {servers: ["127.0.0.1:53"]}
)";

std::shared_ptr<const Snapshot> snapshot_of(const std::string& yaml) {
    const auto loaded = config::load_text(yaml, "gatepost.yaml", "host.example");
    auto snapshot = std::make_shared<Snapshot>();
    EXPECT_TRUE(loaded.settings) << yaml;
    if (loaded.settings) snapshot->settings = *loaded.settings;
    snapshot->dns_servers = snapshot->settings.dns.servers;
    return snapshot;
}

std::string with(std::string text, const std::string& from, const std::string& to) {
    const auto at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

TEST(Environment, KeepsWhatItKnowsWhereItsSettingsAreTheSame) {
    const struct {
        const char* reason;
        std::string yaml;
        bool keeps_dns, keeps_spf, keeps_relay;
    } rows[] = {
        {"nothing changed", kBase, true, true, true},
        {"lines moved", "# a comment\n\n" + std::string(kBase), true, true, true},
        {"policy", std::string(kBase) + "policy: {enforce: observe}\n", true, true, true},
        {"domains", with(kBase, "[example.org]", "[example.org, example.net]"), true, true, true},
        {"listeners", std::string(kBase) + "listeners: [{address: \"127.0.0.1:25\"}]\n", true, true, true},
        {"defence", std::string(kBase) + "defence: {tarpit: {after: 3}}\n", true, true, true},
        {"a limit: the relay has some", std::string(kBase) + "limits: {downstream_timeout: 1m}\n", true, true,
         false},
        {"another downstream", with(kBase, "10.0.0.5", "10.0.0.6"), true, true, false},
        {"its TLS", with(kBase, "\"smtp://10.0.0.5:25\"]", "\"smtp://10.0.0.5:25\"], tls: verify"), true,
         true, false},
        {"the name in EHLO and in explanations", with(kBase, "mx.example.org", "mx2.example.org"), true,
         false, false},
        {"another resolver", with(kBase, "127.0.0.1:53", "127.0.0.1:5353"), false, false, false},
        {"how it is asked", with(kBase, "\"127.0.0.1:53\"]", "\"127.0.0.1:53\"], tries: 5"), false, false,
         false},
        {"whom it believes", with(kBase, "\"127.0.0.1:53\"]", "\"127.0.0.1:53\"], trust_ad: true"), false,
         false, false},
    };
    asio::io_context io;
    asio::thread_pool disk(1);
    for (const auto& row : rows) {
        const Environment before(io, disk, snapshot_of(kBase));
        const Environment after(io, disk, snapshot_of(row.yaml), nullptr, &before);
        EXPECT_EQ(&after.resolver == &before.resolver, row.keeps_dns) << row.reason;
        EXPECT_EQ(&after.spf_cache == &before.spf_cache, row.keeps_spf) << row.reason;
        EXPECT_EQ(&after.relay == &before.relay, row.keeps_relay) << row.reason;
        EXPECT_EQ(&after.key_cache, &before.key_cache) << row.reason;
        EXPECT_EQ(need_the_same_relay(*before.snapshot, *after.snapshot), row.keeps_relay) << row.reason;
        EXPECT_EQ(&after.settings, &after.snapshot->settings) << row.reason;
    }
}

TEST(Environment, WhatIsKeptOutlivesTheOneThatMadeIt) {
    asio::io_context io;
    asio::thread_pool disk(1);
    auto first = std::make_unique<Environment>(io, disk, snapshot_of(kBase));
    auto second = std::make_unique<Environment>(io, disk, snapshot_of("# moved\n" + std::string(kBase)),
                                                nullptr, first.get());
    const Environment third(io, disk, snapshot_of(kBase), nullptr, second.get());
    first.reset();
    second.reset();
    // The settings of the first one, which the relay was made of, are still there.
    EXPECT_EQ(third.relay.settings().hostname, "mx.example.org");
    EXPECT_NE(&third.relay.settings(), &third.settings);
    EXPECT_EQ(third.resolver.cached({auth::RecordType::a, "a.example"}), nullptr);
}

// The relay is kept, and with it what it was told of recipients.
TEST(Environment, RemembersRecipientsOfADomainThatIsNew) {
    asio::io_context io;
    asio::thread_pool disk(1);
    const Environment before(io, disk, snapshot_of(kBase));
    const Environment after(io, disk, snapshot_of(with(kBase, "[example.org]", "[example.net]")), nullptr,
                            &before);
    const auto now = Clock::now();
    for (const auto& [address, standing] : {std::pair("<alice@example.net>", Standing::known),
                                            std::pair("<alice@example.org>", Standing::unclear)}) {
        const auto path = protocol::parse_forward_path(address)->path;
        after.relay.recipients().learn(path, protocol::reply::kRecipientOk, now);
        EXPECT_EQ(after.relay.recipients().lookup(path, Recipients::Downstream::there, now), standing)
            << address;
    }
}

TEST(Environment, TakesRenewedCertificatesAndNothingElse) {
    asio::io_context io;
    asio::thread_pool disk(1);
    Environment environment(io, disk, snapshot_of(kBase));
    const auto* relay = &environment.relay;
    Snapshot renewed = *snapshot_of(with(kBase, "[example.org]", "[example.net]"));
    renewed.tls = std::make_shared<TlsServer>();
    renewed.client_tls = make_client_tls(config::DownstreamTls::opportunistic);
    environment.use_certificates(renewed);
    EXPECT_EQ(environment.tls, renewed.tls);
    EXPECT_EQ(&environment.relay, relay);
    EXPECT_TRUE(environment.settings.accepts_domain(*protocol::Domain::parse("example.org")));
}

}  // namespace
}  // namespace gatepost::gateway
