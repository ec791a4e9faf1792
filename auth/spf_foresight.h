// While facts are missing: notes what else the check will probably ask, so that few rounds are needed.
#pragma once

#include <string>

#include "auth/spf_inquiry.h"

namespace gatepost::auth {

// Goes through the record at `domain` and those it leads to, as far as they are known, and asks for every
// name in the first ten terms.
void foresee(SpfInquiry& inquiry, const std::string& domain);

}  // namespace gatepost::auth
