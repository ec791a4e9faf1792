// Threads that do the same for several things at once. They begin when they are first needed and last: the
// disk is asked so often that to make them each time would cost as much as what they do.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace gatepost::gateway {

class SideBySide {
  public:
    // At most so many at once; the one who calls run() is one of them.
    explicit SideBySide(std::size_t at_once) : at_once_(at_once) {}
    ~SideBySide();
    SideBySide(const SideBySide&) = delete;
    SideBySide& operator=(const SideBySide&) = delete;

    // `work` of 0, 1, … `count` - 1, once each and in no order; returns when all have ended. It must not
    // throw. One call at a time. With fewer threads than there should be, if there are no more to be had.
    void run(std::size_t count, const std::function<void(std::size_t)>& work);

  private:
    void start(std::size_t threads);
    void keep_working();
    void work_on(std::unique_lock<std::mutex>& lock);

    const std::size_t at_once_;
    std::mutex mutex_;
    std::condition_variable came_, over_;
    const std::function<void(std::size_t)>* work_ = nullptr;
    std::size_t next_ = 0, count_ = 0;  // of what is to be done
    std::size_t left_ = 0;              // that has not ended
    bool is_ending_ = false;
    std::vector<std::thread> threads_;
};

}  // namespace gatepost::gateway
