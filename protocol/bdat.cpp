#include "protocol/bdat.h"

#include <algorithm>
#include <charconv>

#include "protocol/ascii.h"

namespace gatepost::protocol {

std::optional<Chunk> parse_bdat(std::string_view argument) {
    constexpr std::size_t kMaxDigits = 20;  // as SIZE has (RFC 1870 section 5)
    const auto digits = argument.substr(0, argument.find(' '));
    if (digits.empty() || digits.size() > kMaxDigits) return {};
    if (!std::all_of(digits.begin(), digits.end(), is_digit)) return {};
    Chunk chunk;
    const auto end = digits.data() + digits.size();
    if (std::from_chars(digits.data(), end, chunk.octets).ec != std::errc()) return {};
    argument.remove_prefix(digits.size());
    if (argument.empty()) return chunk;
    chunk.is_last = equals_ignoring_case(trimmed(argument), "LAST");
    return chunk.is_last ? std::optional(chunk) : std::nullopt;
}

std::string_view ChunkDecoder::next(std::string_view& input) {
    auto front = input.substr(0, left_);
    const std::size_t before = front.size();
    const auto piece = check_.take(front, ContentCheck::Dots::ordinary);
    const std::size_t taken = before - front.size();
    input.remove_prefix(taken);
    left_ -= taken;
    return piece;
}

void ChunkDecoder::drop(std::string_view& input) {
    const std::size_t taken = std::min(left_, input.size());
    input.remove_prefix(taken);
    left_ -= taken;
}

}  // namespace gatepost::protocol
