// A fuzzer's octets as choices: each is used once, and when they are used up everything is 0. So a change of
// one octet changes one choice.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace gatepost::tests {

class ByteSource {
  public:
    ByteSource(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}
    // Of 0 to below-1; `below` is at most 256.
    unsigned next(unsigned below) { return at_ < size_ ? data_[at_++] % below : 0; }
    // True for one octet in `of`, never when they are used up.
    bool now_and_then(unsigned of) { return next(of) == of - 1; }
    bool is_empty() const { return at_ >= size_; }
    template <class Row, std::size_t N>
    const Row& pick(const Row (&rows)[N]) {
        return rows[next(N)];
    }
    template <std::size_t N>
    std::string pick(const char* const (&words)[N]) {
        return words[next(N)];
    }
    // At most `longest` octets as they are.
    std::string raw(std::size_t longest) {
        std::string octets;
        for (auto size = next(static_cast<unsigned>(longest + 1)); size > 0 && !is_empty(); --size)
            octets += static_cast<char>(data_[at_++]);
        return octets;
    }

  private:
    const std::uint8_t* data_;
    std::size_t size_, at_ = 0;
};

}  // namespace gatepost::tests
