// SPF records read strictly (RFC 7208 sections 4.5, 4.6.1 and 12): any error anywhere makes the record no
// record.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/spf_macro.h"
#include "auth/verification.h"
#include "protocol/ip_address.h"
#include "protocol/result.h"

namespace gatepost::auth {

enum class SpfMechanism : std::uint8_t { all, include, a, mx, ptr, ip4, ip6, exists };

// RFC 7208 section 4.6.4: so many terms that ask the DNS, over the whole check.
constexpr unsigned kMaxSpfTerms = 10;

// Whether it counts among them.
constexpr bool asks_dns(SpfMechanism mechanism) {
    return mechanism != SpfMechanism::all && mechanism != SpfMechanism::ip4 && mechanism != SpfMechanism::ip6;
}

struct SpfTerm {
    SpfMechanism mechanism = SpfMechanism::all;
    SpfResult qualifier = SpfResult::pass;  // the result when it matches
    std::uint8_t prefix4 = 32;              // a, mx, ip4
    std::uint8_t prefix6 = 128;             // a, mx, ip6
    // ip4, ip6: as written. Not an IpAddress, for ip6:::ffff:0:0/96 is about IPv6 clients.
    std::array<std::uint8_t, 16> network{};
    std::optional<MacroString> domain;
    std::string_view written;  // into SpfRecord::text, without the qualifier

    // For ip4 and ip6.
    bool holds(const protocol::IpAddress& client) const;
};

class SpfRecord {
  public:
    // Longer records are refused unread.
    static constexpr std::size_t kMaxOctets = 16 * 1024;

    static protocol::Result<SpfRecord> parse(std::string_view text);

    SpfRecord(SpfRecord&&) = default;
    SpfRecord& operator=(SpfRecord&&) = default;

    // Without those that no check can come to: behind `all`, or behind one DNS term more than are allowed.
    const std::vector<SpfTerm>& terms() const { return terms_; }
    const std::optional<MacroString>& redirect() const { return redirect_; }
    const std::optional<MacroString>& explanation() const { return explanation_; }
    bool has_all() const { return has_all_; }

  private:
    SpfRecord() = default;
    bool add(std::string_view word);
    void keep(SpfTerm term);
    bool add_modifier(std::string_view name, std::string_view value);

    std::vector<char> text_;  // moves without moving its octets, so the terms may point into it
    std::vector<SpfTerm> terms_;
    std::optional<MacroString> redirect_, explanation_;
    bool has_all_ = false;
    unsigned dns_terms_ = 0;
};

// The SPF records among the texts of a TXT answer (RFC 7208 section 4.5).
std::vector<std::string_view> select_spf_records(const std::vector<std::string>& texts);

}  // namespace gatepost::auth
