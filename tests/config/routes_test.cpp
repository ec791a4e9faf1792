// Where mail goes: servers with priority and weight, routes of single domains, and what would never arrive.
#include <gtest/gtest.h>

#include <string>

#include "config/load.h"

namespace gatepost::config {
namespace {

using protocol::Domain;

const std::string kGood =
    "hostname: mx1.example.org\n"
    "domains: [example.org, example.net, example.com]\n"
    "listeners: [{address: \"192.0.2.1:25\"}, {address: \"[::1]:2525\"}]\n";

Loaded load(const std::string& downstream) {
    return load_text(kGood + "downstream:\n" + downstream, "/etc/gatepost/f", "mx1.example.org");
}

std::string findings(const Loaded& loaded) {
    std::string all;
    for (const auto& finding : loaded.findings) all += text(finding, "f") + "\n";
    return all;
}

TEST(Servers, TakeTheirPlaceInTheListForTheirPriority) {
    const Loaded loaded = load("  servers: [\"smtp://a:25\", \"lmtp://b:24\", \"lmtp+unix:///run/c\"]\n");
    ASSERT_TRUE(loaded.settings) << findings(loaded);
    const auto& servers = loaded.settings->downstream.servers;
    ASSERT_EQ(servers.size(), 3u);
    for (std::size_t i = 0; i < servers.size(); ++i) {
        EXPECT_EQ(servers[i].priority, i);
        EXPECT_EQ(servers[i].weight, 1u);
    }
}

TEST(Servers, HavePriorityAndWeightWhereTheyAreGiven) {
    const Loaded loaded = load(
        "  servers:\n"
        "  - {url: \"smtp://a:25\", priority: 10, weight: 3}\n"
        "  - {url: \"smtp://b:25\", priority: 10}\n"
        "  - {url: \"lmtp+unix://run/c\", weight: 0}\n"
        "  - \"smtp://d:25\"\n");
    ASSERT_TRUE(loaded.settings) << findings(loaded);
    const auto& servers = loaded.settings->downstream.servers;
    ASSERT_EQ(servers.size(), 4u);
    EXPECT_EQ(std::pair(servers[0].priority, servers[0].weight), std::pair(10ul, 3ul));
    EXPECT_EQ(std::pair(servers[1].priority, servers[1].weight), std::pair(10ul, 1ul));
    EXPECT_EQ(std::pair(servers[2].priority, servers[2].weight), std::pair(2ul, 0ul));
    EXPECT_EQ(std::pair(servers[3].priority, servers[3].weight), std::pair(3ul, 1ul));
    EXPECT_EQ(servers[2].path, "/etc/gatepost/run/c");
    EXPECT_EQ(servers[0].place, (Place{6, 11}));
}

TEST(Routes, SendTheMailOfTheirDomainsElsewhere) {
    const Loaded loaded = load(
        "  servers: [\"smtp://a:25\"]\n"
        "  routes:\n"
        "  - domains: [example.net]\n"
        "    servers: [\"lmtp://b:24\", {url: \"lmtp://c:24\", priority: 0}]\n"
        "  - {domains: example.com, servers: \"maildir://mail\"}\n");
    ASSERT_TRUE(loaded.settings) << findings(loaded);
    const Settings& settings = *loaded.settings;
    ASSERT_EQ(settings.downstream.routes.size(), 2u);
    EXPECT_EQ(settings.route_of(Domain::parse("example.org")), 0u);
    EXPECT_EQ(settings.route_of(Domain::parse("example.net")), 1u);
    EXPECT_EQ(settings.route_of(Domain::parse("example.com")), 2u);
    EXPECT_EQ(settings.route_of({}), 0u);
    EXPECT_EQ(settings.servers_of(0)[0].host, "a");
    EXPECT_EQ(settings.servers_of(1)[1].host, "c");
    EXPECT_EQ(settings.servers_of(2)[0].path, "/etc/gatepost/mail");
    EXPECT_EQ(settings.downstream.routes[0].place, (Place{7, 5}));
}

TEST(Routes, MistakesAreToldWithTheirPlace) {
    const struct {
        const char* downstream;
        const char* expected;
        const char* reason;
    } rows[] = {
        {"  servers: [{priority: 1}]\n",
         "f:5:13: error: a downstream server needs a url, e.g. {url: \"smtp://10.0.0.5:25\", priority: 10, "
         "weight: 1}\n",
         "no url"},
        {"  servers: [{url: \"smtp://a\", priority: -1, weight: 70000}]\n",
         "f:5:41: error: priority must be a whole number from 0 to 65535\n"
         "f:5:53: error: weight must be a whole number from 0 to 65535\n",
         "numbers out of range"},
        {"  servers: [{url: \"smtp://a\", wieght: 1}]\n",
         "f:5:31: error: unknown key 'wieght' in a downstream server; did you mean 'weight'?\n",
         "a key that there is not"},
        {"  servers: [{url: http://a}]\n",
         "f:5:19: error: 'http://a' is no downstream server; write smtp://host:25, lmtp://host:24, "
         "lmtp+unix:///path or maildir:///path\n",
         "no such scheme"},
        {"  servers: [\"smtp://a\"]\n  routes: [{domains: [other.example], servers: [\"smtp://b\"]}]\n",
         "f:6:23: error: 'other.example' is not one of domains; nothing would come this way, add it there\n",
         "a domain that is not ours"},
        {"  servers: [\"smtp://a\"]\n"
         "  routes:\n"
         "  - {domains: [example.net], servers: [\"smtp://b\"]}\n"
         "  - {domains: [EXAMPLE.net], servers: [\"smtp://c\"]}\n",
         "f:8:16: error: 'EXAMPLE.net' has a route already; a domain has one\n", "twice"},
        {"  servers: [\"smtp://a\"]\n  routes: [{domains: [example.net]}]\n",
         "f:6:12: error: a route needs domains and servers, e.g. {domains: [example.org], servers: "
         "[\"smtp://10.0.0.7:25\"]}\n",
         "no servers"},
        {"  servers: [\"smtp://a\"]\n  routes: [{domains: [], servers: [\"smtp://b\"]}]\n",
         "f:6:12: error: a route needs domains and servers, e.g. {domains: [example.org], servers: "
         "[\"smtp://10.0.0.7:25\"]}\n",
         "no domains"},
        {"  servers: [\"smtp://a\"]\n  routes: [example.net]\n",
         "f:6:12: error: a route must be a mapping of keys and values\n", "no mapping"},
        {"  servers: [\"smtp://a\"]\n"
         "  routes: [{domains: [example.net], servers: [\"maildir:///m\", \"smtp://b\"]}]\n",
         "f:6:47: error: a maildir must be the only server; leave out it or the others\n",
         "one of them would get nothing"},
    };
    for (const auto& row : rows) {
        const Loaded loaded = load(row.downstream);
        EXPECT_FALSE(loaded.settings) << row.reason;
        EXPECT_EQ(findings(loaded), row.expected) << row.reason;
    }
}

TEST(Routes, OfUsToOurselvesAreRefused) {
    const std::string loop =
        " is a listener of this gateway: mail would go round in circles; name the mail server behind it\n";
    const struct {
        const char* listeners;
        const char* url;
        bool is_loop;
        const char* reason;
    } rows[] = {
        {"192.0.2.1:25", "smtp://192.0.2.1:25", true, "address and port"},
        {"192.0.2.1:25", "smtp://192.0.2.1", true, "the port is 25"},
        {"192.0.2.1:24", "lmtp://192.0.2.1:24", true, "whatever it is taken for"},
        {"192.0.2.1:25", "smtp://192.0.2.1:26", false, "another port"},
        {"192.0.2.1:25", "smtp://192.0.2.2:25", false, "another address"},
        {"127.0.0.1:25", "smtp://localhost:25", true, "by its name"},
        {"192.0.2.1:25", "smtp://127.0.0.1:25", false, "a server on the same machine"},
        {"192.0.2.1:25", "smtp://mx1.example.org:25", false, "that name may have more addresses"},
        {"[::]:25", "smtp://127.0.0.1:25", true, "the listener is everywhere"},
        {"0.0.0.0:25", "smtp://127.0.0.1:25", true, "likewise"},
        {"[::]:25", "smtp://[::1]:25", true, "likewise"},
        {"[::]:25", "smtp://mx1.example.org:25", true, "our own name"},
        {"[::]:25", "smtp://0.0.0.0:25", true, "which is this machine"},
        {"[::]:25", "smtp://10.0.0.5:25", false, "another machine"},
        {"[::]:25", "lmtp+unix:///run/lmtp", false, "no port"},
    };
    for (const auto& row : rows) {
        const Loaded loaded =
            load_text("hostname: mx1.example.org\ndomains: [example.org]\nlisteners: [{address: \"" +
                          std::string(row.listeners) + "\"}]\ndownstream:\n  servers: [\"lmtp://b:24\", \"" +
                          row.url + "\"]\n",
                      "/etc/gatepost/f", "mx1.example.org");
        const std::string expected = "f:5:28: error: '" + std::string(row.url) + "'" + loop;
        EXPECT_EQ(findings(loaded), row.is_loop ? expected : "") << row.reason;
    }
    const Loaded loaded = load(
        "  servers: [\"smtp://a\"]\n"
        "  routes: [{domains: [example.net], servers: [\"lmtp://[::1]:2525\"]}]\n");
    EXPECT_EQ(findings(loaded), "f:6:47: error: 'lmtp://[::1]:2525'" + loop) << "of a route too";
}

}  // namespace
}  // namespace gatepost::config
