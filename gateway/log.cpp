#include "gateway/log.h"

#include <spdlog/async.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <cstdlib>

#include "protocol/ascii.h"

namespace gatepost::gateway {
namespace {

constexpr std::size_t kMaxValue = 400;
constexpr std::size_t kQueue = 8192;  // lines; when it is full the oldest ones are lost

// journald takes the severity from "<4>" in front of a line (sd-daemon(3)).
const char* pattern() { return std::getenv("JOURNAL_STREAM") ? "%v" : "%Y-%m-%dT%H:%M:%S.%e %v"; }

// spdlog owns one process-wide registry; this is the one place that looks at it.
std::shared_ptr<spdlog::logger> make_direct_logger() {
    auto logger = std::make_shared<spdlog::logger>("gatepost", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    logger->set_pattern(pattern());
    return logger;
}

std::shared_ptr<spdlog::logger>& logger() {
    static std::shared_ptr<spdlog::logger> instance = make_direct_logger();
    return instance;
}

void write(spdlog::level::level_enum level, std::string_view severity, const LogLine& line) {
    if (std::getenv("JOURNAL_STREAM")) {
        logger()->log(level, "{}{}", severity, line.text());
    } else {
        logger()->log(level, "{}", line.text());
    }
}

}  // namespace

LogLine& LogLine::add(std::string_view key, std::string_view value) {
    text_ += ' ';
    text_ += key;
    text_ += '=';
    const std::string safe = protocol::escaped(value, kMaxValue);
    if (!safe.empty() && safe.find_first_of(" \"=") == std::string::npos) {
        text_ += safe;
        return *this;
    }
    text_ += '"';
    for (char c : safe) {
        if (c == '"') text_ += '\'';
        else text_ += c;
    }
    text_ += '"';
    return *this;
}

LogLine& LogLine::add(std::string_view key, std::uint64_t value) {
    text_ += ' ';
    text_ += key;
    text_ += '=';
    text_ += std::to_string(value);
    return *this;
}

void start_log() {
    spdlog::init_thread_pool(kQueue, 1);
    auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    logger() = std::make_shared<spdlog::async_logger>("gatepost", sink, spdlog::thread_pool(),
                                                      spdlog::async_overflow_policy::overrun_oldest);
    logger()->set_pattern(pattern());
}

void stop_log() {
    logger() = make_direct_logger();
    spdlog::shutdown();  // waits until what is queued has been written
}

void log_info(const LogLine& line) { write(spdlog::level::info, "<6>", line); }
void log_warning(const LogLine& line) { write(spdlog::level::warn, "<4>", line); }
void log_error(const LogLine& line) { write(spdlog::level::err, "<3>", line); }

}  // namespace gatepost::gateway
