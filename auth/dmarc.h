// DMARC over what SPF and DKIM found (RFC 9989 sections 4.4, 5.3 and 5.4).
#pragma once

#include <vector>

#include "auth/dns_facts.h"
#include "auth/verification.h"
#include "protocol/author.h"

namespace gatepost::auth {

struct DmarcInput {
    const protocol::Author& author;
    const SpfOutcome& mail_from;  // never the HELO identity, but for the null path (RFC 9989 section 4.4.2)
    const std::vector<DkimOutcome>& dkim;
};

struct DmarcOptions {
    bool dkim_testing_counts = true;      // a pass with a key flagged t=y
    bool legacy_pct0_as_test = false;     // pct=0 means t=y, as it nearly did in RFC 7489
    bool refuse_single_label_od = false;  // specs R-52
};

// Provisional while !facts.is_complete(). Of several author domains, each is evaluated and the worst outcome
// counts.
DmarcOutcome evaluate_dmarc(const DmarcInput& input, const DmarcOptions& options, DnsFacts& facts);

}  // namespace gatepost::auth
