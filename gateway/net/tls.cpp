#include "gateway/net/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <new>

#include "gateway/net/certificate.h"
#include "protocol/ascii.h"

namespace gatepost::gateway {
namespace {

// TLS 1.2; those of TLS 1.3 are fine as OpenSSL has them.
constexpr char kCiphers[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";

std::string last_error() {
    char text[256] = "unknown error";
    if (const auto code = ERR_get_error()) ERR_error_string_n(code, text, sizeof text);
    ERR_clear_error();
    return text;
}

TlsContext make_context(const SSL_METHOD* method) {
    TlsContext context(SSL_CTX_new(method), &SSL_CTX_free);
    if (!context) throw std::bad_alloc();
    SSL_CTX* ctx = context.get();
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    return context;
}

std::string problem_of(const config::TlsIdentity& identity, const std::string& file,
                       const std::string& what) {
    std::string place = file.empty() ? "configuration" : file;
    if (identity.place.line) {
        place += ":" + std::to_string(identity.place.line) + ":" + std::to_string(identity.place.column);
    }
    return place + ": error: " + what;
}

std::string why_unreadable(const std::string& file) {
    std::error_code error;
    if (!std::filesystem::exists(file, error)) return "no such file";
    return ::access(file.c_str(), R_OK) == 0 ? last_error() : std::strerror(errno);
}

// Empty if the context has it now.
std::string problem_with(SSL_CTX* ctx, const config::TlsIdentity& identity, const std::string& file) {
    // Nobody is there to be asked for a passphrase, least of all at a reload.
    SSL_CTX_set_default_passwd_cb(ctx, [](char*, int, int, void*) { return 0; });
    ERR_clear_error();
    if (SSL_CTX_use_certificate_chain_file(ctx, identity.certificate.c_str()) != 1) {
        return problem_of(identity, file,
                          "certificate " + identity.certificate +
                              " cannot be loaded: " + why_unreadable(identity.certificate) +
                              "; it must be a PEM file that gatepost may read, own certificate first");
    }
    // A key of another type than the certificate's is taken beside it: only the second check sees that.
    if (SSL_CTX_use_PrivateKey_file(ctx, identity.key.c_str(), SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(ctx) != 1) {
        return problem_of(identity, file,
                          "key " + identity.key + " cannot be loaded: " + why_unreadable(identity.key) +
                              "; it must be the unencrypted PEM key of " + identity.certificate);
    }
    return {};
}

protocol::Result<TlsContext> load(const config::TlsIdentity& identity, const std::string& file) {
    TlsContext context = make_context(TLS_server_method());
    SSL_CTX* ctx = context.get();
    SSL_CTX_set_options(ctx, SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_cipher_list(ctx, kCiphers);
    SSL_CTX_set1_groups_list(ctx, "X25519:P-256:P-384");
    static constexpr unsigned char kSessionContext[] = "gatepost";
    SSL_CTX_set_session_id_context(ctx, kSessionContext, sizeof kSessionContext - 1);
    const std::string problem = problem_with(ctx, identity, file);
    if (!problem.empty()) return protocol::Problem{problem};
    return context;
}

}  // namespace

protocol::Result<std::shared_ptr<TlsServer>> TlsServer::make(
    const std::vector<config::TlsIdentity>& identities, const std::string& config_file) {
    auto server = std::make_shared<TlsServer>();
    for (const auto& identity : identities) {
        auto context = load(identity, config_file);
        if (!context) return protocol::Problem{context.problem()};
        server->ticket_keys_.install(context->get());
        server->files_.push_back(identity.certificate);
        server->contexts_.push_back(std::move(*context));
        server->learn_names(server->contexts_.back().get());
    }
    for (const auto& context : server->contexts_) {
        SSL_CTX_set_tlsext_servername_callback(context.get(), &TlsServer::choose);
        SSL_CTX_set_tlsext_servername_arg(context.get(), server.get());
    }
    return server;
}

void TlsServer::learn_names(SSL_CTX* context) {
    for (const auto& name : dns_names_of(SSL_CTX_get0_certificate(context)))
        by_name_.try_emplace(protocol::lowered(name), context);
}

SSL_CTX* TlsServer::find(const std::string& name) const {
    if (const auto it = by_name_.find(name); it != by_name_.end()) return it->second;
    const auto dot = name.find('.');
    if (dot == std::string::npos) return nullptr;
    const auto it = by_name_.find("*" + name.substr(dot));
    return it == by_name_.end() ? nullptr : it->second;
}

// An unknown name gets the default certificate: a sender that does not check names must not fail because of
// it.
// No exception may pass through OpenSSL: without memory for the name it is the default one, too.
int TlsServer::choose(SSL* ssl, int*, void* self) noexcept {
    const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    if (!name) return SSL_TLSEXT_ERR_NOACK;
    try {
        if (SSL_CTX* ctx = static_cast<TlsServer*>(self)->find(protocol::lowered(name)))
            SSL_set_SSL_CTX(ssl, ctx);
    } catch (...) {
        return SSL_TLSEXT_ERR_NOACK;
    }
    return SSL_TLSEXT_ERR_OK;
}

std::vector<TlsServer::Expiry> TlsServer::expiries() const {
    std::vector<Expiry> all;
    for (std::size_t i = 0; i < contexts_.size(); ++i)
        all.push_back({files_[i], days_left_of(SSL_CTX_get0_certificate(contexts_[i].get()))});
    return all;
}

int TlsServer::days_left() const {
    int least = 1 << 20;
    for (const auto& expiry : expiries()) least = std::min(least, expiry.days_left);
    return least;
}

TlsContext make_client_tls(config::DownstreamTls mode) {
    TlsContext context = make_context(TLS_client_method());
    const bool verifies = mode == config::DownstreamTls::verify;
    if (verifies) SSL_CTX_set_default_verify_paths(context.get());
    SSL_CTX_set_verify(context.get(), verifies ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
    if (SSL_CTX_dane_enable(context.get()) != 1) throw std::bad_alloc();  // for connections with records only
    return context;
}

protocol::Result<TlsContext> make_client_tls(const config::Downstream& downstream, const std::string& file) {
    TlsContext context = make_client_tls(downstream.tls);
    if (!downstream.client) return context;
    const std::string problem = problem_with(context.get(), *downstream.client, file);
    if (!problem.empty()) return protocol::Problem{problem};
    return context;
}

}  // namespace gatepost::gateway
