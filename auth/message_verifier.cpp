#include "auth/message_verifier.h"

#include "auth/dmarc_walk.h"
#include "auth/iprev.h"

namespace gatepost::auth {
namespace {

std::optional<protocol::Domain> first_domain(const protocol::Author& author) {
    if (author.domains.empty()) return {};
    return author.domains.front();
}

}  // namespace

MessageVerifier::MessageVerifier(const protocol::Header& header, SpfClient client, std::string reverse_path,
                                 const VerifierOptions& options, VerifierCaches caches)
    : client_(std::move(client)),
      reverse_path_(std::move(reverse_path)),
      options_(options),
      caches_(caches),
      author_(protocol::find_author(header)),
      dkim_(header, first_domain(author_), options_.dkim) {}

std::vector<DnsQuestion> MessageVerifier::questions() const {
    std::vector<DnsQuestion> questions = dkim_.questions();
    for (const auto& domain : author_.domains) {
        for (const auto& name : names_of_walk(domain)) {
            questions.push_back({RecordType::txt, "_dmarc." + name.text()});
        }
    }
    return questions;
}

Verification MessageVerifier::evaluate(DnsFacts& facts) {
    Verification verification;
    verification.iprev = check_iprev(client_.ip, facts);
    verification.helo = check_helo(client_, facts, caches_.spf);
    verification.mail_from = check_mail_from(client_, reverse_path_, facts, caches_.spf);
    verification.dkim = dkim_.verify(facts, client_.now, caches_.keys);
    const DmarcInput input{author_, verification.mail_from, verification.dkim};
    verification.dmarc = evaluate_dmarc(input, options_.dmarc, facts);
    return verification;
}

}  // namespace gatepost::auth
