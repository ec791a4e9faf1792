// Plays the gateway and the server for a ClientDialogue: the server's octets are a script.
#pragma once

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "protocol/ascii.h"
#include "protocol/client_dialogue.h"

namespace gatepost::protocol {

class ClientSession {
  public:
    explicit ClientSession(ClientSettings settings) : dialogue(std::move(settings)) {}

    // Runs the request that was just made. "done 250 …", "failed …", "unknown …", or "waiting" when the
    // script is used up.
    std::string run(std::string_view script, std::size_t portion = std::string_view::npos) {
        for (;;) {
            const auto action = dialogue.next();
            if (auto* send = std::get_if<ClientSend>(&action)) sent += send->bytes;
            if (auto* done = std::get_if<ClientDone>(&action)) return "done " + done->reply.text();
            if (auto* failed = std::get_if<ClientFailed>(&action)) {
                return (failed->outcome_is_unknown ? "unknown " : "failed ") + failed->why;
            }
            if (std::holds_alternative<ClientBeginTls>(action)) {
                sent += "<TLS>";
                dialogue.tls_begun();
            }
            if (!std::holds_alternative<ClientReceive>(action)) continue;
            if (script.empty()) return "waiting";
            const auto buffer = dialogue.input_buffer();
            const auto line =
                std::min(script.find('\n'), script.size() - 1) + 1;  // a server answers line by line
            const auto size = std::min({portion == 0 ? line : portion, buffer.size(), script.size()});
            std::memcpy(buffer.data(), script.data(), size);
            dialogue.received(size);
            script.remove_prefix(size);
        }
    }

    std::string taken() { return std::exchange(sent, {}); }

    ClientDialogue dialogue;
    std::string sent;
};

}  // namespace gatepost::protocol
