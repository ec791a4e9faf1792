#include "gateway/net/tls.h"

#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include "tests/support/certificates.h"
#include "tests/support/temporary_folder.h"

namespace gatepost::gateway {
namespace {

using config::TlsIdentity;
using tests::Certificate;
using tests::make_certificate;
using tests::TemporaryFolder;

TlsIdentity store(const TemporaryFolder& folder, const std::string& name, const Certificate& certificate,
                  config::Place place = {}) {
    return {folder.write(name + ".pem", certificate.certificate),
            folder.write(name + ".key", certificate.key), place};
}

struct Peer {
    Peer(SSL_CTX* context, bool is_server) : ssl(SSL_new(context), &SSL_free) {
        if (is_server) {
            SSL_set_accept_state(ssl.get());
        } else {
            SSL_set_connect_state(ssl.get());
        }
    }
    std::unique_ptr<SSL, decltype(&SSL_free)> ssl;
};

// A handshake in memory; what the server's certificate is called, or "" if there was no handshake.
struct Handshake {
    Handshake(TlsServer& server, const std::string& name, int version, const char* ciphers = nullptr)
        : context(SSL_CTX_new(TLS_client_method()), &SSL_CTX_free),
          client(prepared(version, ciphers), false),
          gateway(&server.context(), true) {
        BIO *left = nullptr, *right = nullptr;
        BIO_new_bio_pair(&left, 0, &right, 0);
        SSL_set_bio(client.ssl.get(), left, left);
        SSL_set_bio(gateway.ssl.get(), right, right);
        if (!name.empty()) SSL_set_tlsext_host_name(client.ssl.get(), name.c_str());
        for (int i = 0; i < 10; ++i) {
            const int there = SSL_do_handshake(client.ssl.get()), here = SSL_do_handshake(gateway.ssl.get());
            succeeded = there == 1 && here == 1;
        }
    }
    std::string names() const {
        const std::unique_ptr<X509, decltype(&X509_free)> peer(SSL_get1_peer_certificate(client.ssl.get()),
                                                               &X509_free);
        if (!succeeded || !peer) return "";
        const std::unique_ptr<GENERAL_NAMES, decltype(&GENERAL_NAMES_free)> all(
            static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(peer.get(), NID_subject_alt_name, nullptr, nullptr)),
            &GENERAL_NAMES_free);
        const ASN1_STRING* first = sk_GENERAL_NAME_value(all.get(), 0)->d.dNSName;
        return reinterpret_cast<const char*>(ASN1_STRING_get0_data(first));
    }
    SSL_CTX* prepared(int version, const char* ciphers) {
        SSL_CTX* ctx = context.get();
        SSL_CTX_set_security_level(ctx, 0);
        SSL_CTX_set_min_proto_version(ctx, version);
        SSL_CTX_set_max_proto_version(ctx, version);
        if (ciphers) SSL_CTX_set_cipher_list(ctx, ciphers);
        return ctx;
    }

    std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context;
    Peer client, gateway;
    bool succeeded = false;
};

class TlsServerTest : public testing::Test {
  protected:
    std::shared_ptr<TlsServer> server(const std::vector<TlsIdentity>& identities) {
        const auto made = TlsServer::make(identities, "gatepost.yaml");
        EXPECT_TRUE(made) << made.problem();
        return made ? *made : nullptr;
    }
    std::string problem(const TlsIdentity& identity) {
        const auto made = TlsServer::make({identity}, "gatepost.yaml");
        EXPECT_FALSE(made);
        return made.problem();
    }
    TemporaryFolder folder;
};

TEST_F(TlsServerTest, ChoosesTheCertificateByName) {
    const auto tls = server({store(folder, "a", make_certificate("DNS:mx.example.org,DNS:mail.example.org")),
                             store(folder, "b", make_certificate("DNS:MX.Example.NET")),
                             store(folder, "c", make_certificate("DNS:*.wild.example,DNS:mx.example.org"))});
    ASSERT_TRUE(tls);
    const struct {
        const char* reason;
        std::string asked, shown;
    } rows[] = {
        {"the first", "mx.example.org", "mx.example.org"},
        {"its second name", "mail.example.org", "mx.example.org"},
        {"another certificate", "mx.example.net", "MX.Example.NET"},
        {"without case", "mX.eXample.nEt", "MX.Example.NET"},
        {"a wildcard stands for one label", "a.wild.example", "*.wild.example"},
        {"and not for two", "a.b.wild.example", "mx.example.org"},
        {"nor for none", "wild.example", "mx.example.org"},
        {"an unknown name gets the default", "unknown.example", "mx.example.org"},
        {"no name, too", "", "mx.example.org"},
        {"one label", "localhost", "mx.example.org"},
    };
    for (const auto& row : rows) {
        for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
            EXPECT_EQ(Handshake(*tls, row.asked, version).names(), row.shown) << row.reason;
        }
    }
}

TEST_F(TlsServerTest, SpeaksNothingThatIsOldOrWeak) {
    const auto tls = server({store(folder, "a", make_certificate("DNS:mx.example.org"))});
    ASSERT_TRUE(tls);
    const struct {
        const char* reason;
        int version;
        const char* ciphers;
        bool succeeds;
    } rows[] = {
        {"TLS 1.3", TLS1_3_VERSION, nullptr, true},
        {"TLS 1.2", TLS1_2_VERSION, nullptr, true},
        {"TLS 1.1", TLS1_1_VERSION, nullptr, false},
        {"TLS 1.0", TLS1_VERSION, nullptr, false},
        {"AES with GCM", TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256", true},
        {"no forward secrecy", TLS1_2_VERSION, "AES128-GCM-SHA256", false},
        {"CBC", TLS1_2_VERSION, "ECDHE-ECDSA-AES128-SHA", false},
        {"no encryption", TLS1_2_VERSION, "eNULL:@SECLEVEL=0", false},
        {"no authentication", TLS1_2_VERSION, "aNULL:@SECLEVEL=0", false},
    };
    for (const auto& row : rows)
        EXPECT_EQ(Handshake(*tls, "", row.version, row.ciphers).succeeded, row.succeeds) << row.reason;
}

TEST_F(TlsServerTest, SaysWhatIsWrongAndWhere) {
    const Certificate good = make_certificate("DNS:mx.example.org"),
                      other = make_certificate("DNS:mx.example.org");
    const TlsIdentity stored = store(folder, "good", good, {7, 3});
    const std::string text = folder.write("text", "no PEM"), empty = folder.write("empty", "");
    const struct {
        const char* reason;
        TlsIdentity identity;
        std::string says;
    } rows[] = {
        {"no file",
         {folder / "nowhere.pem", stored.key, {7, 3}},
         "certificate " + (folder / "nowhere.pem") + " cannot be loaded: no such file"},
        {"no PEM", {text, stored.key, {7, 3}}, "certificate " + text + " cannot be loaded: "},
        {"empty", {empty, stored.key, {7, 3}}, "certificate " + empty + " cannot be loaded: "},
        {"no key file",
         {stored.certificate, folder / "nowhere.key", {7, 3}},
         "key " + (folder / "nowhere.key") + " cannot be loaded: no such file"},
        {"the certificate where the key should be",
         {stored.certificate, stored.certificate, {7, 3}},
         "key " + stored.certificate + " cannot be loaded: "},
        {"another's key", {stored.certificate, folder.write("other.key", other.key), {7, 3}}, "mismatch"},
    };
    for (const auto& row : rows) {
        const std::string what = problem(row.identity);
        EXPECT_TRUE(what.starts_with("gatepost.yaml:7:3: error: ")) << row.reason << ": " << what;
        EXPECT_NE(what.find(row.says), std::string::npos) << row.reason << ": " << what;
    }
}

TEST_F(TlsServerTest, KnowsWhenTheFirstCertificateExpires) {
    EXPECT_EQ(server({store(folder, "a", make_certificate("DNS:a.example", 30)),
                      store(folder, "b", make_certificate("DNS:b.example", 5))})
                  ->days_left(),
              5);
    EXPECT_EQ(server({store(folder, "c", make_certificate("DNS:c.example", 0))})->days_left(), 0);
    EXPECT_LT(server({store(folder, "d", make_certificate("DNS:d.example", -2))})->days_left(), 0);
}

}  // namespace
}  // namespace gatepost::gateway
