// A DKIM key record (RFC 6376 section 3.6.1, RFC 8463), and a bounded store of those already read.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "auth/crypto.h"
#include "protocol/result.h"

namespace gatepost::auth {

struct DkimKey {
    std::shared_ptr<const PublicKey> key;  // never null
    bool testing = false;                  // t=y
    bool is_for_domain_alone = false;      // t=s: the domain of i= must be d= itself
};

// The problem is a reason for the log and for Authentication-Results: ours, without a word of the record.
protocol::Result<DkimKey> parse_dkim_key(std::string_view text);

// Most mail comes from few signers, and reading an RSA key costs a tenth of a verification. One per worker
// thread. Holds at most twice `keys` records, sound or not: when the younger half is full, the older one is
// dropped.
class DkimKeyCache {
  public:
    static constexpr std::size_t kMaxText = 2048;  // longer ones are read anew each time

    explicit DkimKeyCache(std::size_t keys = 1000) : keys_(keys) {}

    protocol::Result<DkimKey> parse(std::string_view text);
    std::size_t size() const { return young_.size() + old_.size(); }

  private:
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
    };
    using Keys = std::unordered_map<std::string, protocol::Result<DkimKey>, Hash, std::equal_to<>>;
    const protocol::Result<DkimKey>& keep(std::string_view text, protocol::Result<DkimKey> key);

    std::size_t keys_;
    Keys young_;
    Keys old_;
};

}  // namespace gatepost::auth
