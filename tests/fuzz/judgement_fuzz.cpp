// A whole message with its DNS through verification, evidence and decision: nothing passes that was tampered
// with, nothing is aligned that did not verify, a DNS that is down refuses nobody, the number of questions is
// bounded, and what is written into header and reply holds no line end and no result that was not found.
#include <algorithm>
#include <cstdint>
#include <cstdio>

#include "auth/authentication_results.h"
#include "auth/authres_parse.h"
#include "auth/message_verifier.h"
#include "policy/judgement.h"
#include "protocol/ascii.h"
#include "protocol/field_cursor.h"
#include "tests/fuzz/hostile_mail.h"

using namespace gatepost;

namespace {

constexpr std::int64_t kNow = 1795000100;

void require(bool holds, int line = __builtin_LINE()) {
    if (holds) return;
    std::fprintf(stderr, "line %d does not hold\n", line);
    __builtin_trap();
}

struct Given {
    tests::HostileMail mail;
    auth::SpfClient client;
    std::string reverse_path;
    config::Settings settings;
};

Given given(tests::ByteSource& in) {
    static constexpr const char* kClients[] = {"192.0.2.7", "2001:db8::7", "127.0.0.1"};
    static constexpr const char* kHelos[] = {"mail.bank.example", "[192.0.2.7]", "x) evil=pass (",
                                             "our.example", "a"};
    Given given;
    given.client = {*protocol::IpAddress::parse(in.pick(kClients)), in.pick(kHelos), "mx.our.example", kNow};
    given.reverse_path =
        in.now_and_then(4) ? ""
                           : "b" + std::string(in.next(2) ? "" : "=SRS0=x") + "@" + tests::hostile_domain(in);
    auto& settings = given.settings;
    settings.hostname = settings.authserv_id = "mx.our.example";
    settings.domains = {*protocol::Domain::parse("our.example")};
    settings.policy.enforce = static_cast<config::Enforce>(in.next(3));
    settings.policy.strict_from = !in.now_and_then(4);
    settings.policy.dkim_testing_counts = in.next(2);
    settings.policy.refuse_single_label_od = in.next(2);
    given.mail = tests::hostile_mail(in);
    return given;
}

using Answers = std::function<auth::DnsAnswer(const auth::DnsQuestion&)>;

auth::Verification settle(auth::MessageVerifier& verifier, const Answers& answers) {
    auth::DnsFacts facts;
    for (int round = 0; round < 60; ++round) {
        auto verification = verifier.evaluate(facts);
        require(facts.questions() <= auth::DnsBudget().questions);
        if (facts.is_complete()) return verification;
        for (const auto& question : facts.take_missing()) {
            require(auth::is_askable(question.name));
            facts.learn(question, answers(question));
        }
    }
    __builtin_trap();  // it asks without end
}

policy::Judgement judged(const Given& given, const protocol::Header& header,
                         auth::Verification verification) {
    policy::Circumstances circumstances;
    circumstances.client = given.client.ip;
    circumstances.helo = given.client.helo;
    circumstances.reverse_path = given.reverse_path;
    circumstances.recipients = {"ann@our.example"};
    circumstances.today = std::chrono::sys_days(std::chrono::year(2026) / 11 / 23);
    return policy::judge(std::move(verification), circumstances, header, given.settings, "ref1");
}

void check_verification(const auth::Verification& v, const Given& given) {
    const auto passes = [](const auth::DkimOutcome& each) { return each.vouches(); };
    const bool has_pass = std::any_of(v.dkim.begin(), v.dkim.end(), passes);
    require(!given.mail.is_tampered || !has_pass);
    require(given.mail.is_signed || !has_pass);
    require(!v.dmarc.dkim_aligned || has_pass);
    require(!v.dmarc.spf_aligned || v.mail_from.result == auth::SpfResult::pass);
    if (v.dmarc.result == auth::DmarcResult::pass) require(v.dmarc.spf_aligned || v.dmarc.dkim_aligned);
    if (v.dmarc.result == auth::DmarcResult::fail) require(!v.dmarc.spf_aligned && !v.dmarc.dkim_aligned);
    require(v.iprev.names.empty() == (v.iprev.result != auth::IprevResult::pass));
}

void check_field(const std::string& field, std::string_view name) {
    require(field.starts_with(name) && field.ends_with("\r\n"));
    const auto block = protocol::Header::parse(field);
    require(block && block->size() == 1);  // one field, whatever went into it
    require(protocol::is_clean_text(protocol::unfolded((*block)[0].body)));
    for (std::size_t at = 0; at < field.size();) {
        const auto end = field.find("\r\n", at);
        require(end - at <= 998);
        at = end + 2;
    }
}

void check_claims(const policy::Judgement& judgement) {
    const auto& v = judgement.verification;
    const auto& text = judgement.authentication_results;
    const auto says = [&](const char* words) { return text.find(words) != std::string::npos; };
    const auto dkim = std::any_of(v.dkim.begin(), v.dkim.end(),
                                  [](auto& each) { return each.result == auth::DkimResult::pass; });
    require(!says("dkim=pass") || dkim);
    require(!says("dmarc=pass") || v.dmarc.result == auth::DmarcResult::pass);
    require(!says("spf=pass") || v.mail_from.result == auth::SpfResult::pass ||
            v.helo.result == auth::SpfResult::pass);
    require(!says("iprev=pass") || v.iprev.result == auth::IprevResult::pass);
    require(!says("\tarc=pass") && !says(" arc=pass") && !says("evil="));
}

void check_decision(const policy::Judgement& judgement, const Given& given) {
    const auto& decision = judgement.decision;
    const auto& v = judgement.verification;
    using enum policy::Action;
    if (given.settings.policy.enforce == config::Enforce::observe)
        require(decision.action == accept || decision.action == defer);
    if (v.dmarc.result == auth::DmarcResult::pass) require(decision.action == accept);
    const bool is_forged =
        v.dmarc.result == auth::DmarcResult::fail && v.dmarc.effective == auth::Policy::reject;
    if (is_forged && given.settings.policy.enforce != config::Enforce::observe)
        require(decision.action == reject || decision.action == quarantine);
    const int kind = decision.reply.code / 100;
    require(kind == (decision.action == reject ? 5 : decision.action == defer ? 4 : 2));
    for (const auto& line : decision.reply.lines) {
        require(line.size() <= 480);
        for (char c : line) require(protocol::is_ascii(c) && !protocol::is_control(c));
    }
    require(judgement.quarantine_field.empty() == (decision.action != quarantine));
    if (decision.action == quarantine) check_field(judgement.quarantine_field, "X-Gatepost-Quarantine: ");
}

// Whatever claims to come from us goes; nothing else does.
void check_removed(const policy::Judgement& judgement, const protocol::Header& header) {
    const std::vector<std::string> ours{"mx.our.example"};
    for (std::size_t i = 0; i < header.size(); ++i) {
        const bool is_removed = std::count(judgement.removed.begin(), judgement.removed.end(), i) > 0;
        const auto name = protocol::lowered(header[i].name);
        if (name == "authentication-results")
            require(is_removed == auth::claims_our_id(protocol::unfolded(header[i].body), ours));
        if (name == "x-gatepost-quarantine") require(is_removed);
        if (name == "from" || name == "subject" || name == "dkim-signature") require(!is_removed);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    tests::ByteSource in(data, size);
    const Given given = ::given(in);
    const tests::HostileZone zone(in, "mail.bank.example");
    const auto header = protocol::Header::parse(given.mail.block);
    if (!header) return 0;
    auth::DkimKeyCache keys;
    auth::SpfCache spf;
    auth::VerifierOptions options;
    options.dmarc.dkim_testing_counts = given.settings.policy.dkim_testing_counts;
    options.dmarc.refuse_single_label_od = given.settings.policy.refuse_single_label_od;
    auth::MessageVerifier verifier(*header, given.client, given.reverse_path, options, {&spf, &keys});
    verifier.body(given.mail.body);
    verifier.end_of_body();
    const auto answers = [&](const auth::DnsQuestion& question) { return zone.answer(question); };
    const auto judgement = judged(given, *header, settle(verifier, answers));
    check_verification(judgement.verification, given);
    check_field(judgement.authentication_results, "Authentication-Results: ");
    require(auth::parsed_authserv_id(judgement.authentication_results.substr(23)) == "mx.our.example");
    check_claims(judgement);
    check_decision(judgement, given);
    check_removed(judgement, *header);
    // Again, with what the caches hold now.
    const auto again = judged(given, *header, settle(verifier, answers));
    require(again.authentication_results == judgement.authentication_results);
    require(again.decision.action == judgement.decision.action);

    auth::MessageVerifier blind(*header, given.client, given.reverse_path, options, {});
    blind.body(given.mail.body);
    blind.end_of_body();
    const auto down = [](const auth::DnsQuestion&) { return auth::DnsAnswer{.why = "timeout"}; };
    const auto unclear = judged(given, *header, settle(blind, down));
    require(unclear.verification.dmarc.result != auth::DmarcResult::pass);
    if (blind.author().problem == protocol::AuthorProblem::none)
        require(unclear.decision.action == policy::Action::defer ||
                unclear.decision.action == policy::Action::accept);
    return 0;
}
