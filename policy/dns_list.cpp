#include "policy/dns_list.h"

#include <algorithm>

namespace gatepost::policy {
namespace {

using auth::RecordType;
using protocol::IpAddress;
using protocol::IpNetwork;

const IpNetwork kListAnswers = *IpNetwork::parse("127.0.0.0/8");
const IpNetwork kComplaints = *IpNetwork::parse("127.255.255.0/24");

// RFC 5782 sections 2.1 and 2.4: as in in-addr.arpa and ip6.arpa, with the zone in their place.
std::string name_at(const IpAddress& client, const std::string& zone) {
    const std::string reversed = client.reverse_name();
    const std::string_view suffix = client.is_v4() ? "in-addr.arpa" : "ip6.arpa";
    return reversed.substr(0, reversed.size() - suffix.size()) + zone;
}

enum class Found { unlisted, listed, nonsense };

Found found_in(const config::DnsList& list, const auth::DnsAnswer* answer) {
    if (!answer || answer->status != auth::DnsStatus::found) return Found::unlisted;
    bool is_listed = false;
    for (const auto& address : answer->addresses) {
        if (!kListAnswers.contains(address) || kComplaints.contains(address)) return Found::nonsense;
        const auto counts = [&](const IpNetwork& network) { return network.contains(address); };
        is_listed = is_listed || list.answers.empty() ||
                    std::any_of(list.answers.begin(), list.answers.end(), counts);
    }
    return is_listed ? Found::listed : Found::unlisted;
}

class Tally {
  public:
    Tally(const IpAddress& client, auth::DnsFacts& facts, ListScore& score)
        : client_(client), facts_(facts), score_(score) {}

    void add(const std::vector<config::DnsList>& lists, int sign, std::vector<std::string>& zones) {
        for (const auto& list : lists) {  // on past what is missing, so that it is all asked at once
            const auto found = found_in(list, facts_.find(RecordType::a, name_at(client_, list.zone)));
            if (found == Found::nonsense) score_.nonsense_from.push_back(list.zone);
            if (found != Found::listed) continue;
            score_.sum += sign * static_cast<int>(list.score);
            zones.push_back(list.zone);
        }
    }

  private:
    const IpAddress& client_;
    auth::DnsFacts& facts_;
    ListScore& score_;
};

bool reaches(const ListScore& score, std::size_t threshold) {
    return !score.listed_by.empty() && score.sum >= static_cast<int>(threshold);
}

}  // namespace

bool ListScore::is_evidence(const config::Defence& defence) const {
    return reaches(*this, defence.evidence_at);
}

bool ListScore::is_refusal(const config::Defence& defence) const {
    return defence.reject_at > 0 && reaches(*this, defence.reject_at);
}

std::vector<auth::DnsQuestion> list_questions(const IpAddress& client, const config::Defence& defence) {
    std::vector<auth::DnsQuestion> questions;
    for (const auto* lists : {&defence.dnsbl, &defence.dnswl}) {
        for (const auto& list : *lists) questions.push_back({RecordType::a, name_at(client, list.zone)});
    }
    return questions;
}

ListScore score_lists(const IpAddress& client, const config::Defence& defence, auth::DnsFacts& facts) {
    ListScore score;
    Tally tally(client, facts, score);
    tally.add(defence.dnsbl, 1, score.listed_by);
    tally.add(defence.dnswl, -1, score.allowed_by);
    return score;
}

}  // namespace gatepost::policy
