#include "gateway/server/dialogue_settings.h"

#include <algorithm>

namespace gatepost::gateway {

protocol::DialogueSettings dialogue_settings(const Environment& environment,
                                             const protocol::IpAddress& client) {
    const auto& settings = environment.settings;
    protocol::DialogueSettings dialogue;
    dialogue.hostname = settings.hostname;
    dialogue.message_size = settings.limits.message_size;
    dialogue.recipients = settings.limits.recipients;
    dialogue.refused_recipients = settings.defence.harvest.end_after;
    dialogue.line_length = settings.limits.line_length;
    dialogue.errors = settings.limits.errors;
    dialogue.commands = settings.limits.commands;
    dialogue.transactions = settings.limits.transactions;
    if (settings.smtp.normalizes_for(client)) dialogue.bare_newlines = protocol::BareNewlines::normalized;
    dialogue.refuses_unauthorized_pipelining =
        settings.smtp.unauthorized_pipelining == config::UnauthorizedPipelining::refuse;
    dialogue.offers_tls = environment.tls != nullptr;
    dialogue.requires_tls = settings.require_tls.includes(client);
    const protocol::Capabilities downstream = environment.relay.offered();
    dialogue.offers_8bitmime = downstream.eight_bit_mime;
    dialogue.offers_smtputf8 = downstream.smtputf8 && downstream.eight_bit_mime;
    dialogue.offers_binarymime = downstream.binarymime && downstream.chunking && downstream.eight_bit_mime;
    dialogue.offers_dsn = downstream.dsn;
    dialogue.offers_requiretls = downstream.requiretls;
    if (downstream.max_size > 0) {
        dialogue.message_size = std::min(dialogue.message_size, downstream.max_size);
    }
    return dialogue;
}

}  // namespace gatepost::gateway
