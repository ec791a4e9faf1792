// Something that goes on beside other things, and is dropped where it stands when its process dies. Between
// two turns it touches the disk or the network at most once.
#pragma once

#include <coroutine>
#include <utility>

namespace gatepost::simulation {

class Activity {
  public:
    struct promise_type {
        Activity get_return_object() {
            return Activity(std::coroutine_handle<promise_type>::from_promise(*this));
        }
        std::suspend_always initial_suspend() noexcept { return {}; }
        std::suspend_always final_suspend() noexcept { return {}; }
        void return_void() {}
        void unhandled_exception() { throw; }  // a bug: out of resume()
        const bool* until = nullptr;
    };
    using Handle = std::coroutine_handle<promise_type>;

    // What is awaited; made by the functions below.
    struct Pause {
        const bool* until;
        bool await_ready() const noexcept { return false; }
        void await_suspend(Handle handle) const noexcept { handle.promise().until = until; }
        void await_resume() const noexcept {}
    };

    Activity(Activity&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
    Activity& operator=(Activity&& other) noexcept {
        std::swap(handle_, other.handle_);
        return *this;
    }
    ~Activity() {
        if (handle_) handle_.destroy();
    }

    bool is_over() const { return handle_.done(); }
    bool is_ready() const {
        const bool* until = handle_.promise().until;
        return !handle_.done() && (!until || *until);
    }
    void resume() {
        handle_.promise().until = nullptr;
        handle_.resume();
    }

    const bool* waits_for() const { return handle_.promise().until; }

  private:
    explicit Activity(Handle handle) : handle_(handle) {}
    Handle handle_;
};

// Lets others go first.
inline Activity::Pause turn() {
    return {nullptr};
}
// Waits until that is true; it must last as long.
inline Activity::Pause until(const bool& flag) {
    return {&flag};
}
// What one waits for whose part waits for it: `while (!part.is_over()) { part.resume(); co_await
// rest_of(part); }`
inline Activity::Pause rest_of(const Activity& part) {
    return {part.waits_for()};
}

}  // namespace gatepost::simulation
