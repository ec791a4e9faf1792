// A zone for tests: records at names. A name above a record exists, any other does not.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>

#include "auth/dns_facts.h"
#include "protocol/domain.h"

namespace gatepost::auth {

class Zone {
  public:
    // A DMARC record at _dmarc.NAME.
    Zone& dmarc(const std::string& name, const std::string& text) {
        auto& answer = records_[{RecordType::txt, "_dmarc." + name}];
        answer.status = DnsStatus::found;
        answer.texts.push_back(text);
        return *this;
    }
    Zone& set(RecordType type, const std::string& name, DnsAnswer answer) {
        records_[{type, name}] = std::move(answer);
        return *this;
    }
    // Nothing at the name can be found out.
    Zone& failing(RecordType type, const std::string& name) {
        return set(type, name, {.status = DnsStatus::failed, .why = "SERVFAIL"});
    }
    Zone& existing(const std::string& name) {
        return set(RecordType::mx, name, {.status = DnsStatus::found});
    }

    DnsAnswer answer(const DnsQuestion& question) const {
        if (const auto it = records_.find(question); it != records_.end()) return it->second;
        for (const auto& [known, answer] : records_) {
            const bool is_there = answer.status == DnsStatus::found || answer.is_alias;
            if (is_there && protocol::is_or_is_below(known.name, question.name))
                return {.status = DnsStatus::no_data};
        }
        return {.status = DnsStatus::nx_domain};
    }

    DnsFacts facts() const {
        return DnsFacts([this](const DnsQuestion& question) {
            return std::make_shared<const DnsAnswer>(answer(question));
        });
    }

  private:
    std::map<DnsQuestion, DnsAnswer> records_;
};

}  // namespace gatepost::auth
