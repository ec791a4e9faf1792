// Our SPF, with libspf2 inside, against the oracle: the same word for every zone, client and sender.
#include <cstdint>

#include "auth/spf.h"
#include "tests/support/spf_oracle.h"
#include "tests/support/spf_random_zone.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace gatepost;
    tests::ByteSource in(data, size);
    const auto given = tests::random_case(in);
    auth::DnsFacts facts;
    const auto ours = tests::settle_in(given.zone, facts, [&](auth::DnsFacts& known) {
        return auth::check_host(given.client, given.sender, known);
    });
    if (ours.result != tests::SpfOracle(given.zone, given.client, given.sender).check()) __builtin_trap();
    if (!ours.explanation.empty() && ours.result != auth::SpfResult::fail) __builtin_trap();
    if (ours.explanation.size() > 1024) __builtin_trap();
    return 0;
}
