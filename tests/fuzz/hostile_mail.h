// Bytes to a message with a genuine signature that may have been tampered with, and to a DNS that answers any
// question out of small vocabularies, so that records, identities and headers meet each other.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "auth/dkim_sign.h"
#include "auth/dns_facts.h"
#include "protocol/header.h"
#include "tests/support/byte_source.h"

namespace gatepost::tests {

inline const auth::PrivateKey& fuzz_key() {
    static const auto key = auth::PrivateKey::from_pem(
        "-----BEGIN PRIVATE KEY-----\n"
        "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
        "-----END PRIVATE KEY-----\n");  // the key of RFC 8463 appendix A
    return *key;
}

inline std::string hostile_domain(ByteSource& in) {
    static constexpr const char* kDomains[] = {"bank.example",
                                               "mail.bank.example",
                                               "a.b.c.d.e.f.g.h.i.bank.example",
                                               "our.example",
                                               "sub.our.example",
                                               "vendor.example",
                                               "example",
                                               "co.example",
                                               "shop.co.example",
                                               "xn--caf-dma.example"};
    return in.pick(kDomains);
}

// Answers by type and name; the same question always gets the same answer.
class HostileZone {
  public:
    HostileZone(ByteSource& in, std::string client_name) : client_name_(std::move(client_name)) {
        for (auto& choice : choices_) choice = static_cast<std::uint8_t>(in.next(256));
        raw_ = in.raw(40);
    }

    auth::DnsAnswer answer(const auth::DnsQuestion& question) const {
        const unsigned choice = choice_of(question);
        if (choice % 16 == 15) return {.status = auth::DnsStatus::failed, .ttl = 5, .why = "SERVFAIL"};
        if (choice % 16 == 14) return {.status = auth::DnsStatus::nx_domain, .ttl = 60};
        auth::DnsAnswer answer{.status = auth::DnsStatus::found, .ttl = 60};
        using enum auth::RecordType;
        switch (question.type) {
            case txt: answer.texts = texts(question.name, choice); break;
            case a: answer.addresses = {address(choice % 3 == 0 ? "192.0.2.7" : "198.51.100.1")}; break;
            case aaaa: answer.addresses = {address(choice % 3 == 0 ? "2001:db8::7" : "2001:db8::1")}; break;
            case mx: answer.exchanges.assign(1 + choice % 12, {10, "mail.bank.example"}); break;
            case ptr: answer.names.assign(1 + choice % 12, choice & 16 ? client_name_ : raw_name()); break;
            case cname:
            case tlsa: break;  // no check of a message asks for them
        }
        const bool has_any = !answer.texts.empty() || !answer.addresses.empty() ||
                             !answer.exchanges.empty() || !answer.names.empty();
        if (!has_any) answer.status = auth::DnsStatus::no_data;
        return answer;
    }

  private:
    static protocol::IpAddress address(const char* text) { return protocol::IpAddress::parse(text).value(); }
    unsigned choice_of(const auth::DnsQuestion& question) const {
        unsigned hash = 17 + static_cast<unsigned>(question.type);
        for (char c : question.name) hash = hash * 31 + static_cast<unsigned char>(c);
        return choices_[(hash ^ (hash >> 8)) % std::size(choices_)];
    }
    std::string raw_name() const {
        return raw_.empty() || raw_.find('.') != std::string::npos ? "x" : raw_ + ".example";
    }

    std::vector<std::string> texts(const std::string& name, unsigned choice) const {
        static constexpr const char* kPolicies[] = {"v=DMARC1; p=reject",
                                                    "v=DMARC1; p=quarantine",
                                                    "v=DMARC1; p=none; sp=reject",
                                                    "v=DMARC1; p=reject; psd=y",
                                                    "v=DMARC1; p=reject; psd=n",
                                                    "v=DMARC1; p=reject; t=y",
                                                    "v=DMARC1; p=reject; adkim=s; aspf=s",
                                                    "v=DMARC1; p=reject; np=none",
                                                    "v=DMARC1; rua=mailto:a@b",
                                                    "v=DMARC1; p=bogus",
                                                    "v=DMARC1",
                                                    "v=DMARC1; p=reject; pct=0"};
        static constexpr const char* kSpf[] = {"v=spf1 +all",
                                               "v=spf1 -all",
                                               "v=spf1 ip4:192.0.2.7 ~all",
                                               "v=spf1 include:bank.example -all",
                                               "v=spf1 a mx ptr -all",
                                               "v=spf1 exists:%{l}.%{i}.%{h} -all exp=%{o}",
                                               "v=spf1 redirect=%{d}",
                                               "v=spf1 a a a a a a a a a a a -all",
                                               "v=spf1 foo",
                                               ""};
        static const std::string kKeys[] = {
            auth::key_record(fuzz_key()), auth::key_record(fuzz_key()),
            auth::key_record(fuzz_key()) + "; t=y",
            "v=DKIM1; p=", "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURs="};
        if ((choice >> 5) == 7) return {raw_};
        if (name.starts_with("_dmarc."))
            return some(kPolicies[choice % std::size(kPolicies)], choice, "v=DMARC1; p=none");
        if (name.find("._domainkey.") != std::string::npos)
            return some(kKeys[choice % std::size(kKeys)], choice, "v=DKIM1; p=");
        return some(kSpf[choice % std::size(kSpf)], choice, "v=spf1 -all");
    }
    // Now and then a second record stands beside it, or a foreign one.
    static std::vector<std::string> some(const std::string& text, unsigned choice, const char* second) {
        if ((choice >> 4) % 8 == 5) return {text, second};
        if ((choice >> 4) % 8 == 6) return {"google-site-verification=x", text};
        return {text};
    }

    std::uint8_t choices_[24];
    std::string raw_, client_name_;
};

struct HostileMail {
    std::string block;  // the header
    std::string body;
    bool is_signed = false;
    bool is_tampered = false;  // what was signed is no longer what is there
};

inline std::string hostile_from(ByteSource& in) {
    const auto domain = hostile_domain(in);
    switch (in.next(20)) {
        case 0: return "From: \"Boss <boss@our.example>\" <a@" + domain + ">\r\n";
        case 1: return "From: a@" + domain + ", b@" + hostile_domain(in) + "\r\n";
        case 2: return "From : x <a@" + domain + ">\r\n";
        case 3: return "From: group: a@" + domain + ";\r\n";
        case 4: return "From:\r\n (c (d) \\) ) a@\r\n " + domain + "\r\n";
        case 5: return "From: " + in.raw(30) + "@" + domain + "\r\n";
        case 6: return "From: a@b@" + domain + "\r\n";
        case 7: return "From: a@" + domain + "\r\nFROM: a@" + hostile_domain(in) + "\r\n";
        case 8: return "From: <a@\xc3\xa9.example>\r\n";
        case 9: return "";
        default: return "From: Alice <a@" + domain + ">\r\n";
    }
}

inline HostileMail hostile_mail(ByteSource& in) {
    static constexpr const char* kFields[] = {
        "Received: from a by b; Mon, 23 Nov 2026 10:00:00 +0000\r\n",
        "Authentication-Results: mx.our.example; dmarc=pass header.from=bank.example\r\n",
        "Authentication-Results: (mx) MX.OUR.EXAMPLE 1; spf=pass\r\n",
        "Authentication-Results: else.example; dkim=pass\r\n",
        "X-Gatepost-Quarantine: no\r\n",
        "List-Id: <l.vendor.example>\r\nList-Post: <mailto:l@vendor.example>\r\n",
        "Received-SPF: pass receiver=mx.our.example\r\n",
        "Sender: s@vendor.example\r\n",
        "DKIM-Signature: v=1; a=rsa-sha256; d=bank.example; s=x; h=from; bh=AAAA; b=AAAA\r\n"};
    HostileMail mail;
    mail.block = hostile_from(in);
    for (unsigned fields = in.next(5); fields > 0; --fields) mail.block += in.pick(kFields);
    mail.block += "Subject: hello\r\n";
    mail.body = in.next(4) ? "Hello,  world.\r\n\r\n" : in.raw(60);
    const auto header = protocol::Header::parse(mail.block);
    if (!header || in.now_and_then(4)) return mail;
    const auto domain = protocol::Domain::parse(hostile_domain(in)), selector = protocol::Domain::parse("s");
    auth::SigningOptions options{*domain, *selector, 1795000000};
    if (in.now_and_then(6)) options.expiration = 1795000001 + in.next(3) * 1000;
    using enum auth::Canonicalization;
    options.header_canonicalization = in.next(2) ? relaxed : simple;
    options.body_canonicalization = in.next(2) ? relaxed : simple;
    if (!header->find("From").empty()) {
        mail.block = auth::sign(*header, mail.body, fuzz_key(), options) + mail.block;
        mail.is_signed = true;
    }
    switch (in.next(12)) {
        case 0: mail.body += "more\r\n"; break;
        case 1: mail.block += "Subject: another\r\n"; break;  // over-signed: none may be added
        case 2: mail.block += "From: x@bank.example\r\n"; break;
        case 3: mail.body.insert(0, "x"); break;
        default: return mail;
    }
    mail.is_tampered = mail.is_signed;
    return mail;
}

}  // namespace gatepost::tests
