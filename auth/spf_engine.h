// The engine that walks SPF records: libspf2 behind an interface of one function. It only ever sees canonical
// text and aliases of ours (notes: Debian's version can be killed by one DNS record), and one surrogate
// client.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "auth/verification.h"

namespace gatepost::auth {

// What the engine asks while it walks. All about aliases (see spf_canon.h); 0 is where the walk begins.
class SpfZone {
  public:
    enum class Answer { none, another_address, the_client };

    virtual ~SpfZone() = default;
    virtual std::string record(std::size_t alias) = 0;  // canonical text; empty if there is none
    virtual Answer address(std::size_t alias) = 0;      // of a, exists and mail exchangers
    virtual std::vector<std::size_t> exchanges(std::size_t alias) = 0;  // the aliases of the mail exchangers
};

struct SpfVerdict {
    SpfResult result = SpfResult::temperror;
    bool has_match = false;  // a mechanism matched; otherwise the end was reached
};

class SpfEngine {
  public:
    virtual ~SpfEngine() = default;
    virtual SpfVerdict walk(SpfZone& zone) = 0;
};

// libspf2's. One for each thread, because its server object is not to be shared and costs more to make than a
// walk.
SpfEngine& spf_engine_of_this_thread();

}  // namespace gatepost::auth
