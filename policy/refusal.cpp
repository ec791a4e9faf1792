#include "policy/refusal.h"

#include <algorithm>
#include <utility>

#include "protocol/ascii.h"

namespace gatepost::policy {
namespace {

using auth::DkimOutcome;
using auth::DkimResult;
using protocol::Domain;

constexpr std::size_t kMaxLine =
    480;  // with code and CRLF within the 512 octets of RFC 5321 section 4.5.3.1.5

SmtpReply reply(int code, std::string enhanced, std::vector<std::string> lines) {
    for (auto& line : lines) {
        line = protocol::escaped(line, kMaxLine);
        if (line.size() > kMaxLine) line = line.substr(0, kMaxLine - 3) + "...";
    }
    return {code, std::move(enhanced), std::move(lines)};
}

std::string reference_line(std::string_view reference) {
    return "ref " + std::string(reference);
}

std::string author_text(const auth::DmarcOutcome& dmarc) {
    return dmarc.author_domain ? dmarc.author_domain->text() : "unknown";
}

// "pass for example.com (not aligned)": a pass under a refusal is one that did not align.
std::string finding(std::string_view result, const std::optional<Domain>& domain, bool passed) {
    std::string text(result);
    if (domain) text += " for " + domain->text();
    return passed ? text + " (not aligned)" : text;
}

std::string spf_finding(const auth::SpfOutcome& spf) {
    const auto domain = spf.result == auth::SpfResult::none ? std::nullopt : Domain::parse(spf.domain);
    return "SPF " + finding(name(spf.result), domain, spf.result == auth::SpfResult::pass);
}

// The signature that says most: one of the author's own that failed, else one that passed, else the first.
const DkimOutcome* telling_signature(const auth::Verification& verification) {
    const auto& dkim = verification.dkim;
    const auto& author = verification.dmarc.author_domain;
    const auto is_authors = [&](const DkimOutcome& s) { return author && s.signing_domain == author; };
    const auto passed = [](const DkimOutcome& s) { return s.result == DkimResult::pass; };
    auto found = std::find_if(dkim.begin(), dkim.end(), is_authors);
    if (found == dkim.end()) found = std::find_if(dkim.begin(), dkim.end(), passed);
    if (found == dkim.end()) found = dkim.begin();
    return found == dkim.end() ? nullptr : &*found;
}

std::string dkim_finding(const auth::Verification& verification) {
    const auto* signature = telling_signature(verification);
    if (!signature) return "DKIM none";
    return "DKIM " +
           finding(name(signature->result), signature->signing_domain, signature->result == DkimResult::pass);
}

}  // namespace

SmtpReply acceptance() {
    return reply(250, "2.0.0", {"OK"});
}

SmtpReply dmarc_refusal(const auth::Verification& verification, const config::Settings& settings,
                        std::string_view reference) {
    const std::string author = author_text(verification.dmarc);
    std::vector<std::string> lines{
        "DMARC: From domain " + author + " asks to reject mail that it did not authenticate.",
        spf_finding(verification.mail_from) + ", " + dkim_finding(verification) + ".",
        "Sender: sign with d=" + author + ", or use its bounce domain."};
    const auto& url = settings.policy.remedy_url;
    if (!url.empty()) lines.push_back("Forwarder or list: " + url);
    lines.push_back(reference_line(reference));
    return reply(550, "5.7.26", std::move(lines));  // RFC 7372 section 3.3: several mechanisms failed
}

SmtpReply author_refusal(const auth::DmarcOutcome& dmarc, std::string_view reference) {
    return reply(550, "5.6.0",
                 {"The From field does not name one author: " + dmarc.why + ".",
                  "Sender: write one From field with plain addresses, and nothing else in it than names.",
                  reference_line(reference)});
}

SmtpReply dns_deferral(const auth::DmarcOutcome& dmarc, std::string_view reference) {
    return reply(451, "4.7.0",
                 {"DMARC: From domain " + author_text(dmarc) +
                      " could not be checked because of a DNS error, try later.",
                  reference_line(reference)});
}

}  // namespace gatepost::policy
