#include "auth/dmarc_walk.h"

#include "auth/dmarc_record.h"

namespace gatepost::auth {
namespace {

using protocol::Domain;

constexpr std::size_t kMaxNames = 8;

std::string question(const Domain& name) {
    return "_dmarc." + name.text();
}

// An answer below the name, or an alias there, proves the name; NXDOMAIN below it proves nothing (RFC 8020).
bool proves_parent(const DnsAnswer& answer) {
    return answer.status == DnsStatus::found || answer.status == DnsStatus::no_data || answer.is_alias;
}

bool is_psd_top(const FoundRecord& found, const Walk& walk) {
    return found.record.psd == DmarcRecord::Psd::y && found.name != walk.start;
}

// The step of the walk at one name; whether it goes on.
bool step(Walk& walk, const Domain& name, const DnsAnswer& answer) {
    if (answer.status != DnsStatus::found) return true;
    auto set = select_dmarc_record(answer.texts);
    if (set.has_several) walk.repeated.push_back(name);
    if (!set.record) return true;
    const bool stops = set.record->psd != DmarcRecord::Psd::u;
    walk.found.push_back({name, std::move(*set.record)});
    if (stops) walk.end = Walk::End::psd;
    return !stops;
}

}  // namespace

const FoundRecord* Walk::at(const Domain& name) const {
    for (const auto& entry : found) {
        if (entry.name == name) return &entry;
    }
    return nullptr;
}

std::vector<Domain> names_of_walk(const Domain& start) {
    std::vector<Domain> names{start};
    std::size_t labels = start.labels();
    while (labels > 1) {
        labels = labels >= kMaxNames ? kMaxNames - 1 : labels - 1;
        names.push_back(start.last_labels(labels));
    }
    return names;
}

Walk walk_tree(const Domain& start, DnsFacts& facts) {
    const auto names = names_of_walk(start);
    Walk walk{.start = start};
    for (const auto& name : names) {
        const DnsAnswer* answer = facts.find(RecordType::txt, question(name));
        ++walk.names;
        if (!answer) {
            for (const auto& further : names) facts.want(RecordType::txt, question(further));
            walk.end = Walk::End::pending;
            return walk;
        }
        // Going on as if nothing were there would apply a parent's weaker policy (specs R-13).
        if (answer->status == DnsStatus::failed) {
            walk.end = Walk::End::error;
            return walk;
        }
        if (name == start) walk.start_exists = proves_parent(*answer);
        if (!step(walk, name, *answer)) break;
    }
    return walk;
}

Domain organizational_domain(const Walk& walk, SingleLabelOd single) {
    for (auto found = walk.found.rbegin(); found != walk.found.rend(); ++found) {
        if (is_psd_top(*found, walk)) return walk.start.last_labels(found->name.labels() + 1);
        const bool is_unsaid = found->record.psd == DmarcRecord::Psd::u && found->name.labels() == 1;
        if (single == SingleLabelOd::allowed || !is_unsaid) return found->name;
    }
    return walk.start;
}

const FoundRecord* applicable_record(const Walk& walk, SingleLabelOd single) {
    if (const auto* own = walk.at(walk.start)) return own;
    if (const auto* organizational = walk.at(organizational_domain(walk, single))) return organizational;
    if (!walk.found.empty() && is_psd_top(walk.found.back(), walk)) return &walk.found.back();
    return nullptr;
}

}  // namespace gatepost::auth
