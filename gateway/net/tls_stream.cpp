#include "gateway/net/tls_stream.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <new>

#include "protocol/ip_address.h"

namespace gatepost::gateway {
namespace {

// Of a peer in a handshake. A ClientHello has 2 KiB with all that is new; a server sends its chain.
constexpr std::size_t kMaxHelloOctets = 32 * 1024;
constexpr std::size_t kMaxServerOctets = 256 * 1024;

bool is_patience_asked_for() {
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

// It is what OpenSSL calls when it reads and writes: without a SIGPIPE, and with bounds.
long control(BIO*, int command, long, void*) {
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

}  // namespace

int TlsStream::receive(BIO* bio, char* into, int size) {
    auto& socket = *static_cast<Socket*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    if (socket.has_read) {
        BIO_set_retry_read(bio);
        return -1;
    }
    auto wanted = static_cast<std::size_t>(std::max(size, 0));
    if (socket.is_in_handshake) wanted = std::min(wanted, socket.allowance);
    if (wanted == 0) return -1;
    const auto got = ::recv(socket.descriptor, into, wanted, 0);
    if (got < 0 && is_patience_asked_for()) BIO_set_retry_read(bio);
    if (got > 0) {
        socket.has_read = true;
        if (socket.is_in_handshake) socket.allowance -= static_cast<std::size_t>(got);
    }
    return static_cast<int>(got);
}

int TlsStream::send(BIO* bio, const char* from, int size) {
    const auto& socket = *static_cast<Socket*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    const auto sent =
        ::send(socket.descriptor, from, static_cast<std::size_t>(std::max(size, 0)), MSG_NOSIGNAL);
    if (sent < 0 && is_patience_asked_for()) BIO_set_retry_write(bio);
    return static_cast<int>(sent);
}

const BIO_METHOD* TlsStream::method() {
    static const std::unique_ptr<BIO_METHOD, decltype(&BIO_meth_free)> made = [] {
        std::unique_ptr<BIO_METHOD, decltype(&BIO_meth_free)> all(
            BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "gatepost socket"), &BIO_meth_free);
        if (!all) throw std::bad_alloc();
        BIO_meth_set_read(all.get(), &TlsStream::receive);
        BIO_meth_set_write(all.get(), &TlsStream::send);
        BIO_meth_set_ctrl(all.get(), &control);
        BIO_meth_set_create(all.get(), [](BIO* bio) { return BIO_set_init(bio, 1), 1; });
        return all;
    }();
    return made.get();
}

TlsStream::TlsStream(ssl_ctx_st& context, int descriptor, Role role)
    : socket_{descriptor, role == Role::server ? kMaxHelloOctets : kMaxServerOctets},
      ssl_(SSL_new(&context), &SSL_free) {
    BIO* bio = ssl_ ? BIO_new(method()) : nullptr;
    if (!bio) throw std::bad_alloc();
    BIO_set_data(bio, &socket_);
    SSL_set_bio(ssl_.get(), bio, bio);
    SSL_set_mode(ssl_.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                 SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_set_read_ahead(ssl_.get(), 1);  // a record in one call
    if (role == Role::server) {
        SSL_set_accept_state(ssl_.get());
    } else {
        SSL_set_connect_state(ssl_.get());
    }
}

bool TlsStream::expect_server(const ExpectedServer& server) {
    if (!server.records.empty()) return expect_records(server);
    SSL* ssl = ssl_.get();
    if (protocol::IpAddress::parse(server.name))  // never in SNI (RFC 6066 section 3)
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), server.name.c_str()) == 1;
    return SSL_set_tlsext_host_name(ssl, server.name.c_str()) == 1 &&
           SSL_set1_host(ssl, server.name.c_str()) == 1;
}

bool TlsStream::expect_records(const ExpectedServer& server) {
    SSL* ssl = ssl_.get();
    if (SSL_dane_enable(ssl, server.name.c_str()) <= 0) return false;  // sets SNI and name
    SSL_dane_set_flags(ssl, DANE_FLAG_NO_DANE_EE_NAMECHECKS);
    if (!server.also_known_as.empty() && SSL_add1_host(ssl, server.also_known_as.c_str()) != 1) return false;
    bool has_any = false;
    for (const auto& record : server.records) {
        const auto* data = reinterpret_cast<const unsigned char*>(record.data.data());
        const int added =
            SSL_dane_tlsa_add(ssl, record.usage, record.selector, record.matching, data, record.data.size());
        if (added < 0) return false;
        has_any = has_any || added > 0;
    }
    SSL_set_verify(ssl, SSL_VERIFY_PEER, nullptr);
    ERR_clear_error();
    return has_any;
}

// What the certificate lacks says more than that the handshake failed.
void TlsStream::note_problem() {
    const long found = SSL_get_verify_result(ssl_.get());
    const bool verifies = SSL_get_verify_mode(ssl_.get()) != SSL_VERIFY_NONE;
    const char* reason = ERR_reason_error_string(ERR_peek_error());
    if (verifies && found != X509_V_OK) reason = X509_verify_cert_error_string(found);
    if (reason) problem_ = reason;
}

// SSL_get_error looks at this thread's queue, in which others may have left something.
void TlsStream::prepare() {
    ERR_clear_error();
    socket_.has_read = false;
}

TlsStream::Step TlsStream::step_of(int result) {
    if (result > 0) return {State::done, static_cast<std::size_t>(result)};
    const int why = SSL_get_error(ssl_.get(), result);
    if (why == SSL_ERROR_WANT_READ) return {State::wants_read};
    if (why == SSL_ERROR_WANT_WRITE) return {State::wants_write};
    if (why != SSL_ERROR_ZERO_RETURN) {
        is_broken_ = true;
        note_problem();
    }
    ERR_clear_error();
    return {State::ended};
}

TlsStream::Step TlsStream::handshake() {
    prepare();
    const Step step = step_of(SSL_do_handshake(ssl_.get()));
    if (step.state == State::done) socket_.is_in_handshake = false;
    return step;
}

TlsStream::Step TlsStream::read(std::span<char> into) {
    if (is_broken_) return {State::ended};
    prepare();
    return step_of(SSL_read(ssl_.get(), into.data(), static_cast<int>(std::min(into.size(), kMaxRecord))));
}

TlsStream::Step TlsStream::write(std::string_view bytes) {
    if (is_broken_) return {State::ended};
    prepare();
    return step_of(SSL_write(ssl_.get(), bytes.data(), static_cast<int>(std::min(bytes.size(), kMaxRecord))));
}

TlsStream::Step TlsStream::shut_down() {
    if (is_broken_ || SSL_in_init(ssl_.get())) return {State::ended};
    prepare();
    int result = SSL_shutdown(ssl_.get());
    if (result == 0) result = SSL_shutdown(ssl_.get());  // ours is sent: now theirs
    return step_of(result);
}

bool TlsStream::is_quiet() {
    if (is_broken_) return false;
    prepare();
    char octet = 0;
    return step_of(SSL_peek(ssl_.get(), &octet, 1)).state == State::wants_read;
}

std::string TlsStream::cipher() const {
    return std::string(SSL_get_version(ssl_.get())) + " " + SSL_get_cipher_name(ssl_.get());
}

}  // namespace gatepost::gateway
