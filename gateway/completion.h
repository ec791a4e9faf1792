// What every coroutine ends in: an exception is a bug and costs what it was doing, but never in silence.
#pragma once

#include <exception>

namespace gatepost::gateway {

// A `bug` line in the log. Never throws: memory may be what is short.
void log_bug(const char* what) noexcept;

// The completion for co_spawn: logs the exception, if there is one.
void log_exception(std::exception_ptr exception) noexcept;

}  // namespace gatepost::gateway
