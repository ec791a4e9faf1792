// The log: one line an event, event word first, key=value after, to stderr (journald adds time and process).
// A log that nobody reads fast enough loses lines; it never holds up mail.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace gatepost::gateway {

// Builds `message id=3f9k2 client=192.0.2.1 …`. Values of strangers are escaped and bounded; a value with
// blanks is put in quotes.
class LogLine {
  public:
    explicit LogLine(std::string_view event) : text_(event) {}

    LogLine& add(std::string_view key, std::string_view value);
    LogLine& add(std::string_view key, const std::string& value) { return add(key, std::string_view(value)); }
    LogLine& add(std::string_view key, const char* value) { return add(key, std::string_view(value)); }
    LogLine& add(std::string_view key, std::uint64_t value);
    // Left out when empty.
    LogLine& maybe(std::string_view key, std::string_view value) {
        return value.empty() ? *this : add(key, value);
    }
    const std::string& text() const { return text_; }

  private:
    std::string text_;
};

// Starts the thread that writes; before that, and after stop_log(), lines are written at once.
void start_log();
void stop_log();
void log_info(const LogLine& line);
void log_warning(const LogLine& line);
void log_error(const LogLine& line);

}  // namespace gatepost::gateway
