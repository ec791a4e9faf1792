// DNS facts out of a map, for tests: what is not in it does not exist.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "auth/dns_facts.h"

namespace gatepost::tests {

class DnsMap {
  public:
    DnsMap& txt(const std::string& name, const std::string& text) {
        auto& answer = at(auth::RecordType::txt, name);
        answer.texts.push_back(text);
        return *this;
    }
    DnsMap& fails(auth::RecordType type, const std::string& name) {
        at(type, name).status = auth::DnsStatus::failed;
        return *this;
    }

    // Runs `evaluate` as settle() does, until nothing needed is missing. Returns the number of rounds.
    template <class Evaluate>
    int settle(Evaluate evaluate) const {
        auth::DnsFacts facts;
        for (int round = 1;; ++round) {
            evaluate(facts);
            if (facts.is_complete() || round == 50) return round;
            for (const auto& question : facts.take_missing()) facts.learn(question, answer(question));
        }
    }

  private:
    auth::DnsAnswer& at(auth::RecordType type, const std::string& name) {
        auto& answer = answers_[{type, name}];
        answer.status = auth::DnsStatus::found;
        answer.ttl = 300;
        return answer;
    }
    auth::DnsAnswer answer(const auth::DnsQuestion& question) const {
        const auto it = answers_.find(question);
        if (it != answers_.end()) return it->second;
        return {.status = auth::DnsStatus::nx_domain, .ttl = 60};
    }

    std::map<auth::DnsQuestion, auth::DnsAnswer> answers_;
};

}  // namespace gatepost::tests
