// One client's session: the only loop that knows both bytes and judgements.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "gateway/client_lists.h"
#include "gateway/environment.h"
#include "gateway/transaction.h"
#include "gateway/transport.h"
#include "policy/judgement.h"
#include "protocol/dialogue.h"

namespace gatepost::gateway {

class Session {
  public:
    Session(std::shared_ptr<Environment> environment, tcp::socket socket, protocol::IpAddress client);

    // Until the client or we close. `refusal`: what to say instead of the greeting.
    awaitable<void> serve(std::optional<protocol::Reply> refusal);
    // 421 as soon as no transaction is running.
    void shut_down();

  private:
    awaitable<void> act(const protocol::Action& action);
    awaitable<void> receive();
    awaitable<void> begin_tls();
    void judge(const protocol::JudgeHelo& question);
    void judge(const protocol::JudgeMail& question);
    awaitable<void> judge(const protocol::JudgeRecipient& question);
    void judge_data();
    void take_content(std::string_view bytes);
    void note_refused(const protocol::Refused& refused);
    awaitable<protocol::Reply> verdict();
    awaitable<policy::Judgement> verify();
    awaitable<protocol::Reply> hand_over(const policy::Judgement& judgement);

    bool may_foresee();
    std::optional<protocol::Reply> refusal_of(const protocol::Path& recipient) const;
    auth::SpfClient spf_client() const;
    policy::Circumstances circumstances() const;
    std::string received_field(const auth::Verification& verification) const;
    void log_message(const policy::Judgement& judgement, const protocol::Reply& reply,
                     const std::string& downstream) const;
    void log_refusal(const protocol::Reply& reply, const std::string& recipient = {}) const;

    std::shared_ptr<Environment> environment_;
    const config::Settings& settings_;
    protocol::IpAddress client_;
    Transport transport_;
    ClientLists lists_;
    bool talked_first_ = false;
    unsigned foreseen_ = 0;  // HELO and MAIL since the last message whose look-ups were begun early
    protocol::Dialogue dialogue_;
    std::optional<Transaction> transaction_;
    Deadline content_deadline_ = Deadline::max();
    bool is_waiting_ = false;  // for the rest of a line that has begun: its deadline stands
};

}  // namespace gatepost::gateway
