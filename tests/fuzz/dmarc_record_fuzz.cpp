// A record of any octets: what is read obeys the table of tags, and a second copy of it cancels it out.
#include <cstdint>
#include <string>

#include "auth/dmarc_record.h"

using namespace gatepost::auth;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    const auto record = parse_dmarc_record(text);
    const auto pair = select_dmarc_record({text, text});
    if (pair.record || pair.has_several != record.has_value()) __builtin_trap();
    if (!record) return 0;
    if (text[0] != 'v' && text[0] != 'V') __builtin_trap();
    if (has_sound_policies(*record) && (!record->p || record->has_invalid_policy)) __builtin_trap();
    if (record->fo.empty() || record->fo.size() > 5) __builtin_trap();
    for (const auto* uris : {&record->rua, &record->ruf}) {
        for (const auto& uri : *uris) {
            if (parse_report_uris(uri) != std::vector<std::string>{uri}) __builtin_trap();
        }
    }
    const auto again = parse_dmarc_record(text + ";unknown=1;;");
    if (!again || *again != *record) __builtin_trap();
    const auto doubled = parse_dmarc_record(text + ";p=reject;p=reject");
    if (!doubled || doubled->p || !doubled->has_invalid_policy) __builtin_trap();
    return 0;
}
