// What speaks for forgery and what for forwarding, between "DMARC fail" and "550". A header that anyone can
// write proves nothing alone: it counts only together with an identity that verified.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/verification.h"
#include "config/settings.h"
#include "protocol/header.h"

namespace gatepost::policy {

enum class EvidenceKind {
    // for forgery
    own_domain,
    spf_fail_author,
    unsigned_author,  // written "unsigned": no signature is the author's, whatever d= says
    helo_spf_fail,
    no_fcrdns,
    dnsbl,
    pregreet,
    // for forwarding
    known_forwarder,
    broken_author_signature,  // the author's, over this header, but text was changed or added since
    list_headers,
    arc_chain,
    srs,
};

struct EvidenceItem {
    EvidenceKind kind;
    std::string detail;        // the forwarder's name, the sealer, …; empty for most
    std::string text() const;  // "known_forwarder(alumni)", "unsigned"
    friend bool operator==(const EvidenceItem&, const EvidenceItem&) = default;
};

struct Evidence {
    std::vector<EvidenceItem> items;
    // Points into the settings that it was collected with; null if no entry matches every recipient.
    const config::KnownForwarder* forwarder = nullptr;

    bool speaks_for_forgery() const;
    bool speaks_for_forwarding() const;  // verified, apart from known forwarders
    std::vector<std::string> texts() const;
};

// What the evidence is drawn from, besides the verification.
struct Circumstances {
    protocol::IpAddress client;
    std::string helo;
    std::string reverse_path;             // without angle brackets; empty: the null path
    std::vector<std::string> recipients;  // without angle brackets
    std::vector<std::string> listed_by;   // DNS lists of clients, if they add up to evidence (dns_list.h)
    bool talked_first = false;            // before it was greeted, if that is to be evidence
    std::chrono::sys_days today;
};

Evidence collect(const auth::Verification& verification, const Circumstances& circumstances,
                 const protocol::Header& header, const config::Settings& settings);

std::string_view name(EvidenceKind kind);
bool is_for_forgery(EvidenceKind kind);

}  // namespace gatepost::policy
