// The cryptography of DKIM and ARC over OpenSSL: SHA-256, RSA PKCS#1 v1.5, Ed25519, base64. OpenSSL's types
// and its error queue stay in the .cpp. No value here may be used by two threads at once.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/result.h"

namespace gatepost::auth {

enum class KeyType { rsa, ed25519 };

using Digest = std::array<std::uint8_t, 32>;

class Sha256 {
  public:
    Sha256();
    Sha256(Sha256&&) noexcept;
    Sha256& operator=(Sha256&&) noexcept;
    ~Sha256();

    void update(std::string_view octets);
    // The digest of all octets so far; more may follow.
    Digest so_far() const;
    // The digest; the next update starts a new one.
    Digest finish();

  private:
    struct Contexts;
    std::unique_ptr<Contexts> contexts_;
};

Digest sha256(std::string_view octets);

// Limits of an RSA key. Below 1024 bits it is not valid (RFC 8301 section 3.2); the upper ones are ours,
// since the cost of a verification grows with the square of the modulus and with the exponent.
inline constexpr unsigned kMinRsaBits = 1024;
inline constexpr unsigned kMaxRsaBits = 8192;
inline constexpr std::size_t kMaxSignatureOctets = kMaxRsaBits / 8;

class PublicKey {
  public:
    // A SubjectPublicKeyInfo or a bare RSAPublicKey, in DER (RFC 6376 section 3.6.1 says the one and shows
    // the other).
    static protocol::Result<PublicKey> rsa(std::string_view der);
    // The 32 octets themselves (RFC 8463 section 4).
    static protocol::Result<PublicKey> ed25519(std::string_view octets);

    PublicKey(PublicKey&&) noexcept;
    PublicKey& operator=(PublicKey&&) noexcept;
    ~PublicKey();

    KeyType type() const { return type_; }
    unsigned bits() const { return bits_; }
    // Whether `signature` is one of that SHA-256 digest. Ed25519 signs the digest's octets (RFC 8463 section
    // 3).
    bool verify(const Digest& digest, std::string_view signature) const;

  private:
    struct Handle;
    PublicKey(std::unique_ptr<Handle> handle, KeyType type, unsigned bits);

    std::unique_ptr<Handle> handle_;
    KeyType type_;
    unsigned bits_;
};

class PrivateKey {
  public:
    // PKCS#8 or traditional PEM without a passphrase; RSA of 1024 to 8192 bits, or Ed25519.
    static protocol::Result<PrivateKey> from_pem(std::string_view pem);
    // RSA with 2048 bits, or Ed25519.
    static PrivateKey generate(KeyType type);

    PrivateKey(PrivateKey&&) noexcept;
    PrivateKey& operator=(PrivateKey&&) noexcept;
    ~PrivateKey();

    KeyType type() const { return type_; }
    std::string pem() const;
    // As p= of a key record wants it: SubjectPublicKeyInfo, or the 32 octets of Ed25519; not yet base64.
    std::string public_octets() const;
    std::string sign(const Digest& digest) const;

  private:
    struct Handle;
    PrivateKey(std::unique_ptr<Handle> handle, KeyType type);

    std::unique_ptr<Handle> handle_;
    KeyType type_;
};

// RFC 4648 section 4, strict: whole quanta with their padding, no other octets, no stray bits at the end.
std::optional<std::string> decode_base64(std::string_view text);
std::string encode_base64(std::string_view octets);

}  // namespace gatepost::auth
