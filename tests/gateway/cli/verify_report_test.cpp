#include "gateway/cli/verify_report.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace gatepost::gateway {
namespace {

using nlohmann::json;
using protocol::Domain;

policy::Judgement forged() {
    policy::Judgement judgement;
    auto& verification = judgement.verification;
    verification.helo = {auth::SpfResult::none, "mallory.example", "", "", "no SPF record"};
    verification.mail_from = {auth::SpfResult::fail, "bank.example",
                              "not \xff"
                              "from here",
                              "-all", ""};
    auth::DkimOutcome signature;
    signature.result = auth::DkimResult::fail;
    signature.signing_domain = *Domain::parse("bank.example");
    signature.selector = "s1";
    signature.algorithm = "rsa-sha256";
    signature.why = "body hash does not match";
    verification.dkim = {signature};
    auto& dmarc = verification.dmarc;
    dmarc.result = auth::DmarcResult::fail;
    dmarc.author_domain = dmarc.organizational_domain = dmarc.policy_domain = *Domain::parse("bank.example");
    dmarc.policy = dmarc.effective = auth::Policy::reject;
    judgement.evidence.items = {{policy::EvidenceKind::spf_fail_author, ""},
                                {policy::EvidenceKind::known_forwarder, "alumni"}};
    judgement.decision.action = judgement.decision.unobserved = policy::Action::reject;
    judgement.decision.why = "dmarc=fail";
    judgement.decision.reply = {550, "5.7.26", {"one", "two"}};
    judgement.authentication_results = "Authentication-Results: mx.example.org; none\r\n";
    return judgement;
}

TEST(VerifyJson, HasTheMembersThatScriptsRelyOn) {
    const std::string text = as_json(forged());
    EXPECT_EQ(text.find('\n'), text.size() - 1) << "one line";
    const json expected = json::parse(R"json({
        "spf": {"helo": {"domain": "mallory.example", "result": "none"},
                "mailfrom": {"domain": "bank.example", "result": "fail", "explanation": "not \ufffdfrom here"}},
        "dkim": [{"result": "fail", "domain": "bank.example", "selector": "s1", "algorithm": "rsa-sha256",
                  "reason": "body hash does not match"}],
        "arc": {"result": "none", "instances": 0},
        "dmarc": {"result": "fail", "from_domain": "bank.example", "org_domain": "bank.example",
                  "policy_domain": "bank.example", "policy": "reject", "disposition": "reject",
                  "spf_aligned": false, "dkim_aligned": false},
        "action": {"verdict": "reject", "code": 550, "enhanced": "5.7.26", "text": "one two",
                   "evidence": ["spf_fail_author", "known_forwarder(alumni)"]},
        "authentication_results": "Authentication-Results: mx.example.org; none\r\n"})json");
    EXPECT_EQ(json::parse(text), expected);
}

TEST(VerifyJson, SaysNoneWhereNothingWasFound) {
    const json report = json::parse(as_json({}));
    EXPECT_EQ(report["spf"]["helo"]["result"], "none");
    EXPECT_EQ(report["spf"]["mailfrom"]["result"], "none");
    EXPECT_EQ(report["dkim"], json::array());
    EXPECT_EQ(report["dmarc"]["result"], "none");
    EXPECT_EQ(report["dmarc"]["from_domain"], "");
    EXPECT_EQ(report["action"]["verdict"], "accept");
}

TEST(VerifyText, TellsPeopleWhatWouldHelp) {
    const std::string text = as_text(forged());
    for (const char* line :
         {"SPF MAIL    fail for bank.example",
          "DKIM        fail d=bank.example s=s1 rsa-sha256 (body hash does not match)",
          "evidence    spf_fail_author, known_forwarder(alumni)", "decision    reject (dmarc=fail)",
          "reply       550 5.7.26 one", "reply       550 5.7.26 two",
          "to mend it  the sender signs with DKIM as d=bank.example"}) {
        EXPECT_NE(text.find(line), std::string::npos) << line << "\nin\n" << text;
    }
}

}  // namespace
}  // namespace gatepost::gateway
