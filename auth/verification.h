// What the checks found out about one message. An identity, its result and its domain travel together in one
// value, and nothing here is ever read back out of header text.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/domain.h"
#include "protocol/ip_address.h"

namespace gatepost::auth {

enum class SpfResult { none, neutral, pass, fail, softfail, temperror, permerror };  // RFC 7208 section 2.6

struct SpfOutcome {
    SpfResult result = SpfResult::none;
    std::string domain;       // the domain that was checked; empty if there was none to check
    std::string explanation;  // only at fail: the expanded exp= text, printable ASCII; empty if there is none
    std::string mechanism;    // what decided, "default" if nothing matched; empty if nothing was evaluated
    std::string why;          // for none, temperror, permerror: what was wrong, for the log
    friend bool operator==(const SpfOutcome&, const SpfOutcome&) = default;
};

enum class DkimResult { none, pass, fail, policy, neutral, temperror, permerror };  // RFC 8601 section 2.7.1

struct DkimOutcome {
    DkimResult result = DkimResult::none;
    std::optional<protocol::Domain> signing_domain;  // d=; empty if it is missing or no domain
    std::string selector;                            // s=; empty if it is missing or malformed
    std::string algorithm;                           // a=, only if it is one we know
    std::string signature;                           // b= without white space, for header.b (RFC 6008)
    std::string why;                                 // "" for pass; short and ours, never a stranger's text
    unsigned key_bits = 0;
    bool testing = false;  // the key has t=y
    // The signature is right but leaves text unsigned (l=): a pass by RFC 6376 that vouches for nothing here,
    // for anybody who holds it can append text (RFC 6376 section 8.2).
    bool is_partial = false;

    // A key of signing_domain did make this signature, over the header as it is or as it was before a list
    // put its "[tag]" into the Subject; whatever became of the body since. Anybody can write a signature that
    // fails, but not one that fails like this.
    bool is_genuine = false;

    // Whether signing_domain stands behind the whole message.
    bool vouches() const { return result == DkimResult::pass && !is_partial; }
};

enum class ArcResult { none, pass, fail };  // RFC 8617 section 4.4

struct ArcOutcome {
    ArcResult result = ArcResult::none;
    unsigned instances = 0;
    std::vector<protocol::Domain> sealers;  // d= of the ARC-Seals of a valid chain, instance 1 first
    std::optional<unsigned> oldest_pass;
    std::string why;
};

enum class IprevResult { none, pass, fail, temperror, permerror };  // RFC 8601 section 2.7.3; none: not asked

struct IprevOutcome {
    IprevResult result = IprevResult::none;
    std::vector<std::string> names;  // forward-confirmed names of the client, lower case
    std::string claimed;             // the first PTR name, confirmed or not; for the log
};

enum class Policy { none, quarantine, reject };  // RFC 9989 section 4.7
enum class DmarcResult { none, pass, fail, temperror, permerror };
enum class Disposition { none, pass, quarantine, reject };  // RFC 9990

enum class AlignmentMode { relaxed, strict };

// A DMARC Policy Record, read; what was absent or wrong has its default (RFC 9989 section 4.7).
struct DmarcRecord {
    enum class Psd { u, y, n };
    std::optional<Policy> p, sp, np;
    bool has_invalid_policy = false;  // p, sp or np is there but not valid
    AlignmentMode adkim = AlignmentMode::relaxed;
    AlignmentMode aspf = AlignmentMode::relaxed;
    Psd psd = Psd::u;
    bool testing = false;               // t=y
    std::vector<std::string> rua, ruf;  // syntactically valid URIs, obsolete size suffix dropped
    std::string fo = "0";
    bool has_pct_zero =
        false;  // the historic pct=0; means something only to those who ask for it (specs R-9)
    friend bool operator==(const DmarcRecord&, const DmarcRecord&) = default;
};

struct DmarcOutcome {
    DmarcResult result = DmarcResult::none;
    std::optional<protocol::Domain> author_domain;
    std::optional<protocol::Domain> organizational_domain;
    std::optional<protocol::Domain> policy_domain;  // where the applied record was found
    std::optional<DmarcRecord> record;              // the applied record
    Policy policy = Policy::none;                   // p, sp or np: what applies to the author domain
    Policy effective = Policy::none;                // after t=y
    bool spf_aligned = false;
    bool dkim_aligned = false;
    std::string why;  // for none, temperror and permerror, for log and reply; ours, never a stranger's text

    // What the domain owner asks to be done with this message: nothing after pass, none, temperror,
    // permerror.
    Disposition disposition() const;
};

struct Verification {
    IprevOutcome iprev;
    SpfOutcome helo;
    SpfOutcome mail_from;  // of the null path: postmaster@HELO (RFC 7208 section 2.4)
    std::vector<DkimOutcome> dkim;
    ArcOutcome arc;
    DmarcOutcome dmarc;
};

std::string_view name(SpfResult result);
std::string_view name(DkimResult result);
std::string_view name(ArcResult result);
std::string_view name(IprevResult result);
std::string_view name(Policy policy);
std::string_view name(DmarcResult result);
std::string_view name(Disposition disposition);

}  // namespace gatepost::auth
