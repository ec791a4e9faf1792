#include "gateway/net/tls_stream.h"

#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

#include "gateway/net/tls.h"
#include "tests/support/certificates.h"
#include "tests/support/temporary_folder.h"

namespace gatepost::gateway {
namespace {

using State = TlsStream::State;
using tests::TemporaryFolder;

// Both ends of a connection within one thread.
class TlsStreamTest : public testing::Test {
  protected:
    TlsStreamTest() {
        const auto certificate = tests::make_certificate("DNS:mx.example.org");
        const config::TlsIdentity identity{
            folder_.write("a.pem", certificate.certificate), folder_.write("a.key", certificate.key), {}};
        tls_ = *TlsServer::make({identity}, "");
        client_context_ = make_client_tls(config::DownstreamTls::opportunistic);
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends_.data()), 0);
        server_ = std::make_unique<TlsStream>(tls_->context(), ends_[0], TlsStream::Role::server);
        client_ = std::make_unique<TlsStream>(*client_context_, ends_[1], TlsStream::Role::client);
    }
    ~TlsStreamTest() override {
        for (const int end : ends_) ::close(end);
    }

    void shake_hands() {
        State here = State::wants_read, there = State::wants_read;
        for (int i = 0; i < 10 && (here != State::done || there != State::done); ++i) {
            if (there != State::done) there = client_->handshake().state;
            if (here != State::done) here = server_->handshake().state;
        }
        ASSERT_EQ(here, State::done);
        ASSERT_EQ(there, State::done);
    }
    void send_plain(std::string_view bytes) {
        ASSERT_EQ(::send(ends_[1], bytes.data(), bytes.size(), MSG_NOSIGNAL),
                  static_cast<ssize_t>(bytes.size()));
    }
    std::string read(TlsStream& stream) {
        std::string text;
        std::array<char, 4096> part;
        for (auto step = stream.read(part); step.state == State::done; step = stream.read(part))
            text.append(part.data(), step.octets);
        return text;
    }

    TemporaryFolder folder_;
    std::shared_ptr<TlsServer> tls_;
    TlsContext client_context_;
    std::array<int, 2> ends_{};
    std::unique_ptr<TlsStream> server_, client_;
};

TEST_F(TlsStreamTest, CarriesOctetsBothWays) {
    shake_hands();
    EXPECT_EQ(server_->cipher(), "TLSv1.3 TLS_AES_256_GCM_SHA384");
    EXPECT_EQ(client_->write("EHLO x\r\n").octets, 8u);
    EXPECT_EQ(read(*server_), "EHLO x\r\n");
    EXPECT_EQ(server_->write("250 y\r\n").octets, 7u);
    EXPECT_EQ(read(*client_), "250 y\r\n");
}

TEST_F(TlsStreamTest, SaysWhatItWaitsFor) {
    std::array<char, 16> part;
    EXPECT_EQ(server_->handshake().state, State::wants_read);
    shake_hands();
    EXPECT_EQ(server_->read(part).state, State::wants_read);
    const std::string record(TlsStream::kMaxRecord, 'x');
    TlsStream::Step step{State::done};
    std::size_t sent = 0;
    for (int i = 0; i < 10000 && step.state == State::done; ++i) {
        step = server_->write(record);
        sent += step.octets;
    }
    EXPECT_EQ(step.state, State::wants_write);
    std::string got = read(*client_);
    while (server_->write(record).state != State::done) got += read(*client_);
    got += read(*client_);
    EXPECT_EQ(got, std::string(sent + record.size(), 'x')) << "nothing is lost or doubled over the wait";
}

TEST_F(TlsStreamTest, KnowsWhetherAnIdlePeerIsStillThere) {
    shake_hands();
    EXPECT_TRUE(client_->is_quiet()) << "tickets of TLS 1.3 are no data";
    EXPECT_TRUE(server_->is_quiet());
    server_->write("421 4.3.2 Bye\r\n");
    EXPECT_FALSE(client_->is_quiet());
    std::array<char, 3> part;
    EXPECT_EQ(client_->read(part).octets, 3u);
    EXPECT_FALSE(client_->is_quiet()) << "the rest of the record is no longer in the kernel";
    read(*client_);
    EXPECT_TRUE(client_->is_quiet());
    server_->shut_down();
    EXPECT_FALSE(client_->is_quiet());
}

TEST_F(TlsStreamTest, EndsInOrderOrNot) {
    shake_hands();
    std::array<char, 16> part;
    EXPECT_EQ(server_->shut_down().state, State::wants_read) << "for the other's close_notify";
    EXPECT_EQ(client_->read(part).state, State::ended);
    EXPECT_EQ(client_->shut_down().state, State::done);
    EXPECT_EQ(server_->shut_down().state, State::done);
}

TEST_F(TlsStreamTest, ACutConnectionEnds) {
    shake_hands();
    std::array<char, 16> part;
    ::shutdown(ends_[1], SHUT_RDWR);
    EXPECT_EQ(server_->read(part).state, State::ended);
    EXPECT_EQ(server_->write("x").state, State::ended) << "without a signal";
    EXPECT_EQ(server_->shut_down().state, State::ended);
}

// Attack 12: what was in the kernel's buffer behind STARTTLS is the beginning of TLS, or of nothing.
TEST_F(TlsStreamTest, PlainTextIsNoHandshake) {
    const std::string in_a_record("\x16\x03\x01\x00\x06QUIT\r\n", 11);
    for (const std::string& injected : {std::string("MAIL FROM:<e@x.example>\r\n"), in_a_record}) {
        TlsStream server(tls_->context(), ends_[0], TlsStream::Role::server);
        send_plain(injected);
        EXPECT_EQ(server.handshake().state, State::ended) << injected;
        EXPECT_EQ(server.handshake().state, State::ended) << "nor later";
        std::array<char, 64> part;
        EXPECT_EQ(server.read(part).state, State::ended);
    }
}

TEST_F(TlsStreamTest, AHandshakeHasABoundedNumberOfOctets) {
    // A ClientHello that says it has 128 KiB, in records that come without end.
    std::string record("\x16\x03\x01\x40\x00", 5);
    record += std::string("\x01\x01\xFF\x00", 4) + std::string(0x4000 - 4, '\0');
    send_plain(record);
    State state = server_->handshake().state;
    std::size_t records = 1;
    for (; records < 20 && state == State::wants_read; ++records) {
        std::string more("\x16\x03\x01\x40\x00", 5);
        send_plain(more + std::string(0x4000, '\0'));
        for (int i = 0; i < 8 && state == State::wants_read; ++i) state = server_->handshake().state;
    }
    EXPECT_EQ(state, State::ended);
    EXPECT_LE(records, 4u);
}

// Each of them makes OpenSSL derive a key and look for the next: an operation must end all the same.
TEST_F(TlsStreamTest, KeyUpdatesDoNotKeepItBusy) {
    const std::unique_ptr<SSL, decltype(&SSL_free)> peer(SSL_new(client_context_.get()), &SSL_free);
    SSL_set_fd(peer.get(), ends_[1]);
    SSL_set_connect_state(peer.get());
    for (int i = 0; i < 5; ++i) {
        SSL_do_handshake(peer.get());
        server_->handshake();
    }
    SSL_set0_wbio(peer.get(), BIO_new(BIO_s_mem()));
    for (int i = 0; i < 3000; ++i) {
        SSL_key_update(peer.get(), SSL_KEY_UPDATE_NOT_REQUESTED);
        ASSERT_EQ(SSL_do_handshake(peer.get()), 1);
    }
    send_plain(tests::text_of(SSL_get_wbio(peer.get())));
    std::array<char, 16> part;
    int turns = 0, left = 1;
    for (; turns < 1000 && left > 0; ++turns) {
        ASSERT_EQ(server_->read(part).state, State::wants_read);
        ::ioctl(ends_[0], FIONREAD, &left);
    }
    EXPECT_GT(turns, 2) << "others had a turn in between";
    EXPECT_EQ(left, 0);
}

}  // namespace
}  // namespace gatepost::gateway
