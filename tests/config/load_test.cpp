// The configuration: the annotated file is the defaults, and each mistake is answered with its place and its
// remedy.
#include "config/load.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include "config/reader.h"

namespace gatepost::config {
namespace {

using protocol::Domain;
using protocol::IpAddress;

std::string annotated_file() {
    return std::string(GATEPOST_SOURCE_DIR) + "/config/gatepost.yaml";
}

std::string contents(const std::string& name) {
    std::ifstream file(name, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

// Findings as an administrator sees them, without the file's name.
std::string findings(const Loaded& loaded) {
    std::string all;
    for (const auto& finding : loaded.findings) {
        const std::string line = text(finding, "f");
        all += (line.starts_with("f:") ? line.substr(line[2] == ' ' ? 3 : 2) : line) + "\n";
    }
    return all;
}

Loaded load(const std::string& yaml) {
    return load_text(yaml, "/etc/gatepost/f", "mx1.example.org");
}

// Three lines in which nothing is wrong; cases begin in line 4.
const std::string kGood =
    "hostname: mx1.example.org\n"
    "domains: [example.org]\n"
    "downstream: {servers: [\"smtp://10.0.0.5:25\"]}\n";

Settings good_settings() {
    Settings settings;
    settings.file = "/etc/gatepost/f";
    settings.hostname = settings.authserv_id = "mx1.example.org";
    settings.listeners = {{{*IpAddress::parse("::"), 25}, {}}};
    settings.domains = {*Domain::parse("example.org")};
    settings.downstream.servers = {{DownstreamKind::smtp, "10.0.0.5", 25, "", "smtp://10.0.0.5:25", {3, 24}}};
    return settings;
}

TEST(Load, TheAnnotatedFileIsTheDefaults) {
    const Loaded loaded = load_file(annotated_file(), "host.example.net");
    ASSERT_EQ(findings(loaded), "");
    ASSERT_TRUE(loaded.settings);
    Settings expected = good_settings();
    expected.file = annotated_file();
    expected.tls = {{"/etc/gatepost/tls/fullchain.pem", "/etc/gatepost/tls/privkey.pem",
                     loaded.settings->tls.at(0).place}};
    expected.listeners.at(0).place = loaded.settings->listeners.at(0).place;
    expected.downstream.servers.at(0).place = loaded.settings->downstream.servers.at(0).place;
    expected.state_place = loaded.settings->state_place;
    expected.notifications.key_place = loaded.settings->notifications.key_place;
    EXPECT_EQ(*loaded.settings, expected);
}

// "#key: value" is an option that is commented out, and so are lines behind it with "#  "; "# Text" is prose.
std::string with_options_in(const std::string& yaml) {
    std::istringstream lines(yaml);
    std::string out, line;
    bool is_option = false;
    while (std::getline(lines, line)) {
        const std::string rest = line.substr(std::min(line.find_first_not_of(' '), line.size()));
        is_option =
            rest.size() > 1 && rest[0] == '#' && (rest[1] != ' ' || (is_option && rest.starts_with("#  ")));
        if (is_option) line.erase(line.find('#'), 1);
        out += line + "\n";
    }
    return out;
}

TEST(Load, EveryOptionCommentedOutInTheAnnotatedFileIsGood) {
    const std::string yaml = with_options_in(contents(annotated_file()));
    const Loaded loaded = load(yaml);
    ASSERT_EQ(findings(loaded), "");
    const Settings& settings = *loaded.settings;
    EXPECT_EQ(settings.authserv_id, "example.org");
    ASSERT_EQ(settings.dns.servers.size(), 1u);
    EXPECT_EQ(settings.dns.servers[0].text(), "127.0.0.1:53");
    EXPECT_EQ(settings.policy.remedy_url, "https://www.example.org/mail-refused");
    EXPECT_EQ(settings.smtp.normalize_for, (std::vector{*protocol::IpNetwork::parse("192.0.2.0/28"),
                                                        *protocol::IpNetwork::parse("2001:db8::25")}));
    ASSERT_EQ(settings.policy.known_forwarders.size(), 1u);
    KnownForwarder expected;
    expected.name = "alumni";
    expected.owner = "postmaster@example.org";
    expected.expires = std::chrono::sys_days(std::chrono::year(2037) / 6 / 30);
    expected.host = "*.alumni.example.edu";
    expected.recipients = {"@example.org"};
    expected.place = settings.policy.known_forwarders[0].place;
    EXPECT_EQ(settings.policy.known_forwarders[0], expected);
}

// The keys a mapping knows, out of the complaint about one that it does not.
std::vector<std::string> known_keys(const std::string& yaml) {
    const std::string all = findings(load(yaml));
    const std::string start = "known are: ";
    const auto begin = all.find(start);
    if (begin == std::string::npos) return {};
    std::istringstream words(all.substr(begin + start.size(), all.find('\n', begin) - begin - start.size()));
    std::vector<std::string> keys;
    for (std::string word; std::getline(words, word, ',');)
        keys.push_back(word.substr(word.find_first_not_of(' ')));
    return keys;
}

TEST(Load, TheAnnotatedFileNamesEveryKeyThatLoadKnows) {
    const char* mappings[] = {"qqqqqqqq: 1",
                              "listeners: [{qqqqqqqq: 1}]",
                              "listeners: [{proxy_protocol: {qqqqqqqq: 1}}]",
                              "tls: {qqqqqqqq: 1}",
                              "require_tls: {qqqqqqqq: 1}",
                              "downstream: {qqqqqqqq: 1}",
                              "downstream: {retry: {qqqqqqqq: 1}}",
                              "downstream: {client_certificate: {qqqqqqqq: 1}}",
                              "notifications: {qqqqqqqq: 1}",
                              "dns: {qqqqqqqq: 1}",
                              "policy: {qqqqqqqq: 1}",
                              "policy: {quarantine: {qqqqqqqq: 1}}",
                              "policy: {known_forwarders: [{qqqqqqqq: 1}]}",
                              "policy: {known_forwarders: [{match: {qqqqqqqq: 1}}]}",
                              "limits: {qqqqqqqq: 1}",
                              "smtp: {qqqqqqqq: 1}",
                              "defence: {qqqqqqqq: 1}",
                              "defence: {tarpit: {qqqqqqqq: 1}}",
                              "defence: {harvest: {qqqqqqqq: 1}}"};
    const std::string yaml = contents(annotated_file());
    for (const char* mapping : mappings) {
        const auto keys = known_keys(mapping);
        EXPECT_FALSE(keys.empty()) << mapping;
        for (const auto& key : keys) {
            const bool is_unsupported = key == "arc";
            EXPECT_NE(yaml.find(is_unsupported ? "not yet" : key + ":"), std::string::npos)
                << mapping << " knows " << key;
        }
    }
}

TEST(Load, ReadsWhatTheDownstreamIsTold) {
    const struct {
        const char* word;
        AnnounceClient value;
    } rows[] = {{"auto", AnnounceClient::automatic},
                {"xclient", AnnounceClient::xclient},
                {"xforward", AnnounceClient::xforward},
                {"none", AnnounceClient::none}};
    for (const auto& row : rows) {
        const Loaded loaded = load(
            "domains: [a.example]\ndownstream: {servers: [\"lmtp://h:24\", \"lmtp+unix:///run/lmtp\"], "
            "probe: 1m, "
            "announce_client: " +
            std::string(row.word) + "}\n");
        ASSERT_EQ(findings(loaded), "") << row.word;
        const auto& downstream = loaded.settings->downstream;
        EXPECT_EQ(downstream.announce_client, row.value) << row.word;
        EXPECT_EQ(downstream.probe, seconds(60));
        EXPECT_EQ(downstream.servers[0].kind, DownstreamKind::lmtp);
        EXPECT_EQ(downstream.servers[1].path, "/run/lmtp");
    }
}

TEST(Load, ReadsWhatIsGiven) {
    const Loaded loaded = load(
        "hostname: MX1.Example.ORG.\n"
        "authserv_id: example.org\n"
        "listeners: [{address: 127.0.0.1}, {address: \"[::1]:2525\"}]\n"
        "tls:\n  - {certificate: tls/a.pem, key: /k/a.pem}\n  - {certificate: b.pem, key: ../b.key}\n"
        "domains: [example.org, bücher.example]\n"
        "downstream: {servers: \"maildir://mail\", tls: verify, retry: {first: 30s}}\n"
        "dns: {servers: [127.0.0.1, \"[::1]:5353\"], timeout: 250ms, tries: 3, cache: 1MiB}\n"
        "policy: {enforce: observe, quarantine: {header: X-Q}, strict_from: no}\n"
        "limits: {message_size: 1MiB, command_timeout: 1m}\n"
        "state: state\nworkers: 3\n");
    ASSERT_EQ(findings(loaded), "");
    const Settings& settings = *loaded.settings;
    EXPECT_EQ(settings.hostname, "mx1.example.org");
    EXPECT_EQ(settings.authserv_id, "example.org");
    ASSERT_EQ(settings.listeners.size(), 2u);
    EXPECT_EQ(settings.listeners[0].endpoint.text(), "127.0.0.1:25");
    EXPECT_EQ(settings.listeners[1].endpoint.text(), "[::1]:2525");
    EXPECT_EQ(settings.listeners[1].place, (Place{3, 35}));
    ASSERT_EQ(settings.tls.size(), 2u);
    EXPECT_EQ(settings.tls[0].certificate, "/etc/gatepost/tls/a.pem") << "relative to the file's folder";
    EXPECT_EQ(settings.tls[0].key, "/k/a.pem");
    EXPECT_EQ(settings.tls[1].key, "/etc/b.key");
    EXPECT_TRUE(settings.accepts_domain(*Domain::parse("xn--bcher-kva.example")));
    EXPECT_EQ(settings.downstream.servers[0].path, "/etc/gatepost/mail");
    EXPECT_EQ(settings.downstream.tls, DownstreamTls::verify);
    EXPECT_EQ(settings.downstream.retry.first, seconds(30));
    EXPECT_EQ(settings.downstream.retry.max, RetryTimes().max) << "a mapping may be given in part";
    EXPECT_EQ(settings.dns.servers.size(), 2u);
    EXPECT_EQ(settings.dns.timeout, std::chrono::milliseconds(250));
    EXPECT_EQ(settings.dns.tries, 3);
    EXPECT_EQ(settings.dns.cache_octets, 1048576u);
    EXPECT_EQ(settings.policy.enforce, Enforce::observe);
    EXPECT_EQ(settings.policy.quarantine_header, "X-Q");
    EXPECT_FALSE(settings.policy.strict_from);
    EXPECT_EQ(settings.limits.message_size, 1048576u);
    EXPECT_EQ(settings.limits.command_timeout, seconds(60));
    EXPECT_EQ(settings.state, "/etc/gatepost/state");
    EXPECT_EQ(settings.workers, 3u);
}

TEST(Load, KeysWithoutAValueHaveTheirDefaults) {
    const Loaded loaded = load(kGood + "dns:\nlimits:\n  sessions:\npolicy: ~\nlisteners: null\n");
    ASSERT_EQ(findings(loaded), "");
    EXPECT_EQ(*loaded.settings, good_settings());
}

struct BadRow {
    const char* yaml;  // behind kGood, so from line 4
    const char* findings;
    const char* why;
};

const BadRow kBadValues[] = {
    {"limit: {}\n", "4:1: error: unknown key 'limit' in the configuration; did you mean 'limits'?\n",
     "one letter short"},
    {"limits:\n  mesage_size: 1MiB\n",
     "5:3: error: unknown key 'mesage_size' in limits; did you mean 'message_size'?\n",
     "a suggestion from the same mapping"},
    {"dns:\n  nameserver: 127.0.0.1\n",
     "5:3: error: unknown key 'nameserver' in dns; known are: servers, timeout, tries, cache, trust_ad\n",
     "nothing like it: all"},
    {"policy:\n  quarantine:\n    heading: X-Q\n",
     "6:5: error: unknown key 'heading' in policy.quarantine; known are: header\n",
     "three edits are too far"},
    {"limits: {message_size: 50MB}\n",
     "4:24: error: message_size must be a size such as 512, 64KiB, 50MiB or 1GiB\n",
     "a unit of another kind"},
    {"limits: {message_size: 1KiB}\n", "4:24: error: message_size must be from 65536 to 2147483648 octets\n",
     "RFC 5321 section 4.5.3.1.7: 64 KiB at least"},
    {"limits: {command_timeout: 300}\n",
     "4:27: error: command_timeout must be a time with its unit, such as 250ms, 30s, 5m, 1h or 5d\n",
     "300 what?"},
    {"limits: {dns_timeout: 5m}\n", "4:23: error: dns_timeout must be from 1s to 240s\n",
     "the client waits for its reply that long"},
    {"dns: {timeout: 1ms}\n", "4:16: error: timeout must be from 50ms to 30s\n", "no server is so fast"},
    {"limits: {recipients: 50}\n", "4:22: error: recipients must be a whole number from 100 to 100000\n",
     "RFC 5321 section 4.5.3.1.8"},
    {"limits: {sessions: many}\n", "4:20: error: sessions must be a whole number from 1 to 1000000\n",
     "no number"},
    {"limits: {sessions: 99999999999999999999999}\n",
     "4:20: error: sessions must be a whole number from 1 to 1000000\n", "beyond 64 bits"},
    {"limits: {sessions: [1]}\n", "4:20: error: sessions must be a single value\n", "a list for a number"},
    {"workers: -1\n", "4:10: error: workers must be a whole number from 0 to 256\n", "no negative numbers"},
    {"domains: [example.net]\n", "4:1: error: key 'domains' is given twice\n",
     "the second would have won in silence"},
    {"limits:\n  hops: 20\n  hops: 30\n", "6:3: error: key 'hops' is given twice\n",
     "in a mapping below as well"},
    {"limits: 5\n", "4:9: error: limits must be a mapping of keys and values\n", "a scalar for a mapping"},
    {"policy: [observe]\n", "4:9: error: policy must be a mapping of keys and values\n",
     "a sequence for a mapping"},
    {"? [a]\n: b\n", "4:3: error: a key must be a single value\n", "YAML allows it, we do not"},
    {"authserv_id: mx1\n", "4:14: error: authserv_id must be a full name such as mx1.example.org\n",
     "half a name"},
    {"authserv_id: mx1..example.org\n", "4:14: error: authserv_id 'mx1..example.org' is not a domain name\n",
     "an empty label"},
    {"authserv_id: \"\"\n", "4:14: error: authserv_id is empty; leave it out to have the default\n",
     "empty is not absent: somebody meant something"},
    {"listeners: []\n", "4:12: error: listeners must not be empty\n", "a gateway without a door"},
    {"listeners:\n  - address: localhost:25\n",
     "5:5: error: a listener needs an address such as \"[::]:25\" or \"127.0.0.1:2525\"\n",
     "names are not looked up"},
    {"listeners: [\"127.0.0.1:25\"]\n", "4:13: error: listeners must be a mapping of keys and values\n",
     "an element is a mapping with address"},
    {"tls: {certificate: c.pem}\n",
     "4:6: error: tls needs both a certificate and a key: paths of PEM files\n", "half a pair"},
    {"policy: {enforce: policies}\n", "4:19: error: enforce must be one of observe, corroborated, policy\n",
     "three edits"},
    {"policy: {enforce: observed}\n",
     "4:19: error: enforce must be one of observe, corroborated, policy; did you mean 'observe'?\n",
     "one edit"},
    {"policy: {strict_from: 1}\n", "4:23: error: strict_from must be true or false\n",
     "YAML 1.1's many booleans"},
    {"policy: {quarantine: {header: Subject}}\n",
     "4:31: error: quarantine.header must be a field name that starts with X-\n",
     "it would be removed from all mail"},
    {"policy: {quarantine: {header: \"X-A: b\"}}\n",
     "4:31: error: quarantine.header must be a field name that starts with X-\n", "no field name"},
    {"policy: {remedy_url: www.example.org}\n",
     "4:22: error: remedy_url must be an http or https address of at most 200 characters\n", "no scheme"},
    {"policy: {remedy_url: \"https://example.org/\\r\\n250 ok\"}\n",
     "4:22: error: remedy_url must be an http or https address of at most 200 characters\n",
     "it goes into replies"},
    {"policy:\n  known_forwarders:\n    - match: {ip: 192.0.2.1}\n",
     "6:7: error: a known forwarder needs a name of letters, digits, '-', '_' and '.'\n", "without a name"},
    {"policy:\n  known_forwarders:\n    - {name: a b, match: {ip: 192.0.2.1}}\n",
     "6:14: error: a known forwarder needs a name of letters, digits, '-', '_' and '.'\n",
     "it stands in log lines"},
    {"policy:\n  known_forwarders:\n    - {name: a, match: {ip: 192.0.2.0/33}}\n",
     "6:29: error: '192.0.2.0/33' is no address or network\n", "a prefix of 33 bits"},
    {"policy:\n  known_forwarders:\n    - {name: a, match: {host: \"mail.*.example\"}}\n",
     "6:31: error: 'mail.*.example' is no host name; write mail.example or *.example\n",
     "a star is the first label"},
    {"policy:\n  known_forwarders:\n    - {name: a, match: {ip: 192.0.2.1, host: b.example}}\n",
     "6:7: error: match needs exactly one of ip, host, spf, dkim, arc\n", "and or or? so neither"},
    {"policy:\n  known_forwarders:\n    - {name: a}\n",
     "6:7: error: match needs exactly one of ip, host, spf, dkim, arc\n",
     "it would match everything or nothing"},
    {"policy:\n  known_forwarders:\n    - {name: a, match: {arc: b.example}}\n",
     "6:30: error: arc is not supported by this version; use ip, host, spf or dkim\n",
     "no chain is verified yet"},
    {"policy:\n  known_forwarders:\n    - {name: a, match: {ip: 192.0.2.1}, expires: soon}\n",
     "6:50: error: 'soon' is no date; write it as 2027-06-30\n", "no date"},
    {"policy:\n  known_forwarders:\n    - {name: a, match: {ip: 192.0.2.1}, recipients: [example.org]}\n",
     "6:54: error: 'example.org' is no recipient; write user@example.org or @example.org\n",
     "a domain needs its @"},
    {"policy:\n  known_forwarders:\n    - {name: a, match: {ip: 192.0.2.1}}\n    - {name: a, match: {spf: "
     "b.example}}\n",
     "7:7: error: a known forwarder named 'a' stands above already\n", "the log could not tell them apart"},
    {"dns: {servers: [dns.example]}\n",
     "4:17: error: 'dns.example' is no DNS server; write an address such as \"127.0.0.1:53\"\n",
     "who would look it up?"},
    {"state: /a-long-path-as-tools-and-containers-make-them-for"
     "-their-volumes/with-names-of-hashes/and/more-below\n",
     "4:8: error: state is a path of 100 octets; it may have 99, for the socket of `gatepost queue` lies in "
     "it\n",
     "sun_path has 108 octets"},
    {"state: \"a\\0b\"\n", "4:8: error: state must be a single value\n", "a path ends at NUL for the system"},
};

TEST(Load, AnswersEachMistakeWithPlaceAndRemedy) {
    for (const auto& row : kBadValues) {
        const Loaded loaded = load(kGood + row.yaml);
        EXPECT_EQ(findings(loaded), row.findings) << row.yaml << row.why;
        EXPECT_FALSE(loaded.settings) << row.yaml;
    }
}

const BadRow kBadFiles[] = {
    {"",
     "error: domains is missing: list the domains that this server receives mail for\n"
     "error: downstream.servers is missing: say where accepted mail goes, e.g. [\"smtp://10.0.0.5:25\"]\n",
     "an empty file"},
    {"- a\n", "1:1: error: the configuration must be a mapping of keys and values\n",
     "a sequence, said once"},
    {"hello\n", "1:1: error: the configuration must be a mapping of keys and values\n", "a word"},
    {"domains: [example.org]\ndownstream:\n  tls: none\n",
     "3:3: error: downstream.servers is missing: say where accepted mail goes, e.g. "
     "[\"smtp://10.0.0.5:25\"]\n",
     "at the mapping where it belongs"},
    {"domains: []\ndownstream: {servers: []}\n",
     "1:10: error: domains is missing: list the domains that this server receives mail for\n"
     "2:23: error: downstream.servers is missing: say where accepted mail goes, e.g. "
     "[\"smtp://10.0.0.5:25\"]\n",
     "empty is as good as missing"},
    {"domains: [-bad-.example, exa mple.org, a@b]\ndownstream: {servers: [\"smtp://h\"]}\n",
     "1:26: error: 'exa mple.org' is not a domain name\n1:40: error: 'a@b' is not a domain name\n",
     "each; hyphens at the ends of a label do occur in the DNS"},
    {"domains: {a: b}\ndownstream: smtp://10.0.0.5\n",
     "1:10: error: a domain must be a single value\n"
     "2:13: error: downstream must be a mapping of keys and values\n",
     "one complaint for each"},
    {"domains: [a.example]\ndownstream: {servers: [10.0.0.5]}\n",
     "2:24: error: '10.0.0.5' is no downstream server; write smtp://host:25, lmtp://host:24, "
     "lmtp+unix:///path or maildir:///path\n",
     "no scheme"},
    {"domains: [a.example]\ndownstream: {servers: [\"lmtp://h:24\"], announce_client: always, probe: 5}\n",
     "2:57: error: announce_client must be one of auto, xclient, xforward, none\n"
     "2:72: error: probe must be a time with its unit, such as 250ms, 30s, 5m, 1h or 5d\n",
     "what the downstream is told and asked"},
    {"domains: [a.example]\ndownstream: {servers: [\"lmtp://127.0.0.1:24\"], tls: dane, spool: maybe}\n",
     "2:24: warning: tls: dane needs the server's name, for its DNS records; lmtp://127.0.0.1:24 has none "
     "and is "
     "treated as with tls: opportunistic\n"
     "2:66: error: spool must be one of never, outage, always\n",
     "what can be written but not done yet"},
    {"domains: [a.example]\ndownstream: {servers: [\"maildir:///m\", \"smtp://h\"]}\n",
     "2:24: error: a maildir must be the only server; leave out it or the others\n",
     "one of them would get nothing"},
    {"domains: [a.example\n", "2:1: error: not valid YAML: end of sequence flow not found\n",
     "an unclosed bracket"},
    {"a: b: c\n", "1:5: error: not valid YAML: illegal map value\n", "a colon too many"},
    {"a: b\n---\nc: d\n", "2:1: error: the configuration ends before this: it must be one YAML document\n",
     "what follows would be ignored in silence"},
    {",\n", "1:1: error: the configuration ends before this: it must be one YAML document\n",
     "yaml-cpp finds documents without end in this"},
    {"a: &x [1]\nb: *x\n", "2:4: error: aliases (*name) are not supported; write it out\n", "an alias"},
    {"a: &x [*x]\n", "1:8: error: aliases (*name) are not supported; write it out\n", "a circle"},
    {"a: b\x04\nc: d\n", "1:5: error: control character \\x04; the file must be plain UTF-8 text\n",
     "yaml-cpp takes it for the end of the file"},
    {"\xc3\xbc: \xe2\x82\xac\x1b[2J\n",
     "1:5: error: control character \\x1b; the file must be plain UTF-8 text\n",
     "columns are characters, not octets"},
    {"a: \xff\n", "error: not UTF-8; save it as plain UTF-8 text\n", "Latin-1 or worse"},
    {"a: [[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]\n", "1:19: error: nested too deeply\n",
     "16 levels are more than enough"},
};

TEST(Load, AnswersABadFileAsAWhole) {
    for (const auto& row : kBadFiles) {
        const Loaded loaded = load(row.yaml);
        EXPECT_EQ(findings(loaded), row.findings) << row.yaml << row.why;
        EXPECT_FALSE(loaded.settings) << row.yaml;
    }
}

TEST(Load, TellsAllProblemsAtOnceInTheOrderOfTheFile) {
    const Loaded loaded = load(
        "state: [x]\n"
        "hostname: mx1\n"
        "limits: {sessions: no, hopps: 3}\n"
        "domains: [example.org, b@d]\n"
        "color: blue\n"
        "downstream: {servers: [\"smtp://h\"], spool: sometimes}\n");
    EXPECT_EQ(
        findings(loaded),
        "1:8: error: state must be a single value\n"
        "2:11: error: hostname must be a full name such as mx1.example.org\n"
        "3:20: error: sessions must be a whole number from 1 to 1000000\n"
        "3:24: error: unknown key 'hopps' in limits; did you mean 'hops'?\n"
        "4:24: error: 'b@d' is not a domain name\n"
        "5:1: error: unknown key 'color' in the configuration; known are: hostname, listeners, tls, "
        "require_tls, "
        "domains, downstream, recipients, queue, notifications, metrics, dns, policy, limits, smtp, defence, "
        "authserv_id, state, workers\n"
        "6:44: error: spool must be one of never, outage, always\n");
}

TEST(Load, WarnsAndGoesOnWhereNothingIsWrongYet) {
    const Loaded twice = load("domains: [a.example, A.example]\ndownstream: {servers: [\"smtp://h\"]}\n");
    EXPECT_EQ(findings(twice), "1:22: warning: 'A.example' is listed twice\n");
    ASSERT_TRUE(twice.settings);
    EXPECT_EQ(twice.settings->domains.size(), 1u);
    const Loaded half = load_text("domains: a.example\ndownstream: {servers: \"smtp://h\"}\n", "f", "debian");
    EXPECT_EQ(findings(half),
              "1:1: warning: hostname is missing, and this system's name 'debian' is not a full one; write "
              "for example "
              "hostname: mx1.example.org\n");
    EXPECT_EQ(half.settings->hostname, "debian");
}

TEST(Load, TellsAHundredProblemsAndCountsTheRest) {
    std::string yaml = kGood + "limits:\n";
    for (int i = 0; i < 250; ++i) yaml += "  key_number_" + std::to_string(i) + ": 1\n";
    const Loaded loaded = load(yaml);
    ASSERT_EQ(loaded.findings.size(), 101u);
    EXPECT_EQ(text(loaded.findings.back(), "f"), "f:105:3: error: here and below: 150 more problems");
    EXPECT_FALSE(loaded.settings);
}

// Each of these takes seconds to minutes if anything in the reading is quadratic.
TEST(Load, IsLinearInTheSizeOfTheFile) {
    std::string many_domains = "downstream: {servers: [\"smtp://h\"]}\ndomains:\n";
    std::string many_keys = kGood;
    std::string many_forwarders = kGood + "policy:\n  known_forwarders:\n";
    for (int i = 0; many_domains.size() < kMaxConfigOctets / 2; ++i) {
        many_domains += " - d" + std::to_string(i) + ".example\n";
        if (many_keys.size() < kMaxConfigOctets / 2) many_keys += "k" + std::to_string(i) + ": 1\n";
        if (many_forwarders.size() < kMaxConfigOctets / 2) {
            many_forwarders += "  - {name: f" + std::to_string(i) + ", match: {ip: 192.0.2.1}}\n";
        }
    }
    EXPECT_TRUE(load(many_domains).settings);
    EXPECT_TRUE(load(many_forwarders).settings);
    EXPECT_FALSE(load(many_keys).settings);
    EXPECT_EQ(findings(load(std::string(kMaxConfigOctets + 1, '#'))), "error: larger than 1 MiB\n");
}

TEST(Load, SaysWhatToDoAboutAFileThatCannotBeRead) {
    const std::string remedy = "; name the file with --config or GATEPOST_CONFIG\n";
    EXPECT_EQ(findings(load_file("/nonexistent/gatepost.yaml", "h.example")),
              "error: cannot be read: No such file or directory" + remedy);
    EXPECT_EQ(findings(load_file(GATEPOST_SOURCE_DIR, "h.example")),
              "error: cannot be read: Is a directory" + remedy);
}

TEST(Nearest, FindsTheWordThatWasMeant) {
    const std::vector<std::string_view> known{"message_size", "hops", "tls", "dns", "ip"};
    const struct {
        const char* word;
        const char* meant;
        const char* why;
    } rows[] = {
        {"mesage_size", "message_size", "one letter missing"},
        {"massage_sizes", "message_size", "one changed, one added"},
        {"hosp", "hops", "two swapped"},
        {"messagesize", "message_size", "without the underscore"},
        {"size", "", "too far from all"},
        {"xx", "", "two edits turn any word of two letters into any other"},
        {"tlsx", "tls", "one added"},
        {"", "", "nothing"},
    };
    for (const auto& row : rows)
        EXPECT_EQ(nearest(row.word, known), row.meant) << row.word << ": " << row.why;
    EXPECT_EQ(nearest(std::string(100000, 'a'), known), "") << "and no time is spent on it";
}

}  // namespace
}  // namespace gatepost::config
