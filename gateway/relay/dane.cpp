#include "gateway/relay/dane.h"

#include <openssl/err.h>
#include <openssl/x509.h>

#include <algorithm>
#include <iterator>
#include <memory>

namespace gatepost::gateway {
namespace {

using auth::DnsAnswer;
using auth::DnsStatus;
using auth::RecordType;
using Action = DanePlan::Action;

// RFC 7218.
constexpr unsigned kTrustAnchor = 2, kEndEntity = 3;
constexpr unsigned kCertificate = 0, kPublicKey = 1;
constexpr unsigned kFull = 0, kSha256 = 1, kSha512 = 2;

bool is_whole(const auth::TlsaRecord& record) {
    const auto* begin = reinterpret_cast<const unsigned char*>(record.data.data());
    const auto* at = begin;
    const auto size = static_cast<long>(record.data.size());
    bool is_read = false;
    if (record.selector == kCertificate) {
        is_read =
            std::unique_ptr<X509, decltype(&X509_free)>(d2i_X509(nullptr, &at, size), &X509_free) != nullptr;
    } else {
        is_read = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>(d2i_PUBKEY(nullptr, &at, size),
                                                                      &EVP_PKEY_free) != nullptr;
    }
    ERR_clear_error();
    return is_read && at == begin + size;
}

DanePlan deferred(const std::string& what, const DnsAnswer& answer) {
    return {Action::defer, {}, {}, "DANE: " + what + " could not be looked up: " + answer.why};
}

DanePlan plan_with(const std::string& base, const std::string& name,
                   const std::vector<auth::TlsaRecord>& records) {
    DanePlan plan{Action::authenticate, base, {}, {}};
    std::copy_if(records.begin(), records.end(), std::back_inserter(plan.records), is_usable);
    if (!plan.records.empty()) return plan;
    // RFC 7672 section 2.2: there is a record, so there is TLS.
    plan.action = Action::encrypt;
    plan.why = "DANE: no TLSA record of " + name + " is usable";
    return plan;
}

// The first of the names that has secure TLSA records decides.
DanePlan plan_of(const std::vector<std::string>& bases, std::uint16_t port, auth::DnsFacts& facts) {
    for (const auto& base : bases) {
        const std::string name = "_" + std::to_string(port) + "._tcp." + base;
        const DnsAnswer* answer = facts.find(RecordType::tlsa, name);
        if (!answer) return {};
        if (answer->status == DnsStatus::failed) return deferred("TLSA of " + name, *answer);
        if (answer->status == DnsStatus::found && answer->is_secure)
            return plan_with(base, name, answer->tlsas);
    }
    return {};
}

}  // namespace

bool is_usable(const auth::TlsaRecord& record) {
    if (record.usage != kTrustAnchor && record.usage != kEndEntity) return false;
    if (record.selector != kCertificate && record.selector != kPublicKey) return false;
    switch (record.matching) {
        case kFull: return is_whole(record);
        case kSha256: return record.data.size() == 32;
        case kSha512: return record.data.size() == 64;
        default: return false;
    }
}

DanePlan plan_dane(const std::string& host, std::uint16_t port, auth::DnsFacts& facts) {
    const DnsAnswer* const answers[] = {facts.find(RecordType::aaaa, host), facts.find(RecordType::a, host)};
    const DnsAnswer* found = nullptr;
    const DnsAnswer* failed = nullptr;
    bool is_secure = true;
    for (const auto* answer : answers) {
        if (!answer) return {};
        if (answer->status == DnsStatus::failed) failed = answer;
        if (answer->status != DnsStatus::found) continue;
        found = answer;
        is_secure = is_secure && answer->is_secure;
    }
    if (!found) return failed ? deferred("the address of " + host, *failed) : DanePlan();
    if (is_secure) {
        // RFC 7672 section 2.2.2: the name at the end of the aliases first, then the one that was configured.
        if (found->is_alias) return plan_of({found->canonical, host}, port, facts);
        return plan_of({host}, port, facts);
    }
    if (!found->is_alias) return {};
    // A secure alias may lead to where nothing is signed: the name itself can still have records.
    const DnsAnswer* alias = facts.find(RecordType::cname, host);
    if (!alias) return {};
    if (alias->status == DnsStatus::failed) return deferred("the alias " + host, *alias);
    if (alias->status != DnsStatus::found || !alias->is_secure) return {};
    return plan_of({host}, port, facts);
}

}  // namespace gatepost::gateway
