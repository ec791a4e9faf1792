// One client's session: the only loop that knows both bytes and judgements.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "gateway/environment.h"
#include "gateway/net/transport.h"
#include "gateway/server/admission.h"
#include "gateway/server/client_lists.h"
#include "gateway/server/transaction.h"
#include "policy/judgement.h"
#include "policy/patience.h"
#include "policy/tarpit.h"
#include "protocol/dialogue.h"

namespace gatepost::gateway {

class Session {
  public:
    Session(std::shared_ptr<Environment> environment, tcp::socket socket, protocol::IpAddress client,
            Admission& admission);

    // Before serve(): the client was named by this proxy, with its port there; or the proxy speaks for
    // itself.
    void came_through(const protocol::IpAddress& proxy, std::optional<std::uint16_t> client_port);
    // Until the client or we close. `refusal`: what to say instead of the greeting.
    awaitable<void> serve(std::optional<protocol::Reply> refusal);
    // 421 as soon as no transaction is running.
    void shut_down();
    // The time that clients have for a command may have changed.
    void look_at_time();

  private:
    awaitable<void> act(const protocol::Action& action);
    awaitable<void> receive();
    awaitable<void> send(std::string_view bytes);
    awaitable<void> delay();
    config::seconds idle_time() const;
    awaitable<void> begin_tls();
    awaitable<void> judge(const protocol::JudgeHelo& question);
    void judge(const protocol::JudgeMail& question);
    awaitable<void> judge(const protocol::JudgeRecipient& question);
    void judge_data();
    void take_content(std::string_view bytes);
    awaitable<protocol::Reply> verdict();
    awaitable<policy::Judgement> verify();
    awaitable<protocol::Reply> hand_over(const policy::Judgement& judgement);

    bool may_foresee();
    auth::SpfClient spf_client() const;
    protocol::ClientFacts client_facts(const std::string& id) const;
    policy::Circumstances circumstances() const;
    std::string received_field(const auth::Verification& verification) const;
    void log_message(const policy::Judgement& judgement, const protocol::Reply& reply,
                     const std::string& downstream) const;
    void log_refusal(const protocol::Reply& reply, const std::string& recipient = {}) const;

    std::shared_ptr<Environment> environment_;
    const config::Settings& settings_;
    protocol::IpAddress client_;
    protocol::ClientFacts peer_;  // both ends of the connection
    std::optional<protocol::IpAddress> proxy_;
    std::shared_ptr<TlsServer> tls_;  // of the handshake; the worker's may be renewed meanwhile
    Transport transport_;
    ClientLists lists_;
    bool talked_first_ = false;
    unsigned foreseen_ = 0;  // HELO and MAIL since the last message whose look-ups were begun early
    protocol::Dialogue dialogue_;
    Admission& admission_;
    std::optional<Transaction> transaction_;
    policy::Patience patience_;
    policy::Misdeeds misdeeds_;  // those whose replies have waited
    asio::steady_timer* delay_ = nullptr;
    bool is_waiting_ = false;  // for the rest of a line that has begun: its deadline stands
    bool is_reading_ = false;
};

}  // namespace gatepost::gateway
