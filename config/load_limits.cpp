#include "config/load_limits.h"

namespace gatepost::config {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kKiB = 1024;
constexpr std::size_t kMiB = 1024 * kKiB;
constexpr std::size_t kMany = 1'000'000;

struct CountRow {
    std::string_view key;
    std::size_t Limits::*target;
    std::size_t least, most;
};
struct TimeRow {
    std::string_view key;
    seconds Limits::*target;
    seconds least, most;
};

constexpr CountRow kCounts[] = {
    {"sessions", &Limits::sessions, 1, kMany},
    {"sessions_per_client", &Limits::sessions_per_client, 1, kMany},
    {"sessions_per_network", &Limits::sessions_per_network, 0, kMany},
    {"sessions_per_minute", &Limits::sessions_per_minute, 0, kMany},
    {"messages_per_minute", &Limits::messages_per_minute, 0, kMany},
    {"recipients_per_minute", &Limits::recipients_per_minute, 0, kMany},
    {"errors", &Limits::errors, 1, 1000},
    {"commands", &Limits::commands, 20, kMany},
    {"recipients", &Limits::recipients, 100, 100'000},  // RFC 5321 section 4.5.3.1.8: at least 100
    {"transactions", &Limits::transactions, 1, kMany},
    {"header_fields", &Limits::header_fields, 100, 100'000},
    {"hops", &Limits::hops, 10, 1000},
    {"dns_questions", &Limits::dns_questions, 50, 2000},
};

constexpr CountRow kSizes[] = {
    {"message_size", &Limits::message_size, 64 * kKiB, 2048 * kMiB},
    {"line_length", &Limits::line_length, 998,
     16 * kMiB},  // RFC 5321 section 4.5.3.1.6: at least 1000 with CRLF
    {"header_size", &Limits::header_size, 16 * kKiB, 16 * kMiB},
    {"header_field_size", &Limits::header_field_size, kKiB, 16 * kMiB},
    {"memory_per_message", &Limits::memory_per_message, 16 * kKiB, 1024 * kMiB},
    {"data_rate", &Limits::data_rate, 0, 1024 * kMiB},
};

constexpr TimeRow kTimes[] = {
    {"command_timeout", &Limits::command_timeout, 1s, 3600s},
    {"stressed_command_timeout", &Limits::stressed_command_timeout, 1s, 3600s},
    {"handshake_timeout", &Limits::handshake_timeout, 1s, 600s},
    {"write_timeout", &Limits::write_timeout, 1s, 600s},
    {"data_timeout", &Limits::data_timeout, 1s, 7200s},
    {"data_rate_window", &Limits::data_rate_window, 1s, 3600s},
    {"transaction_timeout", &Limits::transaction_timeout, 1s, 86400s},
    {"session_timeout", &Limits::session_timeout, 1s, 7 * 86400s},
    {"downstream_timeout", &Limits::downstream_timeout, 1s, 3600s},
    {"dns_timeout", &Limits::dns_timeout, 1s, 240s},
    {"drain_timeout", &Limits::drain_timeout, 0s, 3600s},
};

}  // namespace

void read_limits(Mapping& top, Limits& limits) {
    Mapping map(top["limits"], "limits", top.findings());
    for (const auto& row : kCounts) map.count(row.key, limits.*row.target, row.least, row.most);
    for (const auto& row : kSizes) map.size(row.key, limits.*row.target, row.least, row.most);
    for (const auto& row : kTimes) map.duration(row.key, limits.*row.target, row.least, row.most);
    map.finish();
}

}  // namespace gatepost::config
