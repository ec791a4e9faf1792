#include "config/load.h"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "config/reader.h"
#include "config/units.h"
#include "protocol/ascii.h"

namespace gatepost::config {
namespace {

using protocol::Domain;
using protocol::escaped;
using namespace std::chrono_literals;

std::string shown(const std::string& text) { return "'" + escaped(text, 100) + "'"; }

void read_domain(Mapping& map, std::string_view key, std::optional<Domain>& target) {
    std::string text;
    map.text(key, text);
    if (text.empty()) return;
    target = Domain::parse(text);
    if (!target) note(map.findings(), map[key], std::string(key) + " " + shown(text) + " is not a domain name");
}

// A name of ours that goes into greetings and headers: a full domain name.
void read_own_name(Mapping& map, std::string_view key, std::string& target) {
    if (!map.is_given(key)) return;
    std::optional<Domain> domain;
    read_domain(map, key, domain);
    if (domain && domain->labels() < 2) {
        note(map.findings(), map[key], std::string(key) + " must be a full name such as mx1.example.org");
    } else if (domain) {
        target = domain->text();
    }
}

void read_path(Mapping& map, std::string_view key, std::string& target, const std::filesystem::path& folder) {
    std::string text;
    map.text(key, text);
    if (text.empty()) return;
    target = (folder / text).lexically_normal().string();
}

void read_listeners(Mapping& top, Settings& settings) {
    if (top.is_given("listeners")) settings.listeners.clear();
    top.each("listeners", [&](const YAML::Node& node) {
        Mapping map(node, "listeners", top.findings());
        std::string address;
        map.text("address", address);
        if (map.is_given("proxy_protocol")) {
            note(top.findings(), map["proxy_protocol"], "proxy_protocol is not supported by this version; leave it out");
        }
        const auto endpoint = parse_endpoint(address, 25);
        if (endpoint) {
            settings.listeners.push_back({*endpoint, place_of(node)});
        } else {
            note(top.findings(), node, "a listener needs an address such as \"[::]:25\" or \"127.0.0.1:2525\"");
        }
        map.finish();
    });
    if (settings.listeners.empty()) note(top.findings(), top.node(), "listeners must not be empty");
}

void read_tls(Mapping& top, Settings& settings, const std::filesystem::path& folder) {
    top.each("tls", [&](const YAML::Node& node) {
        Mapping map(node, "tls", top.findings());
        TlsIdentity identity;
        read_path(map, "certificate", identity.certificate, folder);
        read_path(map, "key", identity.key, folder);
        identity.place = place_of(node);
        if (identity.certificate.empty() || identity.key.empty()) {
            note(top.findings(), node, "tls needs both a certificate and a key: paths of PEM files");
        }
        settings.tls.push_back(identity);
        map.finish();
    });
}

void read_domains(Mapping& top, Settings& settings) {
    top.each("domains", [&](const YAML::Node& node) {
        const auto text = scalar(node, "a domain", top.findings());
        if (!text) return;
        const auto domain = Domain::parse(*text);
        if (!domain) {
            note(top.findings(), node, shown(*text) + " is not a domain name");
        } else if (settings.accepts_domain(*domain)) {
            note(top.findings(), node, shown(*text) + " is listed twice", Finding::Weight::warning);
        } else {
            settings.domains.push_back(*domain);
        }
    });
    if (settings.domains.empty()) {
        note(top.findings(), top.node(), "domains is missing: list the domains that this server receives mail for");
    }
}

// What can be written but not done yet is refused, so that nobody relies on it.
void check_downstream_kind(Mapping& map, const YAML::Node& node, const DownstreamServer& server) {
    if (server.kind == DownstreamKind::lmtp || server.kind == DownstreamKind::lmtp_unix) {
        note(map.findings(), node, "LMTP is not supported by this version; use smtp:// or maildir://");
    }
}

void read_retry(Mapping& downstream, RetryTimes& retry) {
    Mapping map(downstream["retry"], "downstream.retry", downstream.findings());
    map.duration<seconds>("first", retry.first, 1s, 86400s);
    map.duration<seconds>("max", retry.max, 1s, 7 * 86400s);
    map.duration<seconds>("expire", retry.expire, 60s, 30 * 86400s);
    map.finish();
}

void read_downstream(Mapping& top, Settings& settings, const std::filesystem::path& folder) {
    Mapping map(top["downstream"], "downstream", top.findings());
    auto& downstream = settings.downstream;
    map.each("servers", [&](const YAML::Node& node) {
        const auto text = scalar(node, "a downstream server", top.findings());
        if (!text) return;
        auto server = parse_downstream(*text);
        if (!server) {
            note(top.findings(), node,
                 shown(*text) + " is no downstream server; write smtp://host:25 or maildir:///path");
            return;
        }
        server->place = place_of(node);
        if (server->kind == DownstreamKind::maildir) {
            server->path = (folder / server->path).lexically_normal().string();
        }
        check_downstream_kind(map, node, *server);
        downstream.servers.push_back(*server);
    });
    if (downstream.servers.empty()) {
        note(top.findings(), map.node() ? map.node() : top.node(),
             "downstream.servers is missing: say where accepted mail goes, e.g. [\"smtp://10.0.0.5:25\"]");
    }
    map.choice<DownstreamTls>("tls", downstream.tls,
                              {{"none", DownstreamTls::none},
                               {"opportunistic", DownstreamTls::opportunistic},
                               {"verify", DownstreamTls::verify},
                               {"dane", DownstreamTls::dane}});
    if (downstream.tls == DownstreamTls::dane) {
        note(top.findings(), map["tls"], "tls: dane is not supported by this version; use verify");
    }
    map.choice<SpoolMode>("spool", downstream.spool,
                          {{"never", SpoolMode::never}, {"outage", SpoolMode::outage}, {"always", SpoolMode::always}});
    if (downstream.spool != SpoolMode::never) {
        note(top.findings(), map["spool"],
             "spool is not supported by this version; use never: while the downstream is away, senders are told to "
             "try again");
    }
    read_retry(map, downstream.retry);
    map.finish();
}

void read_dns(Mapping& top, Dns& dns) {
    Mapping map(top["dns"], "dns", top.findings());
    map.each("servers", [&](const YAML::Node& node) {
        const auto text = scalar(node, "a DNS server", top.findings());
        if (!text) return;
        if (const auto endpoint = parse_endpoint(*text, 53)) {
            dns.servers.push_back(*endpoint);
        } else {
            note(top.findings(), node, shown(*text) + " is no DNS server; write an address such as \"127.0.0.1:53\"");
        }
    });
    map.duration<std::chrono::milliseconds>("timeout", dns.timeout, 50ms, 30s);
    std::size_t tries = static_cast<std::size_t>(dns.tries);
    map.count("tries", tries, 1, 10);
    dns.tries = static_cast<int>(tries);
    map.size("cache", dns.cache_octets, 64 * 1024, std::size_t(4) << 30);
    map.finish();
}

void read_match(Mapping& entry, const YAML::Node& node, KnownForwarder& forwarder) {
    Mapping map(entry["match"], "match", entry.findings());
    std::string ip;
    map.text("ip", ip);
    if (!ip.empty()) {
        forwarder.ip = protocol::IpNetwork::parse(ip);
        if (!forwarder.ip) note(entry.findings(), map["ip"], shown(ip) + " is no address or network");
    }
    map.text("host", forwarder.host);
    forwarder.host = protocol::lowered(forwarder.host);
    const bool is_pattern = forwarder.host.starts_with("*.");
    if (!forwarder.host.empty() && !Domain::parse(forwarder.host.substr(is_pattern ? 2 : 0))) {
        note(entry.findings(), map["host"], shown(forwarder.host) + " is no host name; write mail.example or *.example");
    }
    read_domain(map, "spf", forwarder.spf);
    read_domain(map, "dkim", forwarder.dkim);
    read_domain(map, "arc", forwarder.arc);
    const int given = map.is_given("ip") + map.is_given("host") + map.is_given("spf") + map.is_given("dkim") +
                      map.is_given("arc");
    if (given != 1) note(entry.findings(), node, "match needs exactly one of ip, host, spf, dkim, arc");
    map.finish();
}

void read_recipients(Mapping& entry, KnownForwarder& forwarder) {
    entry.each("recipients", [&](const YAML::Node& node) {
        const auto text = scalar(node, "a recipient", entry.findings());
        if (!text) return;
        const auto at = text->rfind('@');
        const auto domain = at == std::string::npos ? std::nullopt : Domain::parse(text->substr(at + 1));
        if (domain) {
            forwarder.recipients.push_back(text->substr(0, at) + "@" + domain->text());
        } else {
            note(entry.findings(), node, shown(*text) + " is no recipient; write user@example.org or @example.org");
        }
    });
}

void read_forwarder(const YAML::Node& node, Findings& findings, std::vector<KnownForwarder>& forwarders) {
    Mapping map(node, "known_forwarders", findings);
    KnownForwarder forwarder;
    forwarder.place = place_of(node);
    map.text("name", forwarder.name);
    if (forwarder.name.empty() || forwarder.name.size() > 64 ||
        !std::all_of(forwarder.name.begin(), forwarder.name.end(),
                     [](char c) { return protocol::is_alnum(c) || c == '-' || c == '_' || c == '.'; })) {
        note(findings, node, "a known forwarder needs a name of letters, digits, '-', '_' and '.'");
    }
    map.text("owner", forwarder.owner);
    std::string expires;
    map.text("expires", expires);
    if (!expires.empty() && !(forwarder.expires = parse_date(expires))) {
        note(findings, map["expires"], shown(expires) + " is no date; write it as 2027-06-30");
    }
    map.choice<ForwarderKind>("kind", forwarder.kind,
                              {{"forwarder", ForwarderKind::forwarder}, {"mailing_list", ForwarderKind::mailing_list}});
    map.flag("for_own_domains", forwarder.for_own_domains);
    read_match(map, node, forwarder);
    read_recipients(map, forwarder);
    map.finish();
    for (const auto& other : forwarders) {
        if (!forwarder.name.empty() && other.name == forwarder.name) {
            note(findings, node, "a known forwarder named " + shown(forwarder.name) + " stands above already");
        }
    }
    forwarders.push_back(std::move(forwarder));
}

bool is_field_name(const std::string& name) {
    return !name.empty() && name.size() <= 70 &&
           std::all_of(name.begin(), name.end(), [](char c) { return protocol::is_alnum(c) || c == '-'; });
}

void read_quarantine(Mapping& top, DmarcPolicy& policy) {
    Mapping map(top["quarantine"], "policy.quarantine", top.findings());
    map.text("header", policy.quarantine_header);
    if (!is_field_name(policy.quarantine_header) || !protocol::starts_with_ignoring_case(policy.quarantine_header, "x-")) {
        note(top.findings(), map["header"], "quarantine.header must be a field name that starts with X-");
    }
    map.finish();
}

void read_policy(Mapping& top, DmarcPolicy& policy) {
    Mapping map(top["policy"], "policy", top.findings());
    map.choice<Enforce>("enforce", policy.enforce,
                        {{"observe", Enforce::observe},
                         {"corroborated", Enforce::corroborated},
                         {"policy", Enforce::policy}});
    read_quarantine(map, policy);
    map.each("known_forwarders",
             [&](const YAML::Node& node) { read_forwarder(node, top.findings(), policy.known_forwarders); });
    map.text("remedy_url", policy.remedy_url);
    const auto is_plain = [](char c) { return c > 0x20 && c < 0x7f; };
    if (!policy.remedy_url.empty() && (!protocol::starts_with_ignoring_case(policy.remedy_url, "http") ||
                                       policy.remedy_url.size() > 200 ||
                                       !std::all_of(policy.remedy_url.begin(), policy.remedy_url.end(), is_plain))) {
        note(top.findings(), map["remedy_url"], "remedy_url must be an http or https address of at most 200 characters");
    }
    map.flag("strict_from", policy.strict_from);
    map.flag("dkim_testing_counts", policy.dkim_testing_counts);
    map.flag("legacy_pct0_as_test", policy.legacy_pct0_as_test);
    map.flag("refuse_single_label_od", policy.refuse_single_label_od);
    map.finish();
}

void read_limits(Mapping& top, Limits& limits) {
    Mapping map(top["limits"], "limits", top.findings());
    map.size("message_size", limits.message_size, 64 * 1024, std::size_t(2) << 30);
    map.count("sessions", limits.sessions, 1, 1'000'000);
    map.count("sessions_per_client", limits.sessions_per_client, 1, 1'000'000);
    map.count("recipients", limits.recipients, 100, 100'000);  // RFC 5321 section 4.5.3.1.8: at least 100
    map.count("hops", limits.hops, 10, 1000);
    map.count("errors", limits.errors, 1, 1000);
    map.count("commands", limits.commands, 20, 1'000'000);
    map.size("header_size", limits.header_size, 16 * 1024, 16 * 1024 * 1024);
    map.size("memory_per_message", limits.memory_per_message, 16 * 1024, std::size_t(1) << 30);
    map.duration<seconds>("command_timeout", limits.command_timeout, 1s, 3600s);
    map.duration<seconds>("data_timeout", limits.data_timeout, 1s, 7200s);
    map.duration<seconds>("downstream_timeout", limits.downstream_timeout, 1s, 3600s);
    map.duration<seconds>("dns_timeout", limits.dns_timeout, 1s, 240s);
    map.duration<seconds>("drain_timeout", limits.drain_timeout, 0s, 3600s);
    map.finish();
}

Settings read_settings(const YAML::Node& root, const std::string& file, const std::string& system_hostname,
                       Findings& findings) {
    Settings settings;
    settings.file = file;
    const auto folder = std::filesystem::path(file).parent_path();
    Mapping top(root, "the configuration", findings);
    settings.hostname = system_hostname;
    read_own_name(top, "hostname", settings.hostname);
    settings.listeners = {{{*protocol::IpAddress::parse("::"), 25}, {}}};
    read_listeners(top, settings);
    read_tls(top, settings, folder);
    read_domains(top, settings);
    read_downstream(top, settings, folder);
    read_dns(top, settings.dns);
    read_policy(top, settings.policy);
    read_limits(top, settings.limits);
    settings.authserv_id = settings.hostname;
    read_own_name(top, "authserv_id", settings.authserv_id);
    read_path(top, "state", settings.state, folder);
    std::size_t workers = settings.workers;
    top.count("workers", workers, 0, 256);
    settings.workers = static_cast<unsigned>(workers);
    top.finish();
    return settings;
}

}  // namespace

Loaded load_text(std::string_view yaml, const std::string& file, const std::string& system_hostname) {
    Loaded loaded;
    const auto fail = [&](Place place, std::string what) {
        loaded.findings.push_back({Finding::Weight::error, place, std::move(what)});
    };
    if (yaml.size() > kMaxConfigOctets) {
        fail({}, "larger than 1 MiB");
        return loaded;
    }
    try {
        const YAML::Node root = YAML::Load(std::string(yaml));
        Settings settings = read_settings(root, file, system_hostname, loaded.findings);
        const auto is_error = [](const Finding& f) { return f.weight == Finding::Weight::error; };
        if (std::none_of(loaded.findings.begin(), loaded.findings.end(), is_error)) loaded.settings = std::move(settings);
    } catch (const YAML::Exception& error) {
        fail(error.mark.is_null() ? Place{} : Place{error.mark.line + 1, error.mark.column + 1},
             "not valid YAML: " + escaped(error.msg, 200));
    }
    std::stable_sort(loaded.findings.begin(), loaded.findings.end(), [](const Finding& a, const Finding& b) {
        return std::pair(a.place.line, a.place.column) < std::pair(b.place.line, b.place.column);
    });
    return loaded;
}

Loaded load_file(const std::string& file, const std::string& system_hostname) {
    std::ifstream stream(file, std::ios::binary);
    std::string text(kMaxConfigOctets + 1, '\0');
    std::error_code error;
    if (!stream || std::filesystem::is_directory(file, error)) {
        return {{}, {{Finding::Weight::error, {}, "cannot be read; name the file with --config or GATEPOST_CONFIG"}}};
    }
    stream.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(stream.gcount()));
    return load_text(text, file, system_hostname);
}

std::string text(const Finding& finding, const std::string& file) {
    std::string place = file.empty() ? "configuration" : file;
    if (finding.place.line > 0) {
        place += ":" + std::to_string(finding.place.line) + ":" + std::to_string(finding.place.column);
    }
    return place + (finding.weight == Finding::Weight::error ? ": error: " : ": warning: ") + finding.text;
}

}  // namespace gatepost::config
