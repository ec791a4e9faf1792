// DNS lists of clients (RFC 5782): which names to ask, and what the answers add up to. A listing in a dnsbl
// is evidence for forgery from some sum on. A listing in a dnswl says that the client's operator is known to
// care, not that the author of a message wrote it: it takes the edge off a dnsbl and proves nothing itself.
#pragma once

#include <string>
#include <vector>

#include "auth/dns_facts.h"
#include "config/settings.h"

namespace gatepost::policy {

struct ListScore {
    int sum = 0;
    std::vector<std::string> listed_by;   // zones of dnsbl
    std::vector<std::string> allowed_by;  // zones of dnswl
    // Zones that answered what no list says: an error code of the operator's (127.255.255.x: asked too often,
    // or through an open resolver), or an address outside 127.0.0.0/8 (a zone that was given up, a resolver
    // that lies). It counts as not listed; the administrator must know.
    std::vector<std::string> nonsense_from;

    bool is_evidence(const config::Defence& defence) const;
    bool is_refusal(const config::Defence& defence) const;
};

// One question a list: the client's reversed octets or nibbles in front of the zone.
std::vector<auth::DnsQuestion> list_questions(const protocol::IpAddress& client,
                                              const config::Defence& defence);

// What could not be looked up does not count.
ListScore score_lists(const protocol::IpAddress& client, const config::Defence& defence,
                      auth::DnsFacts& facts);

}  // namespace gatepost::policy
