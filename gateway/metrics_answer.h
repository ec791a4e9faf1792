// The little of HTTP (RFC 9112) that monitoring needs. Without I/O.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace gatepost::gateway {

// The whole answer to a request of which `head` is there, up to its empty line or less; after it the
// connection is closed. `text` gives what GET and HEAD of /metrics are about.
std::string metrics_answer(std::string_view head, const std::function<std::string()>& text);

}  // namespace gatepost::gateway
