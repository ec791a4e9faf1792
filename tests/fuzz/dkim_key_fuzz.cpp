// A key record, and as raw octets a public key: limits hold, nothing is verified, the cache says the same.
#include <openssl/err.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "auth/dkim_key.h"

using namespace gatepost::auth;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    DkimKeyCache cache;
    const auto key = parse_dkim_key(text);
    const auto cached = cache.parse(text);
    bool ok = static_cast<bool>(key) == static_cast<bool>(cached) && key.problem() == cached.problem();
    if (key) ok &= !key->key->verify(sha256("x"), std::string(256, 'x'));
    const auto rsa = PublicKey::rsa(text);
    if (rsa)
        ok &= rsa->bits() >= kMinRsaBits && rsa->bits() <= kMaxRsaBits && !rsa->verify(sha256("x"), text);
    if (const auto octets = decode_base64(text)) ok &= encode_base64(*octets) == text;
    ok &= decode_base64(encode_base64(text)) == text;
    ok &= ERR_peek_error() == 0;
    if (!ok) __builtin_trap();
    return 0;
}
