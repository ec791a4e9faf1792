// downstream.tls: dane and downstream.client_certificate.
#include <gtest/gtest.h>

#include "config/load.h"

namespace gatepost::config {
namespace {

constexpr char kDomains[] = "hostname: mx.example.org\ndomains: [example.org]\n";

Loaded load_downstream(const std::string& flow) {
    return load_text(kDomains + ("downstream: " + flow + "\n"), "/etc/gatepost/gatepost.yaml",
                     "host.example");
}

std::string findings(const Loaded& loaded) {
    std::string all;
    for (const auto& finding : loaded.findings) all += text(finding, "f") + "\n";
    return all;
}

TEST(DownstreamTls, DaneIsForServersWithAName) {
    const std::string says = "needs the server's name, for its DNS records";
    const struct {
        const char* server;
        bool warns;
    } rows[] = {{"smtp://mail.example.org", false}, {"lmtp://mail.example.org:24", false},
                {"smtp://10.0.0.5:25", true},       {"smtp://[2001:db8::5]:25", true},
                {"smtp://localhost:10025", true},   {"lmtp+unix:///run/lmtp", true}};
    for (const auto& row : rows) {
        const auto loaded = load_downstream("{servers: [\"" + std::string(row.server) + "\"], tls: dane}");
        ASSERT_TRUE(loaded.settings) << findings(loaded);
        EXPECT_EQ(loaded.settings->downstream.tls, DownstreamTls::dane);
        EXPECT_EQ(loaded.settings->downstream.tls_place.line, 3);
        EXPECT_EQ(findings(loaded).find(says) != std::string::npos, row.warns) << row.server;
    }
    EXPECT_EQ(findings(load_downstream("{servers: [\"smtp://10.0.0.5:25\"], tls: verify}")), "");
}

TEST(DownstreamTls, DaneIsForRelaysOfNotificationsWithAName) {
    const std::string named = std::string(kDomains) + "downstream: {servers: [\"smtp://h.example\"], tls: ";
    const std::string relays = "notifications: {relay: [\"smtp://out.example\", \"smtp://10.0.0.6\"]}\n";
    EXPECT_EQ(findings(load_text(named + "dane}\n" + relays, "f", "h")),
              "f:4:47: warning: tls: dane needs the server's name, for its DNS records; smtp://10.0.0.6 has "
              "none and is treated as with tls: opportunistic\n");
    EXPECT_EQ(findings(load_text(named + "opportunistic}\n" + relays, "f", "h")), "");
}

TEST(DownstreamTls, AdIsNotTrustedUnlessSaidSo) {
    const std::string yaml = std::string(kDomains) + "downstream: {servers: [\"smtp://h.example\"]}\n";
    EXPECT_FALSE(load_text(yaml, "f", "h").settings->dns.trust_ad);
    EXPECT_TRUE(load_text(yaml + "dns: {trust_ad: true}\n", "f", "h").settings->dns.trust_ad);
}

TEST(DownstreamTls, AClientCertificateIsTwoFiles) {
    const auto loaded = load_downstream(
        "{servers: [\"smtp://h.example\"], client_certificate: {certificate: a.pem, key: /k/a.key}}");
    ASSERT_TRUE(loaded.settings) << findings(loaded);
    ASSERT_TRUE(loaded.settings->downstream.client);
    EXPECT_EQ(loaded.settings->downstream.client->certificate, "/etc/gatepost/a.pem");
    EXPECT_EQ(loaded.settings->downstream.client->key, "/k/a.key");
    EXPECT_EQ(loaded.settings->downstream.client->place.line, 3);
    EXPECT_FALSE(load_downstream("{servers: [\"smtp://h.example\"]}").settings->downstream.client);
    const struct {
        const char* value;
        const char* says;
    } rows[] = {
        {"{certificate: a.pem}", "client_certificate needs both a certificate and a key"},
        {"{key: a.key}", "client_certificate needs both a certificate and a key"},
        {"{}", "client_certificate needs both a certificate and a key"},
        {"a.pem", "must be a mapping"},
        {"{certificate: a.pem, key: a.key, ca: x}", "unknown key 'ca'"},
    };
    for (const auto& row : rows) {
        const auto bad = load_downstream(
            "{servers: [\"smtp://h.example\"], client_certificate: " + std::string(row.value) + "}");
        EXPECT_FALSE(bad.settings) << row.value;
        EXPECT_NE(findings(bad).find(row.says), std::string::npos) << row.value << ": " << findings(bad);
    }
}

}  // namespace
}  // namespace gatepost::config
