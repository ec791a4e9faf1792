// TLS over a non-blocking socket. It neither waits nor buffers: each operation does what can be done at once,
// and says for what the socket has to be waited. Between operations an idle stream holds no record buffers.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "auth/dns_facts.h"

struct bio_method_st;
struct bio_st;
struct ssl_ctx_st;
struct ssl_st;

namespace gatepost::gateway {

// Whom a client means to speak to.
struct ExpectedServer {
    std::string name;           // sent as SNI; checked if the context verifies, or if there are records
    std::string also_known_as;  // with records: may stand in the certificate as well; may be empty
    // DANE: the certificate must fit one of them (RFC 7671), whether the context verifies or not. Usage 3
    // needs neither name nor date (RFC 7672 section 3.1.1), usage 2 does.
    std::vector<auth::TlsaRecord> records;
};

class TlsStream {
  public:
    enum class State {
        done,
        wants_read,
        wants_write,
        ended
    };  // ended: by the peer, or because TLS was broken
    struct Step {
        State state;
        std::size_t octets = 0;  // read or written, if done
    };
    enum class Role { server, client };

    // The descriptor is not ours. Throws if there is no memory.
    TlsStream(ssl_ctx_st& context, int descriptor, Role role);
    TlsStream(const TlsStream&) = delete;

    // Before the handshake of a client. False if it cannot be checked as asked: then there must be none.
    bool expect_server(const ExpectedServer& server);

    Step handshake();
    Step read(std::span<char> into);
    // At most one record. After wants_write the same octets have to be offered again, with more if you like.
    Step write(std::string_view bytes);
    // Sends close_notify and looks for that of the peer.
    Step shut_down();

    // Nothing has come that was not read yet, and the peer has not closed.
    bool is_quiet();
    std::string cipher() const;  // "TLSv1.3 TLS_AES_256_GCM_SHA384"
    // What broke it, in OpenSSL's words; empty if nothing has, or nothing is known.
    const std::string& problem() const { return problem_; }

    static constexpr std::size_t kMaxRecord = 16 * 1024;

  private:
    struct Socket {
        int descriptor;
        std::size_t allowance;  // octets that may still come before the handshake is done
        bool is_in_handshake = true;
        // An operation reads once: who sends key updates without end would keep OpenSSL, and this thread,
        // inside it.
        bool has_read = false;
    };
    static int receive(bio_st* bio, char* into, int size);
    static int send(bio_st* bio, const char* from, int size);
    static const bio_method_st* method();
    Step step_of(int result);
    bool expect_records(const ExpectedServer& server);
    void note_problem();
    void prepare();

    Socket socket_;
    std::unique_ptr<ssl_st, void (*)(ssl_st*)> ssl_;
    bool is_broken_ = false;
    std::string problem_;
};

}  // namespace gatepost::gateway
