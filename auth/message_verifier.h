// All checks of one message in one place: SPF, DKIM and DMARC over one set of DNS facts, so that their
// look-ups are bounded together. Pure: the body is hashed while it arrives, evaluate() may run as often as
// facts are missing.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "auth/dkim_verify.h"
#include "auth/dmarc.h"
#include "auth/dns_facts.h"
#include "auth/spf.h"
#include "auth/spf_cache.h"
#include "auth/verification.h"
#include "protocol/author.h"
#include "protocol/header.h"

namespace gatepost::auth {

struct VerifierOptions {
    DkimLimits dkim;
    DmarcOptions dmarc;
};

// What one worker remembers from message to message. Both may be null.
struct VerifierCaches {
    SpfCache* spf = nullptr;
    DkimKeyCache* keys = nullptr;
};

class MessageVerifier {
  public:
    // The header must outlive this. `reverse_path` is without angle brackets, empty for the null path.
    MessageVerifier(const protocol::Header& header, SpfClient client, std::string reverse_path,
                    const VerifierOptions& options, VerifierCaches caches);

    void body(std::string_view chunk) { dkim_.body(chunk); }
    void end_of_body() { dkim_.end_of_body(); }

    // What can be asked before the body has come: DKIM keys, and the DMARC records of the author domains.
    std::vector<DnsQuestion> questions() const;
    Verification evaluate(DnsFacts& facts);
    const protocol::Author& author() const { return author_; }

  private:
    SpfClient client_;
    std::string reverse_path_;
    VerifierOptions options_;
    VerifierCaches caches_;
    protocol::Author author_;
    DkimVerifier dkim_;
};

}  // namespace gatepost::auth
