#include "config/load.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>

#include "config/load_defence.h"
#include "config/load_downstream.h"
#include "config/load_entrance.h"
#include "config/load_limits.h"
#include "config/load_metrics.h"
#include "config/load_notifications.h"
#include "config/load_policy.h"
#include "config/load_queue.h"
#include "config/load_recipients.h"
#include "config/load_smtp.h"
#include "config/reader.h"
#include "config/survey.h"
#include "config/units.h"
#include "protocol/ascii.h"

namespace gatepost::config {
namespace {

using protocol::Domain;
using namespace std::chrono_literals;

constexpr std::size_t kMaxFindings = 100;  // more than anybody reads at once

// A name of ours that goes into greetings and headers: a full domain name.
void read_own_name(Mapping& map, std::string_view key, std::string& target) {
    if (!map.is_given(key)) return;
    std::optional<Domain> domain;
    map.domain(key, domain);
    if (domain && domain->labels() < 2) {
        note(map.findings(), map[key], std::string(key) + " must be a full name such as mx1.example.org");
    } else if (domain) {
        target = domain->text();
    }
}

// A greeting with half a name is taken amiss by many; the system's own may be one.
void read_hostname(Mapping& top, std::string& target, const std::string& system_hostname) {
    target = system_hostname;
    read_own_name(top, "hostname", target);
    if (!top.is_given("hostname") && target.find('.') == std::string::npos) {
        note(top.findings(), top.node(),
             "hostname is missing, and this system's name " + shown(target) +
                 " is not a full one; write for example hostname: mx1.example.org",
             Finding::Weight::warning);
    }
}

void read_domains(Mapping& top, Settings& settings) {
    std::set<Domain> seen;
    top.each("domains", [&](const YAML::Node& node) {
        const auto text = scalar(node, "a domain", top.findings());
        if (!text) return;
        const auto domain = Domain::parse(*text);
        if (!domain) {
            note(top.findings(), node, shown(*text) + " is not a domain name");
        } else if (seen.insert(*domain).second) {
            settings.domains.push_back(*domain);
        } else {
            note(top.findings(), node, shown(*text) + " is listed twice", Finding::Weight::warning);
        }
    });
    if (const auto node = top["domains"]; is_missing(node)) {
        note(top.findings(), node ? node : top.node(),
             "domains is missing: list the domains that this server receives mail for");
    }
}

void read_dns(Mapping& top, Dns& dns) {
    Mapping map(top["dns"], "dns", top.findings());
    map.each("servers", [&](const YAML::Node& node) {
        const auto text = scalar(node, "a DNS server", top.findings());
        if (!text) return;
        if (const auto endpoint = parse_endpoint(*text, 53)) {
            dns.servers.push_back(*endpoint);
        } else {
            note(top.findings(), node,
                 shown(*text) + " is no DNS server; write an address such as \"127.0.0.1:53\"");
        }
    });
    map.duration<std::chrono::milliseconds>("timeout", dns.timeout, 50ms, 30s);
    std::size_t tries = static_cast<std::size_t>(dns.tries);
    map.count("tries", tries, 1, 10);
    dns.tries = static_cast<int>(tries);
    map.size("cache", dns.cache_octets, 64 * 1024, std::size_t(4) << 30);
    map.flag("trust_ad", dns.trust_ad);
    map.finish();
}

constexpr std::size_t kLongestState = 99;  // octets: with /control behind it it is the name of a socket

void read_state(Mapping& top, std::string& state, const std::filesystem::path& folder) {
    top.path("state", state, folder);
    if (state.size() <= kLongestState) return;
    note(top.findings(), top.is_given("state") ? top["state"] : top.node(),
         "state is a path of " + std::to_string(state.size()) + " octets; it may have " +
             std::to_string(kLongestState) + ", for the socket of `gatepost queue` lies in it");
}

Settings read_settings(const YAML::Node& root, const std::string& file, const std::string& system_hostname,
                       Findings& findings) {
    Settings settings;
    settings.file = file;
    const auto folder = std::filesystem::path(file).parent_path();
    Mapping top(root, "the configuration", findings);
    read_hostname(top, settings.hostname, system_hostname);
    read_listeners(top, settings.listeners);
    read_tls(top, settings.tls, folder);
    read_require_tls(top, settings);
    read_domains(top, settings);
    read_downstream(top, settings, folder);
    read_recipients(top, settings.recipients, folder);
    read_queue(top, settings.queue);
    read_notifications(top, settings, folder);
    read_metrics(top, settings.metrics);
    read_dns(top, settings.dns);
    read_policy(top, settings.policy);
    read_limits(top, settings.limits);
    warn_of_small_queue(top, settings);
    read_smtp(top, settings.smtp);
    read_defence(top, settings.defence);
    settings.authserv_id = settings.hostname;
    read_own_name(top, "authserv_id", settings.authserv_id);
    read_state(top, settings.state, folder);
    if (top.is_given("state")) settings.state_place = place_of(top["state"]);
    std::size_t workers = settings.workers;
    top.count("workers", workers, 0, 256);
    settings.workers = static_cast<unsigned>(workers);
    top.finish();
    return settings;
}

bool is_error(const Finding& finding) {
    return finding.weight == Finding::Weight::error;
}

void put_in_order(Findings& findings) {
    std::stable_sort(findings.begin(), findings.end(), [](const Finding& a, const Finding& b) {
        return std::pair(a.place.line, a.place.column) < std::pair(b.place.line, b.place.column);
    });
    if (findings.size() <= kMaxFindings) return;
    const auto rest = findings.begin() + kMaxFindings;
    Finding summary{
        std::any_of(rest, findings.end(), is_error) ? Finding::Weight::error : Finding::Weight::warning,
        rest->place, "here and below: " + std::to_string(findings.end() - rest) + " more problems"};
    findings.erase(rest, findings.end());
    findings.push_back(std::move(summary));
}

}  // namespace

Loaded load_text(std::string_view yaml, const std::string& file, const std::string& system_hostname) {
    Loaded loaded;
    auto& findings = loaded.findings;
    if (yaml.size() > kMaxConfigOctets) return {{}, {{Finding::Weight::error, {}, "larger than 1 MiB"}}};
    const std::string text(yaml);
    std::optional<Settings> settings;
    try {
        if (auto refusal = refusal_of(text)) return {{}, {*refusal}};
        const YAML::Node root = YAML::Load(text);
        if (root.IsMap() || root.IsNull()) {
            settings = read_settings(root, file, system_hostname, findings);
        } else {
            note(findings, root, "the configuration must be a mapping of keys and values");
        }
    } catch (const YAML::Exception& error) {
        const Place place =
            error.mark.is_null() ? Place{} : Place{error.mark.line + 1, error.mark.column + 1};
        findings.push_back(
            {Finding::Weight::error, place, "not valid YAML: " + protocol::escaped(error.msg, 200)});
    }
    if (std::none_of(findings.begin(), findings.end(), is_error)) loaded.settings = std::move(settings);
    put_in_order(findings);
    return loaded;
}

Loaded load_file(const std::string& file, const std::string& system_hostname) {
    std::ifstream stream(file, std::ios::binary);
    const int why = errno;
    std::string text(kMaxConfigOctets + 1, '\0');
    std::error_code error;
    const bool is_folder = std::filesystem::is_directory(file, error);
    if (!stream || is_folder) {
        const std::string what = std::string("cannot be read: ") + std::strerror(is_folder ? EISDIR : why) +
                                 "; name the file with --config or GATEPOST_CONFIG";
        return {{}, {{Finding::Weight::error, {}, what}}};
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
