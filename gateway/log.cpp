#include "gateway/log.h"

#include <poll.h>
#include <spdlog/async.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <mutex>

#include "protocol/ascii.h"

namespace gatepost::gateway {
namespace {

constexpr std::size_t kMaxValue = 400;
constexpr std::size_t kQueue = 8192;  // lines; when it is full the oldest ones are lost

// journald takes the severity from "<4>" in front of a line (sd-daemon(3)).
const char* pattern() {
    return std::getenv("JOURNAL_STREAM") ? "%v" : "%Y-%m-%dT%H:%M:%S.%e %v";
}

// A reader that has stopped must hold up nothing, not even our end: what cannot be written now is lost.
class PatientSink final : public spdlog::sinks::base_sink<std::mutex> {
  protected:
    void sink_it_(const spdlog::details::log_msg& message) override {
        spdlog::memory_buf_t line;
        formatter_->format(message, line);
        write({line.data(), line.size()});
    }
    void flush_() override {}

  private:
    // A pipe that is ready takes PIPE_BUF octets without blocking (pipe(7)).
    void write(std::string_view octets) {
        while (!octets.empty() && is_ready()) {
            const auto written =
                ::write(STDERR_FILENO, octets.data(), std::min<std::size_t>(octets.size(), PIPE_BUF));
            if (written < 0 && errno == EINTR) continue;
            if (written <= 0) return;
            octets.remove_prefix(static_cast<std::size_t>(written));
        }
    }
    // Waits for a reader that is only slow; once it has let the time pass, it is not waited for until it
    // reads again.
    bool is_ready() {
        pollfd out{STDERR_FILENO, POLLOUT, 0};
        const bool ready = ::poll(&out, 1, is_stuck_ ? 0 : kPatience) == 1 && (out.revents & POLLOUT);
        is_stuck_ = !ready;
        return ready;
    }

    static constexpr int kPatience = 1000;  // ms
    bool is_stuck_ = false;
};

// spdlog owns one process-wide registry; this is the one place that looks at it.
std::shared_ptr<spdlog::logger> make_direct_logger() {
    auto logger = std::make_shared<spdlog::logger>("gatepost", std::make_shared<PatientSink>());
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
        if (c == '"')
            text_ += '\'';
        else
            text_ += c;
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
    auto sink = std::make_shared<PatientSink>();
    logger() = std::make_shared<spdlog::async_logger>("gatepost", sink, spdlog::thread_pool(),
                                                      spdlog::async_overflow_policy::overrun_oldest);
    logger()->set_pattern(pattern());
}

void stop_log() {
    logger() = make_direct_logger();
    spdlog::shutdown();  // waits until what is queued has been written
}

void log_info(const LogLine& line) {
    write(spdlog::level::info, "<6>", line);
}
void log_warning(const LogLine& line) {
    write(spdlog::level::warn, "<4>", line);
}
void log_error(const LogLine& line) {
    write(spdlog::level::err, "<3>", line);
}

}  // namespace gatepost::gateway
