// A zone of records in memory and the loop that answers a check from it, as a resolver would: aliases are
// followed, names above others exist, "*" stands for labels that are not there.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "auth/dns_facts.h"
#include "protocol/ascii.h"

namespace gatepost::tests {

using auth::DnsAnswer;
using auth::DnsFacts;
using auth::DnsQuestion;
using auth::DnsStatus;
using auth::RecordType;

class SpfZoneData {
  public:
    struct Node {
        std::map<RecordType, DnsAnswer> records;
        std::map<RecordType, DnsStatus> broken;  // holds for that type, whatever records there are
        bool has_mark = false;                   // holds for every type without records
        DnsStatus mark = DnsStatus::failed;
        std::string alias;
    };

    Node& node(const std::string& name) {
        const auto key = protocol::lowered(name);
        for (auto dot = key.find('.'); dot != std::string::npos; dot = key.find('.', dot + 1)) {
            parents_[key.substr(dot + 1)] = true;
        }
        return nodes_[key];
    }
    DnsAnswer& records(const std::string& name, RecordType type) {
        auto& answer = node(name).records[type];
        answer.status = DnsStatus::found;
        answer.ttl = ttl;
        return answer;
    }
    void txt(const std::string& name, const std::string& text) {
        records(name, RecordType::txt).texts.push_back(text);
    }
    void address(const std::string& name, const std::string& text) {
        const auto ip = protocol::IpAddress::parse(text).value();
        records(name, ip.is_v4() ? RecordType::a : RecordType::aaaa).addresses.push_back(ip);
    }
    void mx(const std::string& name, const std::string& host) {
        records(name, RecordType::mx).exchanges.push_back({10, protocol::lowered(host)});
    }
    void ptr(const std::string& ip, const std::string& host) {
        const auto name = protocol::IpAddress::parse(ip).value().reverse_name();
        records(name, RecordType::ptr).names.push_back(protocol::lowered(host));
    }
    void fail(const std::string& name) {
        node(name).has_mark = true;
        node(name).mark = DnsStatus::failed;
    }

    DnsAnswer answer(const DnsQuestion& question) const {
        std::string name = question.name;
        for (int hops = 0; hops < 16; ++hops) {
            const auto* node = find(name);
            if (!node) return nothing(parents_.contains(name) ? DnsStatus::no_data : DnsStatus::nx_domain);
            if (const auto it = node->broken.find(question.type); it != node->broken.end())
                return nothing(it->second);
            if (const auto it = node->records.find(question.type); it != node->records.end())
                return it->second;
            if (node->alias.empty()) return nothing(node->has_mark ? node->mark : DnsStatus::no_data);
            name = node->alias;
        }
        return nothing(DnsStatus::failed);
    }

    std::uint32_t ttl = 60;

  private:
    DnsAnswer nothing(DnsStatus status) const {
        return {.status = status, .ttl = ttl, .why = status == DnsStatus::failed ? "SERVFAIL" : ""};
    }
    const Node* find(const std::string& name) const {
        if (const auto it = nodes_.find(name); it != nodes_.end()) return &it->second;
        if (parents_.contains(name)) return nullptr;
        for (auto dot = name.find('.'); dot != std::string::npos; dot = name.find('.', dot + 1)) {
            const auto above = name.substr(dot + 1);
            if (const auto it = nodes_.find("*." + above); it != nodes_.end()) return &it->second;
            if (nodes_.contains(above) || parents_.contains(above)) return nullptr;
        }
        return nullptr;
    }

    std::map<std::string, Node> nodes_;
    std::map<std::string, bool> parents_;
};

// Evaluates, answers what is missing, evaluates again; gives the number of rounds that asked something.
template <class Evaluate>
auto settle_in(const SpfZoneData& zone, DnsFacts& facts, Evaluate evaluate, unsigned* rounds = nullptr) {
    for (unsigned round = 0;; ++round) {
        auto outcome = evaluate(facts);
        if (facts.is_complete() || round > 200) {
            if (rounds) *rounds = round;
            return outcome;
        }
        for (const auto& question : facts.take_missing()) facts.learn(question, zone.answer(question));
    }
}

}  // namespace gatepost::tests
