// The file of a private key: read whole, and made so that nobody else can read it.
#pragma once

#include <string>

#include "auth/crypto.h"
#include "protocol/result.h"

namespace gatepost::gateway {

// The problem says what is wrong and what to do about it, without the name of the file.
protocol::Result<auth::PrivateKey> read_private_key(const std::string& file);

enum class Existing { kept, replaced };
// With mode 0600, durably; one that was there before is replaced as a whole or not at all. Empty, or what
// went wrong.
std::string write_private_key(const std::string& file, const auth::PrivateKey& key, Existing existing);

}  // namespace gatepost::gateway
