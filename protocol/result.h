// A value, or the reason why there is none. For what may fail in the ordinary course; exceptions are for
// bugs.
#pragma once

#include <optional>
#include <string>
#include <utility>

namespace gatepost::protocol {

struct Problem {
    std::string what;
};

template <class T>
class [[nodiscard]] Result {
  public:
    Result(T value) : value_(std::move(value)) {}
    Result(Problem problem) : problem_(std::move(problem)) {}

    explicit operator bool() const { return value_.has_value(); }
    T& operator*() { return *value_; }
    const T& operator*() const { return *value_; }
    T* operator->() { return &*value_; }
    const T* operator->() const { return &*value_; }
    const std::string& problem() const { return problem_.what; }

  private:
    std::optional<T> value_;
    Problem problem_;
};

}  // namespace gatepost::protocol
