// `listeners`, `require_tls`: where clients come in, and on what terms.
#include <gtest/gtest.h>

#include "config/load.h"

namespace gatepost::config {
namespace {

const std::string kGood =
    "hostname: mx1.example.org\n"
    "domains: [example.org]\n"
    "downstream: {servers: [\"smtp://10.0.0.5:25\"]}\n";

Loaded load(const std::string& yaml) {
    return load_text(kGood + yaml, "/etc/gatepost/f", "mx1.example.org");
}

std::string findings(const Loaded& loaded) {
    std::string all;
    for (const auto& finding : loaded.findings) all += text(finding, "").substr(14) + "\n";
    return all;
}

TEST(Listeners, AProxySaysWhoTheClientIs) {
    const Loaded loaded = load(
        "listeners:\n"
        "  - address: \"[::]:25\"\n"
        "  - {address: 127.0.0.1:2525, proxy_protocol: {from: [10.0.0.0/8, \"2001:db8::/32\"]}}\n"
        "  - {address: 127.0.0.1:2526, proxy_protocol: {from: 192.0.2.1}}\n");
    ASSERT_EQ(findings(loaded), "");
    const auto& listeners = loaded.settings->listeners;
    ASSERT_EQ(listeners.size(), 3u);
    EXPECT_TRUE(listeners[0].proxies.empty());
    ASSERT_EQ(listeners[1].proxies.size(), 2u);
    EXPECT_EQ(listeners[1].proxies[0].text(), "10.0.0.0/8");
    EXPECT_EQ(listeners[1].proxies[1].text(), "2001:db8::/32");
    ASSERT_EQ(listeners[2].proxies.size(), 1u) << "one need not be a list";
    EXPECT_EQ(listeners[2].proxies[0], *protocol::IpNetwork::parse("192.0.2.1"));
}

TEST(RequireTls, NamesNetworksAndDomains) {
    const Loaded loaded = load(
        "tls: {certificate: c.pem, key: k.pem}\n"
        "require_tls: {networks: [192.0.2.0/24, \"2001:db8::1\"], domains: [Partner.Example]}\n");
    ASSERT_EQ(findings(loaded), "");
    const auto& required = loaded.settings->require_tls;
    const auto client = [&](const char* text) {
        return required.includes(*protocol::IpAddress::parse(text));
    };
    EXPECT_TRUE(client("192.0.2.7"));
    EXPECT_FALSE(client("192.0.3.7"));
    EXPECT_TRUE(client("2001:db8::1"));
    EXPECT_FALSE(client("2001:db8::2"));
    EXPECT_TRUE(required.includes(*protocol::Domain::parse("partner.example")));
    EXPECT_FALSE(required.includes(*protocol::Domain::parse("sub.partner.example")));
    EXPECT_EQ(load("").settings->require_tls, RequireTls()) << "nobody";
}

TEST(Entrance, RefusesWhatCannotBeMeant) {
    const std::string tls = "tls: {certificate: c.pem, key: k.pem}\n";
    const struct {
        const char* reason;
        std::string yaml, findings;
    } rows[] = {
        {"no proxies", "listeners: [{address: \"[::]:25\", proxy_protocol: {}}]\n",
         "4:50: error: proxy_protocol needs the networks of the proxies: {from: [10.0.0.0/8]}\n"},
        {"an empty list", "listeners: [{address: \"[::]:25\", proxy_protocol: {from: []}}]\n",
         "4:50: error: proxy_protocol needs the networks of the proxies: {from: [10.0.0.0/8]}\n"},
        {"a switch", "listeners: [{address: \"[::]:25\", proxy_protocol: yes}]\n",
         "4:50: error: proxy_protocol must be a mapping of keys and values\n"},
        {"a name", "listeners: [{address: \"[::]:25\", proxy_protocol: {from: [proxy.example]}}]\n",
         "4:58: error: 'proxy.example' is no network; write for example 10.0.0.0/8 or 2001:db8::/32\n"},
        {"another key", "listeners: [{address: \"[::]:25\", proxy_protocol: {form: [10.0.0.1]}}]\n",
         "4:51: error: unknown key 'form' in proxy_protocol; did you mean 'from'?\n"},
        {"everybody", "listeners: [{address: \"[::]:25\", proxy_protocol: {from: [0.0.0.0/0]}}]\n",
         "4:57: warning: everybody may say for any client that they are its proxy; name the proxies' own "
         "networks\n"},
        {"no network", tls + "require_tls: {networks: [192.0.2.0/33]}\n",
         "5:26: error: '192.0.2.0/33' is no network; write for example 10.0.0.0/8 or 2001:db8::/32\n"},
        {"no domain", tls + "require_tls: {domains: [b@d]}\n", "5:25: error: 'b@d' is not a domain name\n"},
        {"another key", tls + "require_tls: {network: [192.0.2.0/24]}\n",
         "5:15: error: unknown key 'network' in require_tls; did you mean 'networks'?\n"},
        {"nothing to require", "require_tls: {networks: [192.0.2.0/24]}\n",
         "4:14: error: require_tls needs tls: nobody could obey it\n"},
    };
    for (const auto& row : rows) EXPECT_EQ(findings(load(row.yaml)), row.findings) << row.reason;
}

}  // namespace
}  // namespace gatepost::config
