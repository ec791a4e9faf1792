// `gatepost tls show`: what is in the certificates of the configuration, what is wrong with them, and the
// TLSA records to publish for them (RFC 7672). Reads certificates only, no keys.
#pragma once

#include <string>

#include "config/settings.h"

namespace gatepost::gateway {

enum class TlsShow { text, json };

// Prints to standard output. 0; 1 if a certificate cannot be read, is not valid now or does not fit its
// chain; what only expires soon is said and is no failure.
int show_tls(const config::Settings& settings, TlsShow format);

}  // namespace gatepost::gateway
