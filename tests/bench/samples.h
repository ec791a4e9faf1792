// Messages as mail has them, signed, and the OpenSSL calls that verifying them cannot do without.
#pragma once

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "auth/dkim_sign.h"
#include "auth/dkim_signature.h"
#include "auth/dns_facts.h"

namespace gatepost::bench {

constexpr std::int64_t kNow = 1'800'000'000;

// Words, some lines indented, some quoted-printable, a blank line now and then.
inline std::string make_body(std::size_t size) {
    static constexpr std::string_view kLines[] = {
        "Dear colleague, the minutes of our last meeting are attached; please read them.\r\n",
        "    <td class=3D\"cell\" style=3D\"padding:0 4px\">  <a href=3D\"https://example.com/=\r\n",
        "aGVsbG8gd29ybGQsIHRoaXMgaXMgYmFzZTY0IGVuY29kZWQgdGV4dCBvZiBhbiBhdHRhY2htZW50Lg==\r\n",
        "\r\n",
        "On Tuesday we shall meet again, at the same hour and in the same place. \r\n",
    };
    std::string body;
    for (std::size_t i = 0; body.size() < size; ++i) body += kLines[i % std::size(kLines)];
    return body.substr(0, size - 2) + "\r\n";
}

inline constexpr char kHeader[] =
    "Received: from mail.example.com (mail.example.com [192.0.2.1])\r\n\tby mx.example.net with ESMTPS id "
    "4711\r\n"
    "\tfor <bob@example.net>; Tue, 1 Sep 2026 10:00:00 +0000\r\n"
    "From: Alice <alice@example.com>\r\nTo: Bob <bob@example.net>\r\nSubject: The minutes of the last "
    "meeting\r\n"
    "Date: Tue, 1 Sep 2026 10:00:00 +0000\r\nMessage-ID: <1234567890.abcdef@example.com>\r\nMIME-Version: "
    "1.0\r\n"
    "Content-Type: multipart/alternative; boundary=\"=_0123456789abcdef\"\r\nContent-Transfer-Encoding: "
    "8bit\r\n"
    "List-Unsubscribe: <https://example.com/unsubscribe/0123456789>\r\nX-Mailer: example 1.0\r\n";

inline auth::DnsAnswerPtr txt_answer(std::string text) {
    return std::make_shared<auth::DnsAnswer>(
        auth::DnsAnswer{.status = auth::DnsStatus::found, .ttl = 300, .texts = {std::move(text)}});
}

struct SignedMessage {
    std::string header;  // with `signatures` DKIM-Signature fields of example.com on top
    std::string body;
    std::string signed_octets;  // as many as the header hash of one signature takes
    std::map<auth::DnsQuestion, auth::DnsAnswerPtr> records;  // the keys
};

// All signatures are RSA-2048 and over the same header.
inline SignedMessage make_message(std::size_t body_size, int signatures,
                                  auth::Canonicalization mode = auth::Canonicalization::relaxed) {
    SignedMessage message{kHeader, make_body(body_size), {}, {}};
    const auto unsigned_header = protocol::Header::parse(kHeader);
    for (int i = 0; i < signatures; ++i) {
        const auto key = auth::PrivateKey::generate(auth::KeyType::rsa);
        const std::string selector = "s" + std::to_string(i);
        const std::string field = auth::sign(*unsigned_header, message.body, key,
                                             {.domain = *protocol::Domain::parse("example.com"),
                                              .selector = *protocol::Domain::parse(selector),
                                              .now = kNow,
                                              .header_canonicalization = mode,
                                              .body_canonicalization = mode});
        message.header = field + message.header;
        message.records[{auth::RecordType::txt, selector + "._domainkey.example.com"}] =
            txt_answer(auth::key_record(key));
    }
    const auto header = protocol::Header::parse(message.header);
    const auto tags = auth::parse_dkim_signature((*header)[0], 0);
    const auto fields = auth::SignedFields(*header).select(tags.signed_names, 0);
    message.signed_octets = auth::signed_header(*header, fields, (*header)[0], tags);
    return message;
}

// The body once and a header for each signature through SHA-256, and an RSA verification for each: OpenSSL
// alone, its contexts made beforehand.
class BareOpenssl {
  public:
    BareOpenssl() {
        std::size_t size = signature_.size();
        const Context signing(EVP_PKEY_CTX_new(key_.get(), nullptr), EVP_PKEY_CTX_free);
        EVP_PKEY_sign_init(signing.get());
        prepare(signing.get());
        EVP_PKEY_sign(signing.get(), signature_.data(), &size, digest_, sizeof digest_);
        EVP_PKEY_verify_init(verifying_.get());
        prepare(verifying_.get());
    }
    bool run(const SignedMessage& message, int signatures) {
        bool is_good = true;
        hash(message.body);
        for (int i = 0; i < signatures; ++i) {
            hash(message.signed_octets);
            is_good &= EVP_PKEY_verify(verifying_.get(), signature_.data(), signature_.size(), digest_,
                                       sizeof digest_) == 1;
        }
        return is_good;
    }

  private:
    using Context = std::unique_ptr<EVP_PKEY_CTX, void (*)(EVP_PKEY_CTX*)>;

    void prepare(EVP_PKEY_CTX* context) const {
        EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING);
        EVP_PKEY_CTX_set_signature_md(context, md_.get());
    }
    void hash(std::string_view octets) {
        unsigned char out[32];
        EVP_DigestInit_ex(hash_.get(), md_.get(), nullptr);
        EVP_DigestUpdate(hash_.get(), octets.data(), octets.size());
        EVP_DigestFinal_ex(hash_.get(), out, nullptr);
    }

    std::unique_ptr<EVP_MD, void (*)(EVP_MD*)> md_{EVP_MD_fetch(nullptr, "SHA256", nullptr), EVP_MD_free};
    std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> hash_{EVP_MD_CTX_new(), EVP_MD_CTX_free};
    std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> key_{EVP_RSA_gen(2048), EVP_PKEY_free};
    Context verifying_{EVP_PKEY_CTX_new(key_.get(), nullptr), EVP_PKEY_CTX_free};
    std::vector<unsigned char> signature_ = std::vector<unsigned char>(256);
    const unsigned char digest_[32] = {};
};

// Of this thread's processor time, so that neighbours on the machine count as little as can be.
template <class Work>
double microseconds(int times, Work work) {
    const auto now = [] {
        timespec time{};
        ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
        return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) / 1e3;
    };
    const double start = now();
    for (int i = 0; i < times; ++i) work();
    return (now() - start) / times;
}

constexpr double kTarget = 1.3;  // times what OpenSSL needs alone

struct Pair {
    double ours = 1e9, bare = 1e9;

    void print(const std::string& what) const {
        const double ratio = ours / bare;
        std::printf("%-40s  %8.0f messages/s  %7.1f us  OpenSSL %7.1f us  ratio %.2f  target %.1f %s\n",
                    what.c_str(), 1e6 / ours, ours, bare, ratio, kTarget,
                    ratio <= kTarget ? "met" : "NOT MET");
    }
};

// Best of many short rounds, the two alternating, so that a busy machine disturbs both or neither.
template <class Ours, class Bare>
Pair compare(Ours ours, Bare bare) {
    Pair best;
    for (int round = 0; round < 40; ++round) {
        best.ours = std::min(best.ours, microseconds(100, ours));
        best.bare = std::min(best.bare, microseconds(100, bare));
    }
    return best;
}

}  // namespace gatepost::bench
