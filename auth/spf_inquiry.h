// One SPF check: who asks, what is looked up for it, and what the result rests on.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/dns_facts.h"
#include "auth/spf_record.h"
#include "protocol/ip_address.h"

namespace gatepost::auth {

struct SpfClient {
    protocol::IpAddress ip;
    std::string helo;      // as it came
    std::string receiver;  // our host name, for %{r}
    std::int64_t now = 0;  // Unix seconds, for %{t} and the cache
};

struct SpfSender {
    std::string local_part;  // as it came; empty: postmaster (RFC 7208 section 4.3)
    std::string domain;
};

// RFC 7208 section 4.6.4.
constexpr unsigned kMaxSpfVoids = 2;
constexpr std::size_t kMaxSpfExchanges = 10;
constexpr std::size_t kMaxSpfPointers = 10;

// What was found where a record should be. `result` is none while all is well, and says what to conclude
// otherwise.
struct SpfReading {
    std::optional<SpfRecord> record;
    SpfResult result = SpfResult::none;
    std::string why;
};

class SpfInquiry {
  public:
    SpfInquiry(const SpfClient& client, SpfSender sender, DnsFacts& facts);

    const SpfClient& client() const { return client_; }

    // Null: not known yet, and the check is provisional. A name that cannot be asked has an answer without
    // records.
    const DnsAnswer* find(RecordType type, std::string_view name);
    const DnsAnswer* find_addresses(std::string_view name);  // of the client's family
    SpfReading read(std::string_view domain);

    // The name a term is about, or the text of an explanation. Nothing if the macros cannot be expanded.
    std::optional<std::string> name(const MacroString& spec, const std::string& domain);
    std::optional<std::string> text(const MacroString& text, const std::string& domain, std::size_t limit);
    // Whether a validated name of the client equals `target` or is below it (RFC 7208 section 5.5).
    bool has_validated_name(const std::string& target);

    bool is_provisional() const { return is_provisional_; }
    // What the result rests on, for the cache.
    std::uint32_t ttl() const { return ttl_; }
    bool used_local_part() const { return used_local_part_; }
    bool used_helo() const { return used_helo_; }

  private:
    struct Validated {
        std::string domain, name;
    };

    std::optional<std::string> value(char letter, const std::string& domain);
    std::string validated_name(const std::string& domain);
    std::vector<std::string> pointers();
    bool is_validated(const std::string& name);

    const SpfClient& client_;
    SpfSender sender_;
    DnsFacts& facts_;
    bool is_provisional_ = false;
    bool used_local_part_ = false;
    bool used_helo_ = false;
    std::uint32_t ttl_ = UINT32_MAX;
    std::optional<Validated> validated_;  // the last %{p}: a record may hold it many times
};

}  // namespace gatepost::auth
