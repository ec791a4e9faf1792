#include "config/units.h"

#include <charconv>
#include <limits>

#include "protocol/ascii.h"

namespace gatepost::config {
namespace {

template <class Number>
std::optional<Number> parse_number(std::string_view digits) {
    Number number{};
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (digits.empty() || error != std::errc() || end != digits.data() + digits.size()) return {};
    return number;
}

struct Unit {
    std::string_view name;
    std::uint64_t factor;
};

template <std::size_t N>
std::optional<std::uint64_t> parse_with_unit(std::string_view text, const Unit (&units)[N]) {
    const auto digits = std::min(text.find_first_not_of("0123456789"), text.size());
    const auto number = parse_number<std::uint64_t>(text.substr(0, digits));
    const auto unit = protocol::trimmed(text.substr(digits));
    for (const auto& [name, factor] : units) {
        if (!number || unit != name) continue;
        if (*number > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) / factor)
            return {};
        return *number * factor;
    }
    return {};
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
    return parse_number<std::uint16_t>(text);
}

// host[:port], with brackets around an IPv6 address.
bool split_host(std::string_view text, std::string& host, std::string_view& port) {
    const bool is_bracketed = text.starts_with('[');
    const auto end = is_bracketed ? text.find(']') : text.rfind(':');
    if (is_bracketed && end == std::string_view::npos) return false;
    host = std::string(is_bracketed ? text.substr(1, end - 1) : text.substr(0, end));
    port = end == std::string_view::npos ? std::string_view() : text.substr(is_bracketed ? end + 1 : end);
    if (!is_bracketed && host.find(':') != std::string::npos) return false;
    if (port.starts_with(':')) {
        port.remove_prefix(1);
        return !port.empty();
    }
    return port.empty();
}

std::optional<DownstreamServer> parse_network_server(DownstreamServer server, std::string_view rest) {
    std::string_view port;
    if (rest.ends_with('/')) rest.remove_suffix(1);
    if (!split_host(rest, server.host, port)) return {};
    const bool is_lmtp = server.kind == DownstreamKind::lmtp;
    if (port.empty() && is_lmtp) return {};
    const auto number = port.empty() ? std::optional<std::uint16_t>(25) : parse_port(port);
    if (!number || *number == 0) return {};
    if (is_lmtp && *number == 25) return {};  // RFC 2033 section 5
    server.port = *number;
    if (!protocol::IpAddress::parse(server.host) && !protocol::Domain::parse(server.host)) return {};
    return server;
}

}  // namespace

std::optional<std::size_t> parse_size(std::string_view text) {
    static constexpr Unit kUnits[] = {
        {"", 1}, {"B", 1}, {"KiB", 1024}, {"MiB", 1024 * 1024}, {"GiB", 1024ull * 1024 * 1024}};
    return parse_with_unit(text, kUnits);
}

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
    static constexpr Unit kUnits[] = {
        {"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}};
    const auto number = parse_with_unit(text, kUnits);
    if (!number) return {};
    return std::chrono::milliseconds(static_cast<std::int64_t>(*number));
}

std::optional<Endpoint> parse_endpoint(std::string_view text, std::optional<std::uint16_t> default_port) {
    std::string host;
    std::string_view port;
    if (const auto bare = protocol::IpAddress::parse(text); bare && default_port)
        return Endpoint{*bare, *default_port};
    if (!split_host(text, host, port)) return {};
    const auto address = protocol::IpAddress::parse(host);
    const auto number = port.empty() ? default_port : parse_port(port);
    if (!address || !number) return {};
    return Endpoint{*address, *number};
}

std::optional<std::chrono::sys_days> parse_date(std::string_view text) {
    if (text.size() != 10 || text[4] != '-' || text[7] != '-') return {};
    const auto year = parse_number<unsigned>(text.substr(0, 4));
    const auto month = parse_number<unsigned>(text.substr(5, 2));
    const auto day = parse_number<unsigned>(text.substr(8, 2));
    if (!year || !month || !day) return {};
    const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(*year)),
                                           std::chrono::month(*month), std::chrono::day(*day)};
    if (!date.ok()) return {};
    return std::chrono::sys_days(date);
}

std::optional<DownstreamServer> parse_downstream(std::string_view url) {
    static constexpr struct {
        std::string_view scheme;
        DownstreamKind kind;
    } kSchemes[] = {{"smtp://", DownstreamKind::smtp},
                    {"lmtp://", DownstreamKind::lmtp},
                    {"lmtp+unix://", DownstreamKind::lmtp_unix},
                    {"maildir://", DownstreamKind::maildir}};
    for (const auto& [scheme, kind] : kSchemes) {
        if (!url.starts_with(scheme)) continue;
        DownstreamServer server;
        server.kind = kind;
        server.url = std::string(url);
        const auto rest = url.substr(scheme.size());
        if (rest.empty()) return {};
        if (kind == DownstreamKind::smtp || kind == DownstreamKind::lmtp)
            return parse_network_server(server, rest);
        server.path = std::string(rest);
        return server;
    }
    return {};
}

}  // namespace gatepost::config
