// A domain is letters, digits, hyphen, underscore and dots, lower case, bounded, and parses to itself.
#include "protocol/domain.h"

#include <cstdint>

#include "protocol/ascii.h"

using namespace gatepost::protocol;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto domain = Domain::parse({reinterpret_cast<const char*>(data), size});
    if (!domain) return 0;
    const std::string& text = domain->text();
    if (text.empty() || text.size() > 253 || text.find("..") != std::string::npos) __builtin_trap();
    if (text.front() == '.' || text.back() == '.' || lowered(text) != text) __builtin_trap();
    for (char c : text) {
        if (!is_alnum(c) && c != '-' && c != '_' && c != '.') __builtin_trap();
    }
    if (Domain::parse(text) != domain) __builtin_trap();
    if (domain->last_labels(domain->labels()) != *domain) __builtin_trap();
    if (!domain->is_or_is_below(domain->last_labels(1))) __builtin_trap();
    return 0;
}
