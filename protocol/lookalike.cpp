#include "protocol/lookalike.h"

#include <algorithm>
#include <cstdint>
#include <iterator>

#include "protocol/ascii.h"

namespace gatepost::protocol {
namespace {

struct Range {
    std::uint32_t first, last;
};

// General categories Z and Cf, characters that are ignored by default, and compatibility forms of our signs
// (Unicode 15, DerivedCoreProperties.txt and UnicodeData.txt).
constexpr Range kDeceptive[] = {
    {0x0080, 0x00a0}, {0x00ad, 0x00ad},    {0x034f, 0x034f}, {0x061c, 0x061c}, {0x115f, 0x1160},
    {0x1680, 0x1680}, {0x17b4, 0x17b5},    {0x180b, 0x180f}, {0x2000, 0x200f}, {0x2024, 0x2024},
    {0x2028, 0x202f}, {0x205f, 0x206f},    {0x2800, 0x2800}, {0x3000, 0x3000}, {0x3002, 0x3002},
    {0x3164, 0x3164}, {0xe000, 0xf8ff},    {0xfe00, 0xfe0f}, {0xfe50, 0xfe6b}, {0xfeff, 0xfeff},
    {0xff01, 0xff0f}, {0xff1a, 0xff20},    {0xff3b, 0xff40}, {0xff5b, 0xff61}, {0xffa0, 0xffa0},
    {0xfff0, 0xffff}, {0xe0000, 0x10ffff},
};

// The code point at `at` of well-formed UTF-8, which it steps over.
std::uint32_t take_code_point(std::string_view utf8, std::size_t& at) {
    const auto lead = static_cast<unsigned char>(utf8[at++]);
    if (lead < 0x80) return lead;
    const int more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
    std::uint32_t point = lead & (0x3f >> more);
    for (int i = 0; i < more && at < utf8.size(); ++i) {
        point = (point << 6) | (static_cast<unsigned char>(utf8[at++]) & 0x3f);
    }
    return point;
}

}  // namespace

bool has_deceptive_character(std::string_view utf8) {
    for (std::size_t at = 0; at < utf8.size();) {
        const auto point = take_code_point(utf8, at);
        if (point < 0x80) continue;
        const auto holds = [point](const Range& range) {
            return range.first <= point && point <= range.last;
        };
        if (std::any_of(std::begin(kDeceptive), std::end(kDeceptive), holds)) return true;
    }
    return false;
}

bool has_direction_override(std::string_view text) {
    return text.find("\xe2\x80\xad") != std::string_view::npos ||
           text.find("\xe2\x80\xae") != std::string_view::npos;
}

}  // namespace gatepost::protocol
