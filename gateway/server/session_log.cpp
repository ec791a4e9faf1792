// What a session says in the log: one line a message, one a refusal.
#include "gateway/log.h"
#include "gateway/server/findings.h"
#include "gateway/server/session.h"

namespace gatepost::gateway {
namespace {

using protocol::Reply;

std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (const auto& word : words) text += (text.empty() ? "" : ",") + word;
    return text;
}

std::string domain_text(const std::optional<protocol::Domain>& domain) {
    return domain ? domain->text() : "";
}

}  // namespace

void Session::log_message(const policy::Judgement& judgement, const Reply& reply,
                          const std::string& downstream) const {
    const auto& [iprev, helo, mail_from, dkim, arc, dmarc] = judgement.verification;
    const auto& decision = judgement.decision;
    const auto took =
        std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - transaction_->began());
    LogLine line("message");
    line.add("id", transaction_->id())
        .add("client", client_.text())
        .maybe("proxy", proxy_ ? proxy_->text() : "")
        .add("rdns", iprev.names.empty() ? "unknown" : iprev.names.front())
        .add("helo", dialogue_.helo())
        .add("from", "<" + transaction_->sender().reverse_path.text() + ">")
        .add("to", "<" + joined(transaction_->recipient_texts()) + ">")
        .add("size", transaction_->size())
        .add("tls", transport_.is_tls() ? transport_.tls_cipher() : "none")
        .add("author", domain_text(dmarc.author_domain))
        .add("spf", name(mail_from.result))
        .add("spf_helo", name(helo.result))
        .add("dkim", dkim_summary(dkim))
        .add("dmarc", name(dmarc.result))
        .add("policy", name(dmarc.policy))
        .add("action", policy::name(decision.action))
        .maybe("observed", decision.unobserved == decision.action ? "" : policy::name(decision.unobserved))
        .maybe("override",
               decision.overridden == policy::Override::none ? "" : policy::name(decision.overridden))
        .maybe("evidence", joined(judgement.evidence.texts()))
        .add("why", decision.why)
        .add("reply", reply.text())
        .add("ms", static_cast<std::uint64_t>(took.count()));
    if (const auto times = dialogue_.unauthorized_pipelining()) line.add("unauthorized_pipelining", times);
    // Who took it, if anybody has already; what becomes of the rest is told by `delivery` lines.
    const Intake& intake = transaction_->intake();
    if (intake.was_spooled()) line.add("spooled", "yes");
    if (!downstream.empty() && !intake.was_spooled_for_all())
        line.maybe("downstream", transaction_->downstream_name()).add("answer", downstream);
    log_info(line);
}

void Session::log_refusal(const Reply& reply, const std::string& recipient) const {
    LogLine line("refused");
    line.maybe("id", transaction_ ? transaction_->id() : "")
        .add("client", client_.text())
        .maybe("proxy", proxy_ ? proxy_->text() : "")
        .add("helo", dialogue_.helo());
    if (transaction_) line.add("from", "<" + transaction_->sender().reverse_path.text() + ">");
    if (!recipient.empty()) line.add("to", "<" + recipient + ">");
    log_info(line.add("reply", reply.text()));
}

}  // namespace gatepost::gateway
