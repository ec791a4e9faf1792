#include "policy/relaying.h"

namespace gatepost::policy {

namespace reply = protocol::reply;

std::optional<protocol::Reply> refusal_of_recipient(const protocol::Path& recipient,
                                                    const config::Settings& settings) {
    const bool is_bare_postmaster =
        protocol::is_postmaster(recipient) && !recipient.domain && !recipient.literal;
    if (is_bare_postmaster) return {};
    const bool is_ours = recipient.domain && settings.accepts_domain(*recipient.domain);
    if (is_ours && !protocol::has_routing(recipient)) return {};
    return reply::kRelayDenied;
}

std::optional<protocol::Reply> refusal_of_further_recipient(const protocol::Path& reverse_path,
                                                            std::size_t taken) {
    if (!reverse_path.is_null || taken == 0) return {};
    return reply::kNullSenderManyRecipients;
}

}  // namespace gatepost::policy
