// TLS contexts made from the settings: all certificates are loaded and checked before any of them is used.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "config/settings.h"
#include "gateway/net/ticket_keys.h"
#include "protocol/result.h"

struct ssl_ctx_st;
struct ssl_st;

namespace gatepost::gateway {

using TlsContext = std::shared_ptr<ssl_ctx_st>;

// The server's side: one context for each certificate, chosen by SNI. TLS 1.2 and 1.3, the cipher suites of
// Mozilla's "intermediate" profile, session tickets whose keys age, no renegotiation.
class TlsServer {
  public:
    // Fails with what is wrong and where: unreadable, not PEM, a key that does not fit.
    static protocol::Result<std::shared_ptr<TlsServer>> make(
        const std::vector<config::TlsIdentity>& identities, const std::string& config_file);
    // What a session starts with; the handshake changes to another one when the client asks for its name.
    ssl_ctx_st& context() { return *contexts_.front(); }
    struct Expiry {
        std::string file;
        int days_left;  // negative: it has expired
    };
    std::vector<Expiry> expiries() const;
    // Days until the first of the certificates expires; negative if one has.
    int days_left() const;

  private:
    void learn_names(ssl_ctx_st* context);
    ssl_ctx_st* find(const std::string& name) const;
    static int choose(ssl_st* ssl, int* alert, void* self) noexcept;

    TicketKeys ticket_keys_;
    std::vector<std::string> files_;  // one for each context
    std::vector<TlsContext> contexts_;
    std::map<std::string, ssl_ctx_st*>
        by_name_;  // lower case; "*.example.org" as it stands in the certificate
};

// The client's side, towards the downstream.
TlsContext make_client_tls(config::DownstreamTls mode);
// With the certificate that is shown to servers that ask for one. Fails as TlsServer::make does.
protocol::Result<TlsContext> make_client_tls(const config::Downstream& downstream,
                                             const std::string& config_file);

}  // namespace gatepost::gateway
