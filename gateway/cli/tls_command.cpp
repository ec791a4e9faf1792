#include "gateway/cli/tls_command.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "gateway/net/certificate.h"
#include "protocol/ascii.h"

namespace gatepost::gateway {
namespace {

using CertificatePtr = std::unique_ptr<X509, decltype(&X509_free)>;

constexpr std::size_t kMaxChain = 20, kMaxShown = 300;

// What is known of one pair of files.
struct Shown {
    std::string file;
    std::vector<std::string> names;
    std::string issuer, key, not_before, not_after;
    int days_left = 0;
    bool covers_hostname = false;
    std::vector<std::string> problems, warnings;
    std::vector<std::string> tlsa;  // whole records
};

std::vector<CertificatePtr> read_chain(const std::string& file) {
    std::vector<CertificatePtr> chain;
    const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new_file(file.c_str(), "r"), &BIO_free);
    while (bio && chain.size() < kMaxChain) {
        CertificatePtr next(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr), &X509_free);
        if (!next) break;
        chain.push_back(std::move(next));
    }
    ERR_clear_error();
    return chain;
}

std::vector<std::string> names_of(X509* certificate) {
    std::vector<std::string> names = dns_names_of(certificate);
    for (auto& name : names) name = protocol::escaped(name, kMaxShown);
    return names;
}

std::string text_of(const X509_NAME* name) {
    const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new(BIO_s_mem()), &BIO_free);
    X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_RFC2253);
    char* data = nullptr;
    const auto size = BIO_get_mem_data(bio.get(), &data);
    return protocol::escaped({data, static_cast<std::size_t>(size)}, kMaxShown);
}

std::string key_of(X509* certificate) {
    EVP_PKEY* key = X509_get0_pubkey(certificate);
    if (!key) return "unknown";
    char group[64] = "";
    std::size_t size = 0;
    std::string text = EVP_PKEY_get0_type_name(key) ? EVP_PKEY_get0_type_name(key) : "unknown";
    if (EVP_PKEY_get_group_name(key, group, sizeof group, &size) == 1) return text + " " + group;
    return text + " " + std::to_string(EVP_PKEY_get_bits(key));
}

std::string time_of(const ASN1_TIME* time) {
    std::tm parts{};
    char text[32] = "";
    if (ASN1_TIME_to_tm(time, &parts) == 1) std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    return text;
}

// SHA-256 of the public key as it stands in the certificate: "3 1 1" and "2 1 1" (RFC 6698 section 2.1).
std::string key_digest(X509* certificate) {
    unsigned char* der = nullptr;
    const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    if (size > 0) EVP_Digest(der, static_cast<std::size_t>(size), digest, &length, EVP_sha256(), nullptr);
    OPENSSL_free(der);
    std::string text;
    for (unsigned i = 0; i < length; ++i) {
        char octet[3];
        std::snprintf(octet, sizeof octet, "%02x", digest[i]);
        text += octet;
    }
    return text;
}

bool is_issued_by(X509* certificate, X509* issuer) {
    return X509_check_issued(issuer, certificate) == X509_V_OK;
}

void check_chain(const std::vector<CertificatePtr>& chain, Shown& shown) {
    const bool is_own = is_issued_by(chain[0].get(), chain[0].get());
    if (chain.size() == 1 && !is_own) {
        shown.problems.push_back(
            "the certificate of its issuer is missing: the file needs the whole chain, without root");
    }
    for (std::size_t i = 1; i < chain.size(); ++i) {
        const std::string which = "certificate " + std::to_string(i + 1) + " of the file ";
        if (!is_issued_by(chain[i - 1].get(), chain[i].get()))
            shown.problems.push_back(which +
                                     "did not issue the one before it: wrong order, or not of this chain");
        if (days_left_of(chain[i].get()) < 0) shown.problems.push_back(which + "has expired");
    }
}

void check_time(X509* certificate, Shown& shown) {
    shown.days_left = days_left_of(certificate);
    if (X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0) {
        shown.problems.push_back("has expired");
    } else if (shown.days_left < kWarnDays) {
        shown.warnings.push_back("expires in " + std::to_string(shown.days_left) + " days");
    }
    if (X509_cmp_current_time(X509_get0_notBefore(certificate)) > 0)
        shown.problems.push_back("is not valid yet");
}

// For each port, of our own key and, if the file has it, of the authority that issued the certificate.
void add_records(const std::vector<CertificatePtr>& chain, const std::string& name,
                 const std::set<std::uint16_t>& ports, Shown& shown) {
    for (const auto port : ports) {
        const std::string begin = "_" + std::to_string(port) + "._tcp." + name + ". IN TLSA ";
        shown.tlsa.push_back(begin + "3 1 1 " + key_digest(chain[0].get()));
        const bool has_issuer = chain.size() > 1 && is_issued_by(chain[0].get(), chain[1].get());
        if (has_issuer) shown.tlsa.push_back(begin + "2 1 1 " + key_digest(chain[1].get()));
    }
}

Shown look_at(const config::Settings& settings, const config::TlsIdentity& identity, bool is_default) {
    Shown shown;
    shown.file = identity.certificate;
    const auto chain = read_chain(identity.certificate);
    if (chain.empty()) {
        shown.problems.push_back("cannot be read, or holds no certificate in PEM");
        return shown;
    }
    X509* own = chain[0].get();
    shown.names = names_of(own);
    shown.issuer = text_of(X509_get_issuer_name(own));
    shown.key = key_of(own);
    shown.not_before = time_of(X509_get0_notBefore(own));
    shown.not_after = time_of(X509_get0_notAfter(own));
    shown.covers_hostname = X509_check_host(own, settings.hostname.c_str(), 0, 0, nullptr) == 1;
    check_time(own, shown);
    check_chain(chain, shown);
    if (is_default && !shown.covers_hostname)
        shown.warnings.push_back("the default certificate is not for hostname, " + settings.hostname);
    // The name of the MX record is what senders ask for; of a further certificate it is one of its own.
    std::string name = settings.hostname;
    if (!is_default && !shown.covers_hostname) {
        const auto plain = std::find_if(shown.names.begin(), shown.names.end(),
                                        [](const std::string& each) { return !each.starts_with('*'); });
        if (plain == shown.names.end()) return shown;
        name = *plain;
    }
    std::set<std::uint16_t> ports;
    for (const auto& listener : settings.listeners) ports.insert(listener.endpoint.port);
    add_records(chain, name, ports, shown);
    return shown;
}

void print(const Shown& shown) {
    const auto line = [](const char* what, const std::string& text) {
        if (!text.empty()) std::printf("  %-8s %s\n", what, text.c_str());
    };
    std::printf("%s\n", shown.file.c_str());
    std::string names;
    for (const auto& name : shown.names) names += (names.empty() ? "" : ", ") + name;
    line("names", names);
    line("issuer", shown.issuer);
    line("key", shown.key);
    if (!shown.not_after.empty()) {
        line("valid", shown.not_before + " to " + shown.not_after + ", " + std::to_string(shown.days_left) +
                          " days left");
    }
    for (const auto& problem : shown.problems) line("PROBLEM", problem);
    for (const auto& warning : shown.warnings) line("warning", warning);
    for (const auto& record : shown.tlsa) line("publish", record);
}

nlohmann::ordered_json json_of(const Shown& shown) {
    return {{"file", shown.file},
            {"names", shown.names},
            {"issuer", shown.issuer},
            {"key", shown.key},
            {"not_before", shown.not_before},
            {"not_after", shown.not_after},
            {"days_left", shown.days_left},
            {"covers_hostname", shown.covers_hostname},
            {"problems", shown.problems},
            {"warnings", shown.warnings},
            {"tlsa", shown.tlsa}};
}

constexpr char kAdvice[] =
    "\nPublish one of the records of a certificate, or both, in a zone signed with DNSSEC. Before the key "
    "changes, add the"
    "\nrecord of the next one beside it and wait two TTLs; then take the next certificate into use, and the "
    "old record"
    "\nout. A renewal that keeps the key needs no change of \"3 1 1\".\n";

}  // namespace

int show_tls(const config::Settings& settings, TlsShow format) {
    bool is_good = true;
    auto all = nlohmann::ordered_json::array();
    for (const auto& identity : settings.tls) {
        const Shown shown = look_at(settings, identity, &identity == &settings.tls.front());
        is_good = is_good && shown.problems.empty();
        if (format == TlsShow::json) {
            all.push_back(json_of(shown));
        } else {
            print(shown);
        }
    }
    if (format == TlsShow::json) {
        const nlohmann::ordered_json report{{"hostname", settings.hostname}, {"certificates", all}};
        std::printf("%s\n", report.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace).c_str());
    } else {
        std::fputs(settings.tls.empty() ? "No certificates: STARTTLS is not offered.\n" : kAdvice, stdout);
    }
    return is_good ? 0 : 1;
}

}  // namespace gatepost::gateway
