// What is known about the DNS while one message is judged. A check asks find(); what is not known yet is
// noted, the gateway asks for it, and the check runs again. So checks need no socket, and a test is a map of
// records.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/ip_address.h"

namespace gatepost::auth {

enum class RecordType : std::uint16_t { a = 1, cname = 5, ptr = 12, mx = 15, txt = 16, aaaa = 28, tlsa = 52 };

// failed: SERVFAIL, REFUSED, a timeout, a malformed answer – all that is "could not find out".
enum class DnsStatus { found, no_data, nx_domain, failed };

struct MxRecord {
    std::uint16_t preference = 0;
    std::string host;
    friend bool operator==(const MxRecord&, const MxRecord&) = default;
};

// RFC 6698 section 2.1, as it came: what cannot be read has empty data. Which ones are of use is for the
// reader to say (gateway/relay/dane.h).
struct TlsaRecord {
    std::uint8_t usage = 0, selector = 0, matching = 0;
    std::string data;  // octets of a certificate, a key or a digest
    friend bool operator==(const TlsaRecord&, const TlsaRecord&) = default;
};

// The answer to one question, aliases followed. Names are lower case, dotted, without the final dot; labels
// may hold any octet but a dot (a record that holds one is left out).
struct DnsAnswer {
    DnsStatus status = DnsStatus::failed;
    bool is_alias = false;  // a CNAME stands at the asked name itself
    // DNSSEC vouches for all of it, aliases and "there is none" too: a resolver said so (AD, RFC 6840 section
    // 5.8) whose word is trusted and could not be changed on its way (Resolver). Never of `failed`.
    bool is_secure = false;
    std::uint32_t ttl = 0;                       // seconds; the smallest on the way
    std::vector<std::string> texts;              // TXT: one string a record, its parts joined
    std::vector<protocol::IpAddress> addresses;  // A or AAAA
    std::vector<MxRecord> exchanges;             // MX, as they came
    std::vector<std::string> names;              // PTR, CNAME
    std::vector<TlsaRecord> tlsas;               // TLSA
    std::string canonical;                       // the end of its aliases; empty without any
    std::string why;                             // for `failed`: what happened, for the log
    friend bool operator==(const DnsAnswer&, const DnsAnswer&) = default;
};

struct DnsQuestion {
    RecordType type = RecordType::txt;
    std::string name;
    friend auto operator<=>(const DnsQuestion&, const DnsQuestion&) = default;
};

using DnsAnswerPtr = std::shared_ptr<const DnsAnswer>;

// The sender chooses the names that we ask for, so their number is bounded over all checks of one message. By
// the limits of RFC 7208 section 4.6.4 one SPF check may need 112 questions (the record, ten mx terms with
// ten hosts each, an explanation); reverse names 11; ten signatures 10 keys; DMARC 8 names a domain, say 24.
// A HELO name whose record asks for more than a few as well is no honest server's: 200 leave 43 for it. Who
// wants more gets `failed`: temperror, never pass, for the check has not been made.
struct DnsBudget {
    std::size_t questions = 200;
    std::size_t octets = 512 * 1024;
};

class DnsFacts {
  public:
    // What is known already without waiting: the resolver's cache. May return null.
    using Source = std::function<DnsAnswerPtr(const DnsQuestion&)>;

    DnsFacts() = default;
    explicit DnsFacts(Source source, DnsBudget budget = {}) : source_(std::move(source)), budget_(budget) {}

    // The answer, or null if it is not known yet: then the question is noted and whatever the caller
    // concludes is provisional. A name that cannot be asked (empty label, over 63 or 253 octets) is answered
    // nx_domain. When the budget is used up the answer is `failed`.
    const DnsAnswer* find(RecordType type, std::string_view name);
    // Notes a question whose answer will probably be needed, so that it travels with the others. Costs the
    // same budget but never fails a check.
    void want(RecordType type, std::string_view name);

    void learn(const DnsQuestion& question, DnsAnswerPtr answer);
    void learn(const DnsQuestion& question, DnsAnswer answer);
    // Out of time: from now on, what is not known has `failed` because of `why`.
    void give_up(std::string why);

    // What find() and want() could not answer since the last call; empty if the evaluation was final.
    std::vector<DnsQuestion> take_missing();
    bool is_complete() const { return !lacks_needed_; }
    std::size_t questions() const { return known_.size(); }

  private:
    const DnsAnswer* look_up(const DnsQuestion& question);
    bool within_budget() const;

    Source source_;
    DnsBudget budget_;
    std::map<DnsQuestion, DnsAnswerPtr, std::less<>> known_;
    std::map<DnsQuestion, bool> missing_;  // question -> needed, not only wanted
    bool lacks_needed_ = false;
    std::size_t octets_ = 0;
    std::unique_ptr<DnsAnswer> gave_up_;
};

// Whether `name` can stand in a DNS question: labels of 1 to 63 octets, at most 253 in all.
bool is_askable(std::string_view name);

}  // namespace gatepost::auth
