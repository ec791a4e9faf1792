// What the DNS says about TLS with a downstream server: DANE for SMTP (RFC 7672; specs/smtp.md M-38). Facts
// go in, a plan comes out; without I/O.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "auth/dns_facts.h"

namespace gatepost::gateway {

struct DanePlan {
    enum class Action {
        opportunistic,  // nothing is promised: TLS if it is offered
        encrypt,        // TLS is promised, with no record that we can check: TLS or nothing
        authenticate,   // TLS with a certificate that fits one of the records, or nothing
        defer,          // what is promised could not be found out: never in the clear
    };
    Action action = Action::opportunistic;
    std::string base_domain;  // the name whose TLSA records count; in SNI and in a certificate of usage 2
    std::vector<auth::TlsaRecord> records;  // to authenticate with; all usable
    std::string why;                        // of encrypt and defer, for the log
    friend bool operator==(const DanePlan&, const DanePlan&) = default;
};

// For a server that is configured by its name (not an address, not localhost). While `facts` lacks something
// the plan is provisional.
DanePlan plan_dane(const std::string& host, std::uint16_t port, auth::DnsFacts& facts);

// Usages 2 and 3 with what we can compare (RFC 7672 section 3.1); all else is as if it were not there, but
// for the promise of TLS.
bool is_usable(const auth::TlsaRecord& record);

}  // namespace gatepost::gateway
