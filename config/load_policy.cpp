#include "config/load_policy.h"

#include <algorithm>
#include <set>

#include "config/units.h"
#include "protocol/ascii.h"

namespace gatepost::config {
namespace {

using protocol::Domain;

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
        note(entry.findings(), map["host"],
             shown(forwarder.host) + " is no host name; write mail.example or *.example");
    }
    map.domain("spf", forwarder.spf);
    map.domain("dkim", forwarder.dkim);
    map.domain("arc", forwarder.arc);
    if (map.is_given("arc")) {
        note(entry.findings(), map["arc"], "arc is not supported by this version; use ip, host, spf or dkim");
    }
    const int given = map.is_given("ip") + map.is_given("host") + map.is_given("spf") + map.is_given("dkim") +
                      map.is_given("arc");
    if (given != 1 && map.is_mapping())
        note(entry.findings(), node, "match needs exactly one of ip, host, spf, dkim, arc");
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
            note(entry.findings(), node,
                 shown(*text) + " is no recipient; write user@example.org or @example.org");
        }
    });
}

// Stands in log lines and evidence as it is.
bool is_name(std::string_view name) {
    return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) {
        return protocol::is_alnum(c) || c == '-' || c == '_' || c == '.';
    });
}

KnownForwarder read_forwarder(const YAML::Node& node, Findings& findings) {
    Mapping map(node, "known_forwarders", findings);
    KnownForwarder forwarder;
    forwarder.place = place_of(node);
    if (!map.is_mapping()) return forwarder;
    map.text("name", forwarder.name);
    if (!is_name(forwarder.name)) {
        note(findings, map.is_given("name") ? map["name"] : node,
             "a known forwarder needs a name of letters, digits, '-', '_' and '.'");
    }
    map.text("owner", forwarder.owner);
    std::string expires;
    map.text("expires", expires);
    if (!expires.empty() && !(forwarder.expires = parse_date(expires))) {
        note(findings, map["expires"], shown(expires) + " is no date; write it as 2027-06-30");
    }
    map.choice<ForwarderKind>(
        "kind", forwarder.kind,
        {{"forwarder", ForwarderKind::forwarder}, {"mailing_list", ForwarderKind::mailing_list}});
    map.flag("for_own_domains", forwarder.for_own_domains);
    read_match(map, node, forwarder);
    read_recipients(map, forwarder);
    map.finish();
    return forwarder;
}

void read_forwarders(Mapping& policy, std::vector<KnownForwarder>& forwarders) {
    std::set<std::string> names;
    policy.each("known_forwarders", [&](const YAML::Node& node) {
        forwarders.push_back(read_forwarder(node, policy.findings()));
        const std::string& name = forwarders.back().name;
        if (!name.empty() && !names.insert(name).second) {
            note(policy.findings(), node, "a known forwarder named " + shown(name) + " stands above already");
        }
    });
}

bool is_field_name(std::string_view name) {
    return name.size() <= 70 &&
           std::all_of(name.begin(), name.end(), [](char c) { return protocol::is_alnum(c) || c == '-'; });
}

void read_quarantine(Mapping& top, DmarcPolicy& policy) {
    Mapping map(top["quarantine"], "policy.quarantine", top.findings());
    map.text("header", policy.quarantine_header);
    const std::string& header = policy.quarantine_header;
    if (!is_field_name(header) || header.size() < 3 || !protocol::starts_with_ignoring_case(header, "x-")) {
        note(top.findings(), map["header"], "quarantine.header must be a field name that starts with X-");
    }
    map.finish();
}

bool is_web_address(std::string_view url) {
    const bool has_scheme = url.starts_with("https://") || url.starts_with("http://");
    return has_scheme && url.size() <= 200 &&
           std::all_of(url.begin(), url.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

}  // namespace

void read_policy(Mapping& top, DmarcPolicy& policy) {
    Mapping map(top["policy"], "policy", top.findings());
    map.choice<Enforce>("enforce", policy.enforce,
                        {{"observe", Enforce::observe},
                         {"corroborated", Enforce::corroborated},
                         {"policy", Enforce::policy}});
    read_quarantine(map, policy);
    read_forwarders(map, policy.known_forwarders);
    map.text("remedy_url", policy.remedy_url);
    if (!policy.remedy_url.empty() && !is_web_address(policy.remedy_url)) {
        note(top.findings(), map["remedy_url"],
             "remedy_url must be an http or https address of at most 200 characters");
    }
    map.flag("strict_from", policy.strict_from);
    map.flag("dkim_testing_counts", policy.dkim_testing_counts);
    map.flag("legacy_pct0_as_test", policy.legacy_pct0_as_test);
    map.flag("refuse_single_label_od", policy.refuse_single_label_od);
    map.finish();
}

}  // namespace gatepost::config
