// Whether the DNS says of our own DKIM key what it should.
#pragma once

#include <string>

#include "auth/crypto.h"
#include "auth/dns_facts.h"

namespace gatepost::auth {

enum class Published {
    fits,
    missing,  // there is no record
    unfit,    // receivers will not take a signature for ours
    unknown,  // the DNS did not answer
};

struct PublishedKey {
    Published state = Published::unknown;
    std::string why;  // of all but `fits`, for the log
    friend bool operator==(const PublishedKey&, const PublishedKey&) = default;
};

// `answer`: to the question for TXT at the key's name. More than one record is unfit: which one a receiver
// takes is undefined (RFC 6376 section 3.6.2.2).
PublishedKey compare_published_key(const PrivateKey& key, const DnsAnswer& answer);

}  // namespace gatepost::auth
