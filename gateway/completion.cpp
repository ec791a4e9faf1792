#include "gateway/completion.h"

#include "gateway/log.h"

namespace gatepost::gateway {

void log_bug(const char* what) noexcept {
    try {
        LogLine line("bug");
        log_error(line.add("what", what));
    } catch (...) {
    }
}

void log_exception(std::exception_ptr exception) noexcept {
    if (!exception) return;
    try {
        std::rethrow_exception(exception);
    } catch (const std::exception& error) {
        log_bug(error.what());
    } catch (...) {
        log_bug("an exception that is none of the standard's");
    }
}

}  // namespace gatepost::gateway
