// The canonical form of a body does not depend on where it is split, and is its own canonical form.
#include <cstddef>
#include <cstdint>
#include <string>

#include "auth/body_hash.h"

using namespace gatepost::auth;

namespace {

// The first octet of the input says how long the chunks are.
std::string canonical(std::string_view text, Canonicalization mode, std::size_t step) {
    BodyCanonicalizer canonicalizer(mode);
    std::string out;
    const BodyCanonicalizer::Sink sink = [&](std::string_view run) { out += run; };
    for (std::size_t at = 0; at < text.size(); at += step)
        canonicalizer.write(std::string(text.substr(at, step)), sink);
    canonicalizer.finish(sink);
    return out;
}

bool is_canonical(const std::string& out, Canonicalization mode) {
    if (out.empty()) return mode == Canonicalization::relaxed;
    if (!out.ends_with("\r\n") || out.ends_with("\r\n\r\n")) return false;
    if (mode == Canonicalization::simple) return true;
    for (const auto* forbidden : {"  ", "\t", " \r\n"}) {
        if (out.find(forbidden) != std::string::npos) return false;
    }
    return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::string text(reinterpret_cast<const char*>(data + 1), size - 1);
    bool ok = true;
    for (const auto mode : {Canonicalization::simple, Canonicalization::relaxed}) {
        const auto whole = canonical(text, mode, text.size() + 1);
        ok &= whole == canonical(text, mode, 1 + data[0]) && whole == canonical(text, mode, 1);
        ok &= whole == canonical(whole, mode, text.size() + 2) && is_canonical(whole, mode);
        BodyHash hash(mode);
        hash.want(data[0]);
        hash.write(text);
        hash.finish();
        ok &= hash.length() == whole.size() && hash.digest({}) == sha256(whole);
        ok &= hash.digest(data[0]).has_value() == (data[0] <= whole.size());
        if (data[0] <= whole.size())
            ok &= hash.digest(data[0]) == sha256(std::string_view(whole).substr(0, data[0]));
    }
    if (!ok) __builtin_trap();
    return 0;
}
