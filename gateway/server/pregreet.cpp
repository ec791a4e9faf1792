#include "gateway/server/pregreet.h"

#include "gateway/log.h"

namespace gatepost::gateway {
namespace {

std::string_view name(config::PregreetAction action) {
    switch (action) {
        case config::PregreetAction::log: return "log";
        case config::PregreetAction::evidence: return "evidence";
        case config::PregreetAction::refuse: break;
    }
    return "refuse";
}

}  // namespace

// The whole time is waited even if it talks at once: so it cannot tell by the clock what it was caught at,
// and nothing but a timer is needed.
awaitable<bool> talks_first(Transport& transport, protocol::IpAddress client, config::Pregreet settings) {
    if (settings.wait.count() > 0) {
        asio::steady_timer timer(transport.socket().get_executor());
        timer.expires_after(settings.wait);
        co_await timer.async_wait(no_throw);
    }
    ErrorCode gone;
    const std::size_t octets = transport.socket().available(gone);
    if (gone || octets == 0) co_return false;
    LogLine line("pregreet");
    log_info(line.add("client", client.text()).add("octets", octets).add("action", name(settings.action)));
    co_return true;
}

}  // namespace gatepost::gateway
