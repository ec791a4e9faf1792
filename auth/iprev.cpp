#include "auth/iprev.h"

#include <algorithm>

#include "protocol/ascii.h"

namespace gatepost::auth {
namespace {

constexpr std::size_t kMaxNames = 10;

// No answer with the address in it is a fail; only if an answer could not be had, it might have been a pass.
IprevResult confirm(const protocol::IpAddress& client, const DnsAnswer& pointers, DnsFacts& facts,
                    std::vector<std::string>& confirmed) {
    const auto type = client.is_v4() ? RecordType::a : RecordType::aaaa;
    bool is_unsure = false;
    for (std::size_t i = 0; i < std::min(pointers.names.size(), kMaxNames); ++i) {
        const auto name = protocol::lowered(pointers.names[i]);
        const auto* answer = facts.find(type, name);
        if (!answer || answer->status == DnsStatus::failed) {
            is_unsure = true;
            continue;
        }
        const auto& found = answer->addresses;
        const bool is_new = std::find(confirmed.begin(), confirmed.end(), name) == confirmed.end();
        if (is_new && std::find(found.begin(), found.end(), client) != found.end()) confirmed.push_back(name);
    }
    if (!confirmed.empty()) return IprevResult::pass;
    return is_unsure ? IprevResult::temperror : IprevResult::fail;
}

}  // namespace

IprevOutcome check_iprev(const protocol::IpAddress& client, DnsFacts& facts) {
    IprevOutcome outcome;
    const auto* pointers = facts.find(RecordType::ptr, client.reverse_name());
    if (!pointers || pointers->status == DnsStatus::failed) {
        outcome.result = IprevResult::temperror;
        return outcome;
    }
    if (pointers->status != DnsStatus::found || pointers->names.empty()) {
        outcome.result = IprevResult::permerror;
        return outcome;
    }
    outcome.claimed = protocol::lowered(pointers->names.front());
    outcome.result = confirm(client, *pointers, facts, outcome.names);
    return outcome;
}

}  // namespace gatepost::auth
