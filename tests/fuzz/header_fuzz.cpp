// The fields of a header, put together, are the header.
#include "protocol/header.h"

#include <cstdint>

#include "protocol/trace.h"

using namespace gatepost::protocol;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string block(reinterpret_cast<const char*>(data), size);
    const auto header = Header::parse(block, {4096, 100, 1024});
    if (!header) return 0;
    std::string together;
    for (std::size_t i = 0; i < header->size(); ++i) {
        const auto field = (*header)[i];
        if (field.name.empty() || field.raw.size() > 1024 || !field.raw.ends_with("\r\n")) __builtin_trap();
        if (unfolded(field.body).find("\r\n") != std::string::npos) __builtin_trap();
        together += field.raw;
    }
    if (together != header->text() || header->size() > 100) __builtin_trap();
    if (header->find("received").size() != hops(*header)) __builtin_trap();
    return 0;
}
