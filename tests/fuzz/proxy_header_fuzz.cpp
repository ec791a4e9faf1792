// A PROXY header reads the same in any portions, is bounded, and does not depend on what is behind it.
#include "protocol/proxy_header.h"

#include <cstdint>

using namespace gatepost::protocol;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 1) return 0;
    using State = ProxyHeaderRead::State;
    const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
    const std::size_t portion = 1 + data[0] % 64;
    const auto whole = read_proxy_header(bytes);
    if (whole.state == State::incomplete && bytes.size() >= kMaxProxyHeader) __builtin_trap();
    if (whole.state == State::malformed && whole.why.empty()) __builtin_trap();
    for (std::size_t end = 0; end < bytes.size() && end < kMaxProxyHeader; end += portion) {
        const auto part = read_proxy_header(bytes.substr(0, end));
        if (part.state == State::incomplete) continue;
        if (part.state != whole.state || part.header.size != whole.header.size) __builtin_trap();
        if (part.header.client != whole.header.client || part.header.port != whole.header.port)
            __builtin_trap();
    }
    if (whole.state != State::complete) return 0;
    if (whole.header.size > bytes.size() || whole.header.size > kMaxProxyHeader) __builtin_trap();
    const auto alone = read_proxy_header(bytes.substr(0, whole.header.size));
    if (alone.state != State::complete || alone.header.client != whole.header.client) __builtin_trap();
    if (read_proxy_header(bytes.substr(0, whole.header.size - 1)).state != State::incomplete)
        __builtin_trap();
    return 0;
}
