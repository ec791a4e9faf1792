// A whole SMTP session: what the client sends, what the judge answers, what happens meanwhile, and what must
// come of it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "protocol/dialogue.h"

namespace gatepost::tests {

enum class Event { none, client_gone, out_of_time, shut_down, new_settings };

// Octets that may be sent at once, what happens when they are read, and how the dialogue must stand then.
struct Burst {
    std::string octets;
    Event event = Event::none;
    protocol::DialogueSettings settings;  // for new_settings
    std::size_t replies = 0;              // since the beginning of the session
    bool is_closed = false, is_tls = false, in_transaction = false;
    std::size_t recipients = 0;
};

struct ExpectedQuestion {
    std::string kind, about;
    protocol::Reply answer;
};

struct SessionScript {
    protocol::DialogueSettings settings;
    std::optional<protocol::Reply> refusal;  // of the session
    std::vector<Burst> bursts;
    std::vector<std::string> replies;  // "250", "550 5.1.1": how the last line of each begins
    std::vector<ExpectedQuestion> questions;
    // Clear text stands behind STARTTLS in the last burst: whether the 220 still goes out depends on how the
    // octets come.
    bool is_injected = false;
};

}  // namespace gatepost::tests
