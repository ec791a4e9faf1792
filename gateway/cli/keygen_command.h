// `gatepost keygen`: makes the key that signs notifications, and says what to publish in DNS and to write in
// the configuration.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "auth/crypto.h"
#include "protocol/domain.h"

namespace gatepost::gateway {

struct KeygenRequest {
    auth::KeyType type = auth::KeyType::rsa;
    protocol::Domain domain;     // of the signature, d=
    protocol::Domain selector;   // s=
    std::string file;            // empty: SELECTOR.DOMAIN.key in the current folder
    bool is_forced = false;      // replaces a key that is there
    bool is_shown_only = false;  // no key is made: says it again of the one that is there
};

// Prints to standard output. An exit status of sysexits.h; a key that is there is only replaced if forced.
int keygen(const KeygenRequest& request);

// The record of a key in the form of zone files (RFC 1035 section 5.1), its text in strings of at most 255
// octets (section 3.3.14).
std::string zone_record(const protocol::Domain& selector, const protocol::Domain& domain,
                        std::string_view text);

// Selectors that tell when the key was made: "gp202611".
protocol::Domain selector_for(std::int64_t now);

}  // namespace gatepost::gateway
