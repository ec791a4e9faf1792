// One message on its way through: envelope, header, body and the checks that run while it arrives. Gone at
// RSET, EHLO and the end of the message.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/message_verifier.h"
#include "gateway/environment.h"
#include "gateway/server/message_buffer.h"
#include "gateway/spool/intake.h"
#include "protocol/header.h"

namespace gatepost::gateway {

class Transaction {
  public:
    Transaction(Environment& environment, auth::SpfClient client, Sender sender, std::string id);

    // Content as it arrives, dots unstuffed.
    void content(std::string_view bytes);
    void end_of_content();
    // Set as soon as the header has come whole; then once true.
    bool take_header_event();
    // The refusal that the content itself calls for, if any: malformed or oversized header, no room.
    const std::optional<protocol::Reply>& refusal() const { return refusal_; }

    const std::string& id() const { return id_; }
    const Sender& sender() const { return sender_; }
    std::vector<protocol::Path>& recipients() { return recipients_; }
    const std::vector<protocol::Path>& recipients() const { return recipients_; }
    std::vector<std::string> recipient_texts() const;
    Intake& intake() { return intake_; }
    const Intake& intake() const { return intake_; }
    std::string downstream_name() const { return intake_.where(); }
    const protocol::Header& header() const { return *header_; }
    auth::MessageVerifier& verifier() { return *verifier_; }
    MessageBuffer& body() { return body_; }
    bool has_body() const { return has_body_; }
    std::size_t size() const { return size_; }
    Clock::time_point began() const { return began_; }

  private:
    void add_to_header(std::string_view bytes);
    void header_is_whole(std::size_t octets);
    void add_to_body(std::string_view bytes);

    Environment& environment_;
    auth::SpfClient client_;
    Sender sender_;
    std::string id_;
    std::vector<protocol::Path> recipients_;
    Intake intake_;
    std::string header_text_;
    std::optional<protocol::Header> header_;
    std::optional<auth::MessageVerifier> verifier_;
    MessageBuffer body_;
    std::optional<protocol::Reply> refusal_;
    bool has_body_ = false;
    bool header_event_ = false;
    std::size_t size_ = 0;
    Clock::time_point began_ = Clock::now();
};

auth::VerifierOptions verifier_options(const config::Settings& settings);
std::int64_t unix_time();
// How a message is found in the log: short, of letters and digits, never given twice.
std::string fresh_id();

}  // namespace gatepost::gateway
