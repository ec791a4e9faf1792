#include "auth/crypto.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <bit>
#include <stdexcept>

namespace gatepost::auth {
namespace {

using protocol::Problem;
using protocol::Result;

template <auto kFree>
struct Freed {
    template <class T>
    void operator()(T* handle) const {
        kFree(handle);
    }
};
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Freed<EVP_PKEY_CTX_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Freed<EVP_MD_CTX_free>>;
using Md = std::unique_ptr<EVP_MD, Freed<EVP_MD_free>>;
using Bio = std::unique_ptr<BIO, Freed<BIO_free_all>>;

// Whatever OpenSSL left in its thread-local queue must not be taken for the error of a TLS session.
struct DrainErrors {
    ~DrainErrors() { ERR_clear_error(); }
};

// Not the message's fault: no memory, or a library that lacks SHA-256.
void require(bool ok) {
    if (ok) return;
    ERR_clear_error();
    throw std::runtime_error("OpenSSL failed");
}

// Constant once made. Fetching it anew costs as much as hashing 300 octets.
const EVP_MD* sha256_method() {
    static const Md method(EVP_MD_fetch(nullptr, "SHA256", nullptr));
    return method.get();
}

const unsigned char* octets_of(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

constexpr unsigned char kInteger = 0x02, kBitString = 0x03, kNull = 0x05, kObjectId = 0x06, kSequence = 0x30;
constexpr std::string_view kRsaEncryption = "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01";  // 1.2.840.113549.1.1.1

// Takes one DER element with that tag off the front of `der`; nothing if another stands there.
std::optional<std::string_view> take(std::string_view& der, unsigned char tag) {
    const auto octet = [&](std::size_t at) { return static_cast<unsigned char>(der[at]); };
    if (der.size() < 2 || octet(0) != tag) return {};
    std::size_t length = octet(1), start = 2;
    if (length >= 0x80) {
        const std::size_t more = length & 0x7f;
        if (more == 0 || more > 2 || der.size() < 2 + more) return {};
        length = 0;
        for (; start < 2 + more; ++start) length = length << 8 | octet(start);
        if (length < (more == 1 ? 0x80u : 0x100u)) return {};  // not the shortest form
    }
    if (der.size() - start < length) return {};
    const auto content = der.substr(start, length);
    der.remove_prefix(start + length);
    return content;
}

// SubjectPublicKeyInfo down to its RSAPublicKey. OpenSSL's own decoder for it is a hundred times slower than
// for the bare key.
std::optional<std::string_view> rsa_public_key(std::string_view der) {
    std::string_view whole = der;
    auto outer = take(der, kSequence);
    if (!outer || !der.empty()) return {};
    if (outer->starts_with(static_cast<char>(kInteger))) return whole;
    auto algorithm = take(*outer, kSequence);
    if (!algorithm || take(*algorithm, kObjectId) != kRsaEncryption) return {};
    if (!algorithm->empty() && take(*algorithm, kNull) != std::string_view{}) return {};
    auto bits = take(*outer, kBitString);
    if (!bits || !outer->empty() || !bits->starts_with('\0')) return {};
    return bits->substr(1);
}

// A positive INTEGER without its sign octet.
std::optional<std::string_view> take_positive(std::string_view& der) {
    auto number = take(der, kInteger);
    if (!number || number->empty() || (number->front() & 0x80) != 0) return {};
    if (number->front() == 0) number->remove_prefix(1);
    if (number->empty() || number->front() == 0) return {};
    return number;
}

unsigned bit_length(std::string_view number) {
    return static_cast<unsigned>(number.size() * 8) -
           static_cast<unsigned>(std::countl_zero(static_cast<unsigned char>(number.front())));
}

// Looks at modulus and exponent before OpenSSL does.
Result<unsigned> rsa_bits(std::string_view key) {
    auto numbers = take(key, kSequence);
    if (!numbers || !key.empty()) return Problem{"key is not an RSA public key"};
    const auto modulus = take_positive(*numbers);
    const auto exponent = modulus ? take_positive(*numbers) : std::nullopt;
    if (!exponent || !numbers->empty()) return Problem{"key is not an RSA public key"};
    const unsigned bits = bit_length(*modulus);
    if (bits < kMinRsaBits) return Problem{"RSA key with fewer than 1024 bits"};  // RFC 8301 section 3.2
    if (bits > kMaxRsaBits) return Problem{"RSA key with more than 8192 bits"};
    const bool is_odd = (exponent->back() & 1) != 0 && (modulus->back() & 1) != 0;
    if (!is_odd || bit_length(*exponent) > 32 || *exponent == "\x01")
        return Problem{"unacceptable RSA exponent or modulus"};
    return bits;
}

int no_passphrase(char*, int, int, void*) {
    return -1;
}

std::string contents(BIO* bio) {
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio, &data);
    return std::string(data, static_cast<std::size_t>(size));
}

}  // namespace

struct Sha256::Contexts {
    DigestContext running{EVP_MD_CTX_new()};
    DigestContext copy;  // made when first needed
};

Sha256::Sha256() : contexts_(std::make_unique<Contexts>()) {
    require(contexts_->running && sha256_method() &&
            EVP_DigestInit_ex(contexts_->running.get(), sha256_method(), nullptr) == 1);
}
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;
Sha256::~Sha256() = default;

void Sha256::update(std::string_view octets) {
    require(EVP_DigestUpdate(contexts_->running.get(), octets.data(), octets.size()) == 1);
}

Digest Sha256::so_far() const {
    Digest digest;
    if (!contexts_->copy) contexts_->copy.reset(EVP_MD_CTX_new());
    require(contexts_->copy && EVP_MD_CTX_copy_ex(contexts_->copy.get(), contexts_->running.get()) == 1 &&
            EVP_DigestFinal_ex(contexts_->copy.get(), digest.data(), nullptr) == 1);
    return digest;
}

Digest Sha256::finish() {
    Digest digest;
    require(EVP_DigestFinal_ex(contexts_->running.get(), digest.data(), nullptr) == 1 &&
            EVP_DigestInit_ex(contexts_->running.get(), nullptr, nullptr) == 1);
    return digest;
}

Digest sha256(std::string_view octets) {
    Digest digest;
    require(sha256_method() &&
            EVP_Digest(octets.data(), octets.size(), digest.data(), nullptr, sha256_method(), nullptr) == 1);
    return digest;
}

struct PublicKey::Handle {
    Key key;
    KeyContext verification;  // RSA: made once and used for every signature
};

PublicKey::PublicKey(std::unique_ptr<Handle> handle, KeyType type, unsigned bits)
    : handle_(std::move(handle)), type_(type), bits_(bits) {}
PublicKey::PublicKey(PublicKey&&) noexcept = default;
PublicKey& PublicKey::operator=(PublicKey&&) noexcept = default;
PublicKey::~PublicKey() = default;

Result<PublicKey> PublicKey::rsa(std::string_view der) {
    DrainErrors drain;
    const auto bare = rsa_public_key(der);
    if (!bare) return Problem{"key is not an RSA public key"};
    const auto bits = rsa_bits(*bare);
    if (!bits) return Problem{bits.problem()};
    const unsigned char* at = octets_of(*bare);
    Key key(d2i_PublicKey(EVP_PKEY_RSA, nullptr, &at, static_cast<long>(bare->size())));
    if (!key) return Problem{"key is not an RSA public key"};
    KeyContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr));
    if (!context || EVP_PKEY_verify_init(context.get()) != 1 ||
        EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_PADDING) != 1 ||
        EVP_PKEY_CTX_set_signature_md(context.get(), sha256_method()) != 1) {
        return Problem{"unusable RSA key"};
    }
    return PublicKey(std::make_unique<Handle>(Handle{std::move(key), std::move(context)}), KeyType::rsa,
                     *bits);
}

Result<PublicKey> PublicKey::ed25519(std::string_view octets) {
    DrainErrors drain;
    if (octets.size() != 32) return Problem{"Ed25519 key without 32 octets"};
    Key key(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, octets_of(octets), octets.size()));
    if (!key) return Problem{"unusable Ed25519 key"};
    return PublicKey(std::make_unique<Handle>(Handle{std::move(key), nullptr}), KeyType::ed25519, 256);
}

bool PublicKey::verify(const Digest& digest, std::string_view signature) const {
    DrainErrors drain;
    if (signature.size() > kMaxSignatureOctets) return false;
    if (type_ == KeyType::rsa) {
        return EVP_PKEY_verify(handle_->verification.get(), octets_of(signature), signature.size(),
                               digest.data(), digest.size()) == 1;
    }
    const DigestContext context(EVP_MD_CTX_new());
    require(context != nullptr);
    return EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, handle_->key.get()) == 1 &&
           EVP_DigestVerify(context.get(), octets_of(signature), signature.size(), digest.data(),
                            digest.size()) == 1;
}

struct PrivateKey::Handle {
    Key key;
};

PrivateKey::PrivateKey(std::unique_ptr<Handle> handle, KeyType type)
    : handle_(std::move(handle)), type_(type) {}
PrivateKey::PrivateKey(PrivateKey&&) noexcept = default;
PrivateKey& PrivateKey::operator=(PrivateKey&&) noexcept = default;
PrivateKey::~PrivateKey() = default;

Result<PrivateKey> PrivateKey::from_pem(std::string_view pem) {
    DrainErrors drain;
    const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    Key key(bio ? PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr) : nullptr);
    if (!key) return Problem{"not a private key in PEM without passphrase"};
    auto handle = std::make_unique<Handle>(Handle{std::move(key)});
    if (EVP_PKEY_is_a(handle->key.get(), "ED25519") == 1)
        return PrivateKey(std::move(handle), KeyType::ed25519);
    if (EVP_PKEY_is_a(handle->key.get(), "RSA") != 1) return Problem{"neither an RSA nor an Ed25519 key"};
    const auto bits = static_cast<unsigned>(EVP_PKEY_get_bits(handle->key.get()));
    if (bits < kMinRsaBits || bits > kMaxRsaBits) return Problem{"RSA key without 1024 to 8192 bits"};
    return PrivateKey(std::move(handle), KeyType::rsa);
}

PrivateKey PrivateKey::generate(KeyType type) {
    Key key(type == KeyType::rsa ? EVP_RSA_gen(2048) : EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
    require(key != nullptr);
    return PrivateKey(std::make_unique<Handle>(Handle{std::move(key)}), type);
}

std::string PrivateKey::pem() const {
    const Bio bio(BIO_new(BIO_s_mem()));
    require(bio && PEM_write_bio_PKCS8PrivateKey(bio.get(), handle_->key.get(), nullptr, nullptr, 0, nullptr,
                                                 nullptr) == 1);
    return contents(bio.get());
}

std::string PrivateKey::public_octets() const {
    if (type_ == KeyType::rsa) {
        const Bio bio(BIO_new(BIO_s_mem()));
        require(bio && i2d_PUBKEY_bio(bio.get(), handle_->key.get()) == 1);
        return contents(bio.get());
    }
    std::string octets(32, '\0');
    std::size_t size = octets.size();
    require(EVP_PKEY_get_raw_public_key(handle_->key.get(), reinterpret_cast<unsigned char*>(octets.data()),
                                        &size) == 1);
    return octets;
}

std::string PrivateKey::sign(const Digest& digest) const {
    std::string signature(kMaxSignatureOctets, '\0');
    auto* out = reinterpret_cast<unsigned char*>(signature.data());
    std::size_t size = signature.size();
    if (type_ == KeyType::rsa) {
        const KeyContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, handle_->key.get(), nullptr));
        require(context && EVP_PKEY_sign_init(context.get()) == 1 &&
                EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_PADDING) == 1 &&
                EVP_PKEY_CTX_set_signature_md(context.get(), sha256_method()) == 1 &&
                EVP_PKEY_sign(context.get(), out, &size, digest.data(), digest.size()) == 1);
    } else {
        const DigestContext context(EVP_MD_CTX_new());
        require(context &&
                EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, handle_->key.get()) == 1 &&
                EVP_DigestSign(context.get(), out, &size, digest.data(), digest.size()) == 1);
    }
    signature.resize(size);
    return signature;
}

}  // namespace gatepost::auth
