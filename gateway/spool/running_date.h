// The date by the wall clock as it was when this was made and what has gone by since: a clock that jumps
// meanwhile makes nothing old.
#pragma once

#include <sys/stat.h>

#include <chrono>

namespace gatepost::gateway {

class RunningDate {
  public:
    std::chrono::system_clock::time_point now() const {
        const auto gone_by = std::chrono::steady_clock::now() - began_steadily_;
        return began_ + std::chrono::duration_cast<std::chrono::system_clock::duration>(gone_by);
    }

  private:
    std::chrono::system_clock::time_point began_ = std::chrono::system_clock::now();
    std::chrono::steady_clock::time_point began_steadily_ = std::chrono::steady_clock::now();
};

// As the last change of an open file. What it is for goes on without it.
inline void set_date(int file, std::chrono::system_clock::time_point date) {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(date.time_since_epoch());
    timespec times[2] = {{0, UTIME_OMIT}, {}};
    times[1].tv_sec = seconds.count();
    times[1].tv_nsec = std::chrono::nanoseconds(date.time_since_epoch() - seconds).count();
    ::futimens(file, times);
}

}  // namespace gatepost::gateway
