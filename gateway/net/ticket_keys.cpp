#include "gateway/net/ticket_keys.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#include <algorithm>

namespace gatepost::gateway {
namespace {

using Clock = std::chrono::steady_clock;

void wipe(std::optional<TicketKeys::Key>& key) {
    if (key) OPENSSL_cleanse(&*key, sizeof *key);
    key.reset();
}

bool use(const TicketKeys::Key& key, EVP_MAC_CTX* mac) {
    char digest[] = "SHA256";
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, const_cast<unsigned char*>(key.mac.data()),
                                          key.mac.size()),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0), OSSL_PARAM_construct_end()};
    return EVP_MAC_CTX_set_params(mac, parameters) == 1;
}

constexpr int kNoTicket = 0, kGood = 1, kGoodButOld = 2;

int seal(TicketKeys& keys, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac) {
    auto key = keys.current(Clock::now());
    if (!key || RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1) return kNoTicket;
    std::copy(key->name.begin(), key->name.end(), name);
    const bool is_ready =
        EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key->cipher.data(), iv) == 1 && use(*key, mac);
    wipe(key);
    return is_ready ? kGood : kNoTicket;
}

int open(TicketKeys& keys, const unsigned char* name, const unsigned char* iv, EVP_CIPHER_CTX* cipher,
         EVP_MAC_CTX* mac) {
    const auto now = Clock::now();
    auto key =
        keys.find(std::span<const unsigned char, TicketKeys::kNameSize>(name, TicketKeys::kNameSize), now);
    if (!key) return kNoTicket;
    const bool is_ready =
        use(*key, mac) && EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key->cipher.data(), iv) == 1;
    const bool is_old = now - key->made >= TicketKeys::kLife;
    wipe(key);
    return !is_ready ? kNoTicket : is_old ? kGoodButOld : kGood;
}

// No exception may pass through OpenSSL: then there is no ticket, and a full handshake.
int seal_or_open(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac,
                 int seals) noexcept {
    try {
        auto& keys = *static_cast<TicketKeys*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
        return seals ? seal(keys, name, iv, cipher, mac) : open(keys, name, iv, cipher, mac);
    } catch (...) {
        return kNoTicket;
    }
}

}  // namespace

TicketKeys::~TicketKeys() {
    wipe(current_);
    wipe(previous_);
}

void TicketKeys::age(Time now) {
    if (current_ && now - current_->made >= kLife) {
        wipe(previous_);
        previous_ = current_;
        wipe(current_);
    }
    if (previous_ && now - previous_->made >= 2 * kLife) wipe(previous_);
}

std::optional<TicketKeys::Key> TicketKeys::current(Time now) {
    const std::lock_guard lock(mutex_);
    age(now);
    if (!current_) {
        Key key{};
        if (RAND_bytes(key.name.data(), key.name.size()) != 1 ||
            RAND_bytes(key.cipher.data(), key.cipher.size()) != 1 ||
            RAND_bytes(key.mac.data(), key.mac.size()) != 1) {
            return {};
        }
        key.made = now;
        current_ = key;
        OPENSSL_cleanse(&key, sizeof key);
    }
    return current_;
}

std::optional<TicketKeys::Key> TicketKeys::find(std::span<const unsigned char, kNameSize> name, Time now) {
    const std::lock_guard lock(mutex_);
    age(now);
    for (const auto* key : {&current_, &previous_}) {
        if (*key && std::equal(name.begin(), name.end(), (*key)->name.begin())) return *key;
    }
    return {};
}

void TicketKeys::install(ssl_ctx_st* context) {
    SSL_CTX_set_app_data(context, this);
    SSL_CTX_set_tlsext_ticket_key_evp_cb(context, &seal_or_open);
    SSL_CTX_set_timeout(context, std::chrono::seconds(kLife).count());
    SSL_CTX_set_num_tickets(context, 1);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);  // tickets need no memory here
}

}  // namespace gatepost::gateway
