#include "gateway/server/session.h"

#include "gateway/log.h"
#include "gateway/relay/probe.h"
#include "gateway/server/dialogue_settings.h"
#include "gateway/server/findings.h"
#include "gateway/server/foresight.h"
#include "gateway/server/peer.h"
#include "gateway/server/pregreet.h"
#include "policy/relaying.h"
#include "protocol/trace.h"

namespace gatepost::gateway {
namespace {

using protocol::Reply;
namespace reply = protocol::reply;
using std::chrono::seconds;

constexpr unsigned kMaxForeseen = 6;

Reply as_reply(const policy::SmtpReply& decided) {
    return {decided.code, decided.enhanced, decided.lines};
}

}  // namespace

Session::Session(std::shared_ptr<Environment> environment, tcp::socket socket, protocol::IpAddress client,
                 Admission& admission)
    : environment_(std::move(environment)),
      settings_(environment_->settings),
      client_(client),
      peer_(facts_of(socket)),
      transport_(std::move(socket)),
      lists_(environment_, client_),
      dialogue_(dialogue_settings(*environment_, client)),
      admission_(admission),
      patience_(settings_.limits, Clock::now()) {}

void Session::came_through(const protocol::IpAddress& proxy, std::optional<std::uint16_t> client_port) {
    proxy_ = proxy;
    if (!client_port) return;
    peer_.port = *client_port;
    peer_.destination.reset();  // what the socket tells is where the proxy came in
}

awaitable<void> Session::serve(std::optional<Reply> refusal) {
    if (!refusal) {
        lists_.begin();
        const bool is_early = co_await talks_first(transport_, client_, settings_.defence.pregreet);
        talked_first_ = is_early;
        const bool is_refused =
            talked_first_ && settings_.defence.pregreet.action == config::PregreetAction::refuse;
        if (is_refused) refusal = reply::kTalkedFirst;
    }
    if (refusal) dialogue_.refuse_session(*refusal);
    for (;;) {
        const protocol::Action action = dialogue_.next();
        if (std::get_if<protocol::Close>(&action)) break;
        co_await act(action);
    }
    transaction_.reset();
    co_await transport_.close();
}

awaitable<void> Session::act(const protocol::Action& action) {
    const bool was_waiting = std::exchange(is_waiting_, false);
    if (const auto* send = std::get_if<protocol::Send>(&action)) {
        co_await this->send(send->bytes);
    } else if (std::get_if<protocol::Receive>(&action)) {
        is_waiting_ = was_waiting;
        co_await receive();
    } else if (const auto* content = std::get_if<protocol::Content>(&action)) {
        take_content(content->bytes);
    } else if (const auto* helo = std::get_if<protocol::JudgeHelo>(&action)) {
        co_await judge(*helo);
    } else if (const auto* mail = std::get_if<protocol::JudgeMail>(&action)) {
        judge(*mail);
    } else if (const auto* recipient = std::get_if<protocol::JudgeRecipient>(&action)) {
        co_await judge(*recipient);
    } else if (std::get_if<protocol::JudgeData>(&action)) {
        judge_data();
    } else if (std::get_if<protocol::JudgeMessage>(&action)) {
        const Reply answer = co_await verdict();
        dialogue_.answer(answer);
    } else if (const auto* refused = std::get_if<protocol::Refused>(&action)) {
        log_refusal(refused->reply);
    } else if (std::get_if<protocol::Forget>(&action)) {
        transaction_.reset();
        patience_.end_transaction();
    } else if (std::get_if<protocol::BeginTls>(&action)) {
        co_await begin_tls();
    }
}

void Session::shut_down() {
    dialogue_.shut_down();
    if (is_reading_) transport_.wake();  // a reply that is on its way, or a handshake, is not cut off
    if (delay_) delay_->cancel();
}

void Session::look_at_time() {
    if (is_reading_) transport_.set_deadline(patience_.deadline(idle_time()));
}

seconds Session::idle_time() const {
    return policy::idle_time(settings_.limits, admission_.sessions());
}

awaitable<void> Session::send(std::string_view bytes) {
    co_await delay();
    transport_.set_deadline(Clock::now() + settings_.limits.write_timeout);
    const bool sent = co_await transport_.write(bytes);
    if (!sent) dialogue_.client_gone();
}

// Makes those wait who made errors since the last reply. It costs a timer, and no more sessions than
// `delayed_sessions` at once.
awaitable<void> Session::delay() {
    const policy::Misdeeds now{dialogue_.delayable_errors(), dialogue_.refused_recipients()};
    const auto time = policy::delay_of(settings_.defence, std::exchange(misdeeds_, now), now);
    if (time.count() == 0 || !admission_.begin_delay(settings_.defence.delayed_sessions)) co_return;
    struct Delayed {
        Session& session;
        ~Delayed() {
            session.delay_ = nullptr;
            session.admission_.end_delay();
        }
    };
    const Delayed delayed{*this};
    asio::steady_timer timer(environment_->context, time);
    delay_ = &timer;
    co_await timer.async_wait(no_throw);
}

// No single octet resets the clock: the deadline of a line stands until the line is whole.
awaitable<void> Session::receive() {
    if (!std::exchange(is_waiting_, true)) patience_.wait_for_command(Clock::now());
    transport_.set_deadline(patience_.deadline(idle_time()));
    is_reading_ = true;
    const std::size_t got = co_await transport_.read_some(dialogue_.input_buffer());
    is_reading_ = false;
    if (got > 0) {
        patience_.came(got);
        dialogue_.received(got);
    } else if (transport_.take_wake()) {
        co_return;
    } else if (!transport_.timed_out()) {
        dialogue_.client_gone();
    } else if (patience_.is_over(Clock::now(), idle_time())) {
        dialogue_.out_of_time();
    }
}

awaitable<void> Session::begin_tls() {
    transport_.set_deadline(Clock::now() + settings_.limits.handshake_timeout);
    tls_ = environment_->tls;
    const bool is_safe = co_await transport_.accept_tls(tls_->context());
    if (is_safe) {
        dialogue_.tls_begun();
        co_return;
    }
    LogLine line("tls");
    log_info(line.add("client", client_.text()).add("state", "handshake failed"));
    dialogue_.client_gone();
}

auth::SpfClient Session::spf_client() const {
    return {client_, dialogue_.helo(), settings_.hostname, unix_time()};
}

// A name that does not fit the address is no reason to refuse (RFC 5321 section 4.1.4).
// What the reply offers is what the downstream can do now.
awaitable<void> Session::judge(const protocol::JudgeHelo& question) {
    auth::SpfClient client = spf_client();
    client.helo = question.name;
    if (may_foresee()) foresee_helo(environment_, client);
    probe_downstream(environment_);
    co_await environment_->relay.wait_for_capabilities();
    dialogue_.use(dialogue_settings(*environment_, client_));
    dialogue_.answer(reply::kOk);
}

void Session::judge(const protocol::JudgeMail& question) {
    const auto& domain = question.reverse_path.domain;
    if (domain && !dialogue_.is_tls() && settings_.require_tls.includes(*domain)) {
        log_refusal(reply::kTlsNeeded);
        return dialogue_.answer(reply::kTlsNeeded);
    }
    if (const auto refusal = admission_.mail(client_, settings_.limits, Clock::now())) {
        log_refusal(*refusal);
        dialogue_.answer(*refusal);
        return;
    }
    std::string id = fresh_id();
    Sender sender{question.reverse_path, question.parameters, client_facts(id)};
    transaction_.emplace(*environment_, spf_client(), std::move(sender), std::move(id));
    if (const auto full = transaction_->intake().refusal()) {
        log_refusal(*full);
        transaction_.reset();
        dialogue_.answer(*full);
        return;
    }
    patience_.begin_transaction(Clock::now());
    if (may_foresee()) foresee_mail_from(environment_, spf_client(), question.reverse_path.text());
    dialogue_.answer(reply::kSenderOk);
}

// A client that only says HELO and MAIL, over and over, makes us ask no more for it.
bool Session::may_foresee() {
    return ++foreseen_ <= kMaxForeseen;
}

protocol::ClientFacts Session::client_facts(const std::string& id) const {
    protocol::ClientFacts facts = peer_;
    facts.address = client_;
    facts.helo = dialogue_.helo();
    facts.is_extended = dialogue_.is_extended();
    facts.id = id;
    return facts;
}

awaitable<void> Session::judge(const protocol::JudgeRecipient& question) {
    std::optional<Reply> refusal = policy::refusal_of_recipient(question.recipient.path, settings_);
    if (!refusal) {
        std::optional<Reply> listed = co_await lists_.refusal_of(question.recipient.path);
        refusal = std::move(listed);
    }
    if (!refusal) {
        refusal = policy::refusal_of_further_recipient(transaction_->sender().reverse_path,
                                                       transaction_->recipients().size());
    }
    if (!refusal) refusal = admission_.recipient(client_, settings_.limits, Clock::now());
    if (refusal) {
        log_refusal(*refusal, question.recipient.path.text());
        dialogue_.answer(*refusal);
        co_return;
    }
    const Reply answer = co_await transaction_->intake().add_recipient(question.recipient);
    if (answer.is_positive()) {
        transaction_->recipients().push_back(question.recipient.path);
    } else {
        log_refusal(answer, question.recipient.path.text());
    }
    dialogue_.answer(answer);
}

void Session::judge_data() {
    patience_.begin_content(Clock::now());
    dialogue_.answer(reply::kStartContent);
}

void Session::take_content(std::string_view bytes) {
    transaction_->content(bytes);
    if (transaction_->take_header_event()) {
        environment_->resolver.prefetch(transaction_->verifier().questions());
    }
}

policy::Circumstances Session::circumstances() const {
    policy::Circumstances circumstances;
    circumstances.client = client_;
    circumstances.helo = dialogue_.helo();
    circumstances.reverse_path = transaction_->sender().reverse_path.text();
    circumstances.recipients = transaction_->recipient_texts();
    circumstances.listed_by = lists_.evidence();
    circumstances.talked_first =
        talked_first_ && settings_.defence.pregreet.action == config::PregreetAction::evidence;
    circumstances.today = std::chrono::floor<std::chrono::days>(std::chrono::system_clock::now());
    return circumstances;
}

awaitable<policy::Judgement> Session::verify() {
    auth::Verification verification;
    auth::DnsBudget budget;
    budget.questions = settings_.limits.dns_questions;
    auth::DnsFacts facts = environment_->resolver.facts(budget);
    const std::function<void(auth::DnsFacts&)> evaluate = [&](auth::DnsFacts& known) {
        verification = transaction_->verifier().evaluate(known);
    };
    const Deadline deadline = Clock::now() + settings_.limits.dns_timeout;
    co_await settle(environment_->resolver, deadline, facts, evaluate);
    co_await lists_.settle();
    co_return policy::judge(std::move(verification), circumstances(), transaction_->header(), settings_,
                            transaction_->id());
}

// The one late answer: judged at the end, handed over before the client hears of it.
awaitable<Reply> Session::verdict() {
    patience_.end_content();
    foreseen_ = 0;
    transport_.set_deadline(Deadline::max());  // nothing is waited for from the client meanwhile
    transaction_->end_of_content();
    if (const auto& refusal = transaction_->refusal()) {
        log_refusal(*refusal);
        if (!transaction_->body().problem().empty()) {
            LogLine line("buffer");
            log_error(line.add("id", transaction_->id()).add("why", transaction_->body().problem()));
        }
        co_return *refusal;
    }
    if (protocol::hops(transaction_->header()) > settings_.limits.hops) {
        log_refusal(reply::kMailLoop);
        co_return reply::kMailLoop;
    }
    const policy::Judgement judgement = co_await verify();
    Reply answer = as_reply(judgement.decision.reply);
    std::string downstream;
    if (judgement.is_relayed()) {
        answer = co_await hand_over(judgement);
        downstream = answer.text();
        if (answer.is_positive()) {
            answer.code = 250;  // RFC 5321 section 4.3.2, whatever the downstream said instead
            const char* const what = transaction_->intake().was_spooled() ? "Queued" : "Delivered";
            answer.lines.assign(1, std::string(what) + ", ref " + transaction_->id());
        }
    }
    log_message(judgement, answer, downstream);
    co_return answer;
}

awaitable<Reply> Session::hand_over(const policy::Judgement& judgement) {
    Outgoing message(judgement.authentication_results + judgement.quarantine_field +
                         received_field(judgement.verification),
                     transaction_->header(), judgement.removed, transaction_->has_body(),
                     transaction_->body());
    Intake::Findings findings =
        findings_of(judgement, transaction_->header(), transaction_->sender().reverse_path);
    co_return co_await transaction_->intake().take(message, std::move(findings));
}

std::string Session::received_field(const auth::Verification& verification) const {
    protocol::Trace trace;
    trace.helo = dialogue_.helo();
    const auto& iprev = verification.iprev;
    const std::string& reverse = iprev.names.empty() ? iprev.claimed : iprev.names.front();
    trace.reverse_name = protocol::Domain::parse(reverse);
    trace.client = client_;
    trace.hostname = settings_.hostname;
    trace.with =
        protocol::with_protocol({dialogue_.is_extended(), dialogue_.is_tls(), dialogue_.uses_smtputf8()});
    trace.tls_cipher = transport_.tls_cipher();
    trace.id = transaction_->id();
    if (transaction_->recipients().size() == 1) trace.recipient = transaction_->recipients().front().text();
    trace.time = std::chrono::floor<seconds>(std::chrono::system_clock::now());
    return protocol::received_field(trace);
}

}  // namespace gatepost::gateway
