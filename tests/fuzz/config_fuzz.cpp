// Any octets as a configuration: an answer always comes, an error means no settings, and settings are within
// the bounds that the rest of the program counts on.
#include <cstdint>
#include <string>
#include <string_view>

#include "config/load.h"

namespace {

void check(bool is_true) {
    if (!is_true) __builtin_trap();
}

void check_settings(const gatepost::config::Settings& settings) {
    using namespace std::chrono_literals;
    check(!settings.hostname.empty() && !settings.authserv_id.empty() && !settings.listeners.empty());
    check(!settings.domains.empty() && !settings.downstream.servers.empty() && !settings.state.empty());
    check(settings.limits.message_size >= 64 * 1024 && settings.limits.recipients >= 100 &&
          settings.workers <= 256);
    check(settings.dns.tries >= 1 && settings.dns.timeout >= 50ms && settings.limits.command_timeout >= 1s);
    for (const auto& identity : settings.tls) check(!identity.certificate.empty() && !identity.key.empty());
    for (const auto& forwarder : settings.policy.known_forwarders) {
        check(forwarder.ip.has_value() + !forwarder.host.empty() + forwarder.spf.has_value() +
                  forwarder.dkim.has_value() ==
              1);
    }
    for (const char c : settings.hostname + settings.policy.quarantine_header + settings.policy.remedy_url) {
        check(c > ' ' && c < 0x7f);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using gatepost::config::Finding;
    const std::string_view yaml(reinterpret_cast<const char*>(data), size);
    const auto loaded = gatepost::config::load_text(yaml, "/etc/gatepost/gatepost.yaml", "mx1.example.org");
    bool has_error = false;
    gatepost::config::Place last;
    for (const auto& finding : loaded.findings) {
        has_error = has_error || finding.weight == Finding::Weight::error;
        check(!finding.text.empty());
        for (const char c : finding.text) check(c >= ' ' && c < 0x7f);  // it goes to a terminal
        check(std::pair(last.line, last.column) <= std::pair(finding.place.line, finding.place.column));
        last = finding.place;
    }
    check(has_error == !loaded.settings.has_value());
    if (loaded.settings) check_settings(*loaded.settings);
    return 0;
}
