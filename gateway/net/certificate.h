// What a certificate says of itself.
#pragma once

#include <string>
#include <vector>

struct x509_st;

namespace gatepost::gateway {

constexpr int kWarnDays = 14;  // before a certificate expires

// Of subjectAltName, as they stand there: "*.Example.org". Octets of a stranger.
std::vector<std::string> dns_names_of(const x509_st* certificate);
// Until it expires; negative if it has.
int days_left_of(const x509_st* certificate);

}  // namespace gatepost::gateway
