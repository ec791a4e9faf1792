// Any octets as a macro string and its values: what comes out is bounded and of the right form.
#include <cstdint>
#include <string>

#include "auth/spf_macro.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using gatepost::auth::MacroString;
    using gatepost::auth::MacroUse;
    const std::string input(reinterpret_cast<const char*>(data), size);
    const auto line = input.find('\n');
    const auto text = input.substr(0, line);
    const auto given = line == std::string::npos ? std::string("a.b-c") : input.substr(line + 1);
    const auto values = [&](char) { return std::optional(given); };
    if (const auto spec = MacroString::parse(text, MacroUse::domain_spec)) {
        const auto name = spec->expand_domain(values);
        if (name && name->size() > 253) __builtin_trap();
        if (name && name->find_first_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ") != std::string::npos) __builtin_trap();
        // What may end a domain-spec may stand anywhere else, too.
        if (!MacroString::parse(text, MacroUse::unknown_modifier)) __builtin_trap();
    }
    if (const auto explanation = MacroString::parse(text, MacroUse::explanation)) {
        const auto expanded = explanation->expand_text(values, 1024);
        if (expanded && expanded->size() > 1024) __builtin_trap();
        if (expanded && text.find('%') == std::string::npos && *expanded != text) __builtin_trap();
    }
    return 0;
}
