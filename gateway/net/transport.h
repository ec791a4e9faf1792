// A byte stream to a peer, plain or TLS, that never throws and never waits past its deadline. The deadline is
// a point in time, watched by one timer; when it passes, what is being waited for ends and times_out() is
// true.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/asio.h"
#include "gateway/net/tls_stream.h"

namespace gatepost::gateway {

class Transport {
  public:
    using Socket = asio::generic::stream_protocol::socket;  // TCP or Unix

    explicit Transport(Socket socket);
    ~Transport();
    Transport(const Transport&) = delete;

    void set_deadline(Deadline deadline);
    bool timed_out() const;

    // Octets read; 0 when the peer is gone, the time is up, or somebody called wake().
    awaitable<std::size_t> read_some(std::span<char> into);
    awaitable<bool> write(std::string_view bytes);
    awaitable<bool> write(
        std::vector<asio::const_buffer>& buffers);  // what is left in them afterwards means nothing
    // The handshake as server or client.
    awaitable<bool> accept_tls(ssl_ctx_st& context);
    awaitable<bool> start_tls(ssl_ctx_st& context, const ExpectedServer& server);
    // Says goodbye in TLS if there is some time left for it, and closes.
    awaitable<void> close();
    void close_now();

    // Ends a read that is waiting, from outside.
    void wake();
    bool take_wake();
    bool is_tls() const { return tls_ != nullptr; }
    std::string tls_cipher() const;   // "TLSv1.3 TLS_AES_256_GCM_SHA384"
    std::string tls_problem() const;  // what broke it; empty if nothing has
    // Nothing to read, in TLS neither, and not closed by the peer; for kept connections.
    bool looks_alive();
    Socket& socket() { return socket_; }

  private:
    struct Watch;

    template <class Buffers>
    std::size_t write_now(const Buffers& buffers);
    TlsStream::Step write_record(const std::vector<asio::const_buffer>& buffers);
    awaitable<bool> wait_to_write(std::vector<asio::const_buffer>& buffers);
    awaitable<bool> write_tls(std::vector<asio::const_buffer>& buffers);
    awaitable<std::size_t> read_tls(std::span<char> into);
    void begin_tls(ssl_ctx_st& context, TlsStream::Role role);
    awaitable<bool> shake_hands();
    awaitable<bool> say_goodbye();
    awaitable<bool> wait_for(TlsStream::State wanted);

    Socket socket_;
    std::unique_ptr<TlsStream> tls_;
    std::shared_ptr<Watch> watch_;
    bool is_woken_ = false;
    unsigned reads_in_a_row_ = 0;  // that did not wait
};

}  // namespace gatepost::gateway
