// A path that parses is clean, bounded, and its canonical text parses to the same path.
#include "protocol/address.h"

#include <algorithm>
#include <cstdint>

#include "protocol/ascii.h"
#include "protocol/field_cursor.h"

using namespace gatepost::protocol;

namespace {

void check(const Result<ParsedPath>& parsed, bool is_forward) {
    if (!parsed) return;
    const Path& path = parsed->path;
    const std::string text = path.text();
    const bool is_clean = std::none_of(text.begin(), text.end(), is_control) && is_clean_text(text);
    if (!is_clean || text.size() > 254 || path.local_part.size() > 64) __builtin_trap();
    if (path.domain && path.literal) __builtin_trap();
    const std::string canonical = '<' + text + '>';
    const auto again = is_forward ? parse_forward_path(canonical) : parse_reverse_path(canonical);
    if (!again || !again->rest.empty()) __builtin_trap();
    Path same = again->path;
    if (same.has_utf8 && !path.has_utf8) __builtin_trap();
    same.has_utf8 = path.has_utf8;
    if (same != path) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    check(parse_reverse_path(text), false);
    check(parse_forward_path(text), true);
    return 0;
}
