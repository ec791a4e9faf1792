// Values with units, as the configuration has them: what is read is in range, and a server's address is
// whole.
#include "config/units.h"

#include <cstdint>

using namespace gatepost::config;

namespace {

void require(bool holds) {
    if (!holds) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    if (parse_size(text)) require(text.front() >= '0' && text.front() <= '9');
    if (const auto duration = parse_duration(text)) require(duration->count() >= 0);
    if (const auto endpoint = parse_endpoint(text, 25)) {
        const auto again = parse_endpoint(text);
        require(!again || *again == *endpoint);
        require(again || endpoint->port == 25);
    }
    if (const auto date = parse_date(text)) {
        const std::chrono::year_month_day day(*date);
        require(size == 10 && day.ok() &&
                static_cast<int>(day.year()) == std::stoi(std::string(text.substr(0, 4))));
    }
    if (const auto server = parse_downstream(text)) {
        require(server->url == text && (!server->host.empty() || !server->path.empty()));
    }
    return 0;
}
