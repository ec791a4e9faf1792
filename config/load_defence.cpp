#include "config/load_defence.h"

#include <algorithm>

namespace gatepost::config {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

// A sender waits five minutes for a reply to RCPT (RFC 5321 section 4.5.3.2.3): no delay comes near that.
constexpr milliseconds kLongestDelay = 60s;

void read_tarpit(Mapping& defence, Tarpit& tarpit) {
    Mapping map(defence["tarpit"], "defence.tarpit", defence.findings());
    map.count("after", tarpit.after, 0, 1000);
    map.duration<milliseconds>("delay", tarpit.delay, 1ms, kLongestDelay);
    map.duration<milliseconds>("max", tarpit.max, 1ms, kLongestDelay);
    map.finish();
}

void read_harvest(Mapping& defence, Harvest& harvest) {
    Mapping map(defence["harvest"], "defence.harvest", defence.findings());
    map.count("slow_after", harvest.slow_after, 0, 100'000);
    map.duration<milliseconds>("delay", harvest.delay, 1ms, kLongestDelay);
    map.count("end_after", harvest.end_after, 1, 100'000);
    map.finish();
}

// 127.255.255.0/24 is where operators of lists say what is wrong with the question.
bool can_be_answer(const protocol::IpNetwork& network) {
    static const auto loopback = *protocol::IpNetwork::parse("127.0.0.0/8");
    static const auto complaints = *protocol::IpNetwork::parse("127.255.255.0/24");
    return network.address.is_v4() && network.prefix >= 8 && loopback.contains(network.address) &&
           !(network.prefix >= 24 && complaints.contains(network.address));
}

void read_answers(Mapping& map, DnsList& list) {
    map.each("answers", [&](const YAML::Node& node) {
        const auto text = scalar(node, "an answer", map.findings());
        if (!text) return;
        const auto network = protocol::IpNetwork::parse(*text);
        if (!network || !can_be_answer(*network)) {
            note(map.findings(), node,
                 shown(*text) + " is no answer of a list; write 127.0.0.2 or 127.0.0.4/30");
        } else {
            list.answers.push_back(*network);
        }
    });
}

DnsList read_list(const YAML::Node& node, std::string_view key, Findings& findings) {
    DnsList list;
    Mapping map(node, std::string(key), findings);
    if (!map.is_mapping()) return list;
    std::optional<protocol::Domain> zone;
    map.domain("zone", zone);
    if (zone) {
        list.zone = zone->text();
    } else if (!map.is_given("zone")) {
        note(findings, node, "a list needs a zone, like zone: dnsbl.example");
    }
    // 64 octets are what an IPv6 address takes in front of it.
    if (list.zone.size() > 253 - 64)
        note(findings, map["zone"], shown(list.zone) + " is too long for a list");
    map.count("score", list.score, 1, 1000);
    read_answers(map, list);
    map.finish();
    return list;
}

// Each is a question for each client, at once.
constexpr std::size_t kMaxLists = 20;

void read_lists(Mapping& defence, std::string_view key, std::vector<DnsList>& lists) {
    defence.each(key, [&](const YAML::Node& node) {
        lists.push_back(read_list(node, key, defence.findings()));
        const auto same = [&](const DnsList& other) { return other.zone == lists.back().zone; };
        if (std::count_if(lists.begin(), lists.end(), same) > 1 && !lists.back().zone.empty()) {
            note(defence.findings(), node, shown(lists.back().zone) + " stands above already");
        }
        if (lists.size() == kMaxLists + 1) {
            note(defence.findings(), node, std::string(key) + " takes at most 20 lists");
        }
    });
}

void read_pregreet(Mapping& defence, Pregreet& pregreet) {
    Mapping map(defence["pregreet"], "defence.pregreet", defence.findings());
    map.duration<milliseconds>("wait", pregreet.wait, 0ms, 30s);
    map.choice<PregreetAction>("action", pregreet.action,
                               {{"log", PregreetAction::log},
                                {"evidence", PregreetAction::evidence},
                                {"refuse", PregreetAction::refuse}});
    map.finish();
}

}  // namespace

void read_defence(Mapping& top, Defence& defence) {
    Mapping map(top["defence"], "defence", top.findings());
    read_tarpit(map, defence.tarpit);
    read_harvest(map, defence.harvest);
    read_lists(map, "dnsbl", defence.dnsbl);
    read_lists(map, "dnswl", defence.dnswl);
    map.count("evidence_at", defence.evidence_at, 1, 100'000);
    map.count("reject_at", defence.reject_at, 0, 100'000);
    read_pregreet(map, defence.pregreet);
    map.count("delayed_sessions", defence.delayed_sessions, 0, 1'000'000);
    map.finish();
}

}  // namespace gatepost::config
