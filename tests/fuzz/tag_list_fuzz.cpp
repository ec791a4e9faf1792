// A tag list that is accepted has distinct names, values without white space at their ends, and all of its
// text.
#include <cstddef>
#include <cstdint>
#include <string>

#include "auth/tag_list.h"

using gatepost::auth::TagList;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    const auto list = TagList::parse(text);
    if (!list) return 0;
    bool ok = !list->tags().empty() && list->tags().size() <= TagList::kMaxTags;
    std::string written;
    for (const auto& tag : list->tags()) {
        ok &= list->find(tag.name) == &tag;
        ok &= tag.raw.find(tag.value) != std::string_view::npos &&
              tag.value.find(';') == std::string_view::npos;
        ok &=
            tag.value.empty() || std::string_view(" \t\r\n").find(tag.value.back()) == std::string_view::npos;
        ok &= gatepost::auth::without_white_space(tag.value).find_first_of(" \t\r\n") == std::string::npos;
        ok &= !gatepost::auth::colon_separated(tag.value).empty();
        written += std::string(tag.name) + "=" + std::string(tag.value) + ";";
    }
    const auto again = TagList::parse(written);
    ok &= again && again->tags().size() == list->tags().size();
    for (std::size_t i = 0; ok && i < list->tags().size(); ++i)
        ok = again->tags()[i].value == list->tags()[i].value;
    if (!ok) __builtin_trap();
    return 0;
}
