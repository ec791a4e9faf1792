#include "gateway/cli/verify_report.h"

#include <nlohmann/json.hpp>

#include "protocol/ascii.h"

namespace gatepost::gateway {
namespace {

using nlohmann::ordered_json;
using policy::Judgement;

std::string text_of(const std::optional<protocol::Domain>& domain) {
    return domain ? domain->text() : "";
}

ordered_json json_of(const auth::SpfOutcome& spf) {
    return {{"domain", spf.domain}, {"result", name(spf.result)}};
}

ordered_json json_of(const auth::DkimOutcome& dkim) {
    return {{"result", name(dkim.result)},
            {"domain", text_of(dkim.signing_domain)},
            {"selector", dkim.selector},
            {"algorithm", dkim.algorithm},
            {"reason", dkim.why}};
}

ordered_json json_of(const auth::DmarcOutcome& dmarc) {
    return {{"result", name(dmarc.result)},
            {"from_domain", text_of(dmarc.author_domain)},
            {"org_domain", text_of(dmarc.organizational_domain)},
            {"policy_domain", text_of(dmarc.policy_domain)},
            {"policy", name(dmarc.policy)},
            {"disposition", name(dmarc.disposition())},
            {"spf_aligned", dmarc.spf_aligned},
            {"dkim_aligned", dmarc.dkim_aligned}};
}

ordered_json json_of(const policy::Decision& decision, const policy::Evidence& evidence) {
    return {{"verdict", name(decision.action)},
            {"code", decision.reply.code},
            {"enhanced", decision.reply.enhanced},
            {"text", decision.reply.text()},
            {"evidence", evidence.texts()}};
}

std::string in_parentheses(const std::string& text) {
    return text.empty() ? "" : " (" + text + ")";
}

void add_row(std::string& out, std::string_view label, const std::string& value) {
    out += label;
    out.append(label.size() < 12 ? 12 - label.size() : 1, ' ');
    out += protocol::escaped(value, 4000) + "\n";  // it may go to a terminal
}

std::string spf_row(const auth::SpfOutcome& spf) {
    std::string row(name(spf.result));
    if (!spf.domain.empty()) row += " for " + spf.domain;
    return row + in_parentheses(spf.result == auth::SpfResult::pass ? spf.mechanism : spf.why);
}

std::string dkim_row(const auth::DkimOutcome& dkim) {
    std::string row(name(dkim.result));
    row += " d=" + text_of(dkim.signing_domain) + " s=" + dkim.selector;
    if (!dkim.algorithm.empty()) row += " " + dkim.algorithm;
    return row + in_parentheses(dkim.why);
}

std::string dmarc_row(const auth::DmarcOutcome& dmarc) {
    std::string row(name(dmarc.result));
    if (dmarc.author_domain) row += " for " + dmarc.author_domain->text();
    if (dmarc.policy_domain) {
        row += ", policy " + std::string(name(dmarc.policy)) + " from " + dmarc.policy_domain->text();
        if (dmarc.effective != dmarc.policy) row += ", in test mode (t=y)";
        row += dmarc.spf_aligned ? ", SPF aligned" : ", SPF not aligned";
        row += dmarc.dkim_aligned ? ", DKIM aligned" : ", DKIM not aligned";
    }
    return row + in_parentheses(dmarc.why);
}

std::string remedy(const Judgement& judgement) {
    const auto& dmarc = judgement.verification.dmarc;
    if (dmarc.result != auth::DmarcResult::fail || !dmarc.author_domain) return {};
    const std::string domain = dmarc.author_domain->text();
    return "the sender signs with DKIM as d=" + domain + ", or uses a MAIL FROM below " +
           text_of(dmarc.organizational_domain) + " for which SPF passes";
}

std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (const auto& word : words) text += (text.empty() ? "" : ", ") + word;
    return text.empty() ? "none" : text;
}

}  // namespace

std::string as_json(const Judgement& judgement) {
    const auto& verification = judgement.verification;
    ordered_json mail_from = json_of(verification.mail_from);
    mail_from["explanation"] = verification.mail_from.explanation;
    ordered_json dkim = ordered_json::array();
    for (const auto& outcome : verification.dkim) dkim.push_back(json_of(outcome));
    const ordered_json report{
        {"spf", {{"helo", json_of(verification.helo)}, {"mailfrom", mail_from}}},
        {"dkim", dkim},
        {"arc", {{"result", name(verification.arc.result)}, {"instances", verification.arc.instances}}},
        {"dmarc", json_of(verification.dmarc)},
        {"action", json_of(judgement.decision, judgement.evidence)},
        {"authentication_results", judgement.authentication_results}};
    // Names out of the DNS may hold any octet; JSON may not.
    return report.dump(-1, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

std::string as_text(const Judgement& judgement) {
    const auto& verification = judgement.verification;
    std::string out;
    add_row(out, "SPF HELO", spf_row(verification.helo));
    add_row(out, "SPF MAIL", spf_row(verification.mail_from));
    if (verification.dkim.empty()) add_row(out, "DKIM", "none");
    for (const auto& outcome : verification.dkim) add_row(out, "DKIM", dkim_row(outcome));
    add_row(out, "DMARC", dmarc_row(verification.dmarc));
    add_row(out, "evidence", joined(judgement.evidence.texts()));
    add_row(out, "decision",
            std::string(name(judgement.decision.action)) + in_parentheses(judgement.decision.why));
    const auto& reply = judgement.decision.reply;
    for (const auto& line : reply.lines)
        add_row(out, "reply", std::to_string(reply.code) + " " + reply.enhanced + " " + line);
    if (const std::string mend = remedy(judgement); !mend.empty()) add_row(out, "to mend it", mend);
    return out;
}

}  // namespace gatepost::gateway
