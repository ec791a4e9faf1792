// What a proxy in front of us says of the client, before anything else on the connection: the PROXY protocol,
// versions 1 (text) and 2 (binary), as haproxy's proxy-protocol.txt has it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "protocol/ip_address.h"

namespace gatepost::protocol {

struct ProxyHeader {
    // Nothing: UNKNOWN, LOCAL or an unspecified family. Then the client is who has connected.
    std::optional<IpAddress> client;
    std::uint16_t port = 0;
    std::size_t size = 0;  // octets of the header; what is behind it is not ours to read
};

struct ProxyHeaderRead {
    enum class State { incomplete, complete, malformed };
    State state = State::incomplete;
    ProxyHeader header;    // if complete
    std::string_view why;  // if malformed; for the log
};

constexpr std::size_t kMaxProxyHeaderText = 107;                 // version 1, with its CRLF
constexpr std::size_t kMaxProxyHeader = 16 + std::size_t(2048);  // version 2 (specs/smtp.md M-44)

// `bytes`: all that has come since the connection began. What is malformed is so with any octets behind it,
// and what is complete stays so.
ProxyHeaderRead read_proxy_header(std::string_view bytes);

}  // namespace gatepost::protocol
