// What `gatepost verify` prints.
#pragma once

#include <string>

#include "policy/judgement.h"

namespace gatepost::gateway {

// One line of JSON (README.md has the contract).
std::string as_json(const policy::Judgement& judgement);
// For people: what was found, what was decided, why, and what the sender could mend.
std::string as_text(const policy::Judgement& judgement);

}  // namespace gatepost::gateway
