// The DNS Tree Walk and what follows from it: Organizational Domain and Policy Domain (RFC 9989
// section 4.10).
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "auth/dns_facts.h"
#include "auth/verification.h"
#include "protocol/domain.h"

namespace gatepost::auth {

struct FoundRecord {
    protocol::Domain name;
    DmarcRecord record;
    friend bool operator==(const FoundRecord&, const FoundRecord&) = default;
};

struct Walk {
    // How it ended: at the top-level domain, at a psd=y or psd=n, at a DNS error, at an answer still to come.
    enum class End { top, psd, error, pending };

    protocol::Domain start;
    std::vector<FoundRecord> found;          // longest name first
    std::vector<protocol::Domain> repeated;  // names with several records, for the report
    End end = End::top;
    std::size_t names = 0;      // looked at; never more than eight
    bool start_exists = false;  // the first answer proves that the start name exists

    bool is_whole() const { return end == End::top || end == End::psd; }
    // The record at exactly that name, or null.
    const FoundRecord* at(const protocol::Domain& name) const;
};

// Asks for all names at once, so that a cold walk costs one round; looks at no more of them than the RFC's
// walk does.
Walk walk_tree(const protocol::Domain& start, DnsFacts& facts);

// The names of a walk: the whole name, then its last seven labels or what is left, down to one.
std::vector<protocol::Domain> names_of_walk(const protocol::Domain& start);

// Whether a record at a top-level domain without psd= makes it an Organizational Domain. The RFC says so and
// leaves the risk to the owners (RFC 9989 section 11.8).
enum class SingleLabelOd { allowed, refused };

// RFC 9989 section 4.10.2. Of a walk that is not whole: of what was found.
protocol::Domain organizational_domain(const Walk& walk, SingleLabelOd single = SingleLabelOd::allowed);

// The record that applies to the walk's start as author domain, or null (RFC 9989 section 4.10.1).
const FoundRecord* applicable_record(const Walk& walk, SingleLabelOd single = SingleLabelOd::allowed);

}  // namespace gatepost::auth
