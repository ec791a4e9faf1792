#include "gateway/spool/side_by_side.h"

#include <algorithm>
#include <exception>

namespace gatepost::gateway {

SideBySide::~SideBySide() {
    {
        const std::lock_guard lock(mutex_);
        is_ending_ = true;
    }
    came_.notify_all();
    for (auto& thread : threads_) thread.join();
}

void SideBySide::start(std::size_t threads) {
    try {
        threads_.reserve(threads);
        while (threads_.size() < threads) threads_.emplace_back([this] { keep_working(); });
    } catch (const std::exception&) {  // no more threads, no memory: then with those that there are
    }
}

void SideBySide::run(std::size_t count, const std::function<void(std::size_t)>& work) {
    if (count == 0) return;
    const std::size_t others = std::min(at_once_, count) - 1;
    start(others);
    std::unique_lock lock(mutex_);
    work_ = &work;
    next_ = 0;
    count_ = left_ = count;
    for (std::size_t i = 0; i < others; ++i) came_.notify_one();
    work_on(lock);
    over_.wait(lock, [this] { return left_ == 0; });
}

void SideBySide::keep_working() {
    std::unique_lock lock(mutex_);
    while (!is_ending_) {
        work_on(lock);
        came_.wait(lock, [this] { return is_ending_ || next_ < count_; });
    }
}

// As long as there is something that nobody has begun. `work_` stays what it is until all of it has ended.
void SideBySide::work_on(std::unique_lock<std::mutex>& lock) {
    while (next_ < count_) {
        const std::size_t mine = next_++;
        lock.unlock();
        (*work_)(mine);
        lock.lock();
        if (--left_ == 0) over_.notify_one();
    }
}

}  // namespace gatepost::gateway
