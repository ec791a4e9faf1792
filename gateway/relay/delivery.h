// Handing one message to the server behind us. Recipients are asked when the client names them; the message
// follows only after the verdict, and the answer to it is the downstream's.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "gateway/asio.h"
#include "gateway/server/message_buffer.h"
#include "protocol/announcement.h"
#include "protocol/envelope.h"
#include "protocol/header.h"
#include "protocol/reply.h"

namespace gatepost::gateway {

// What is known of the message when the first recipient is named.
struct Sender {
    protocol::Path reverse_path;
    protocol::MailParameters parameters;
    protocol::ClientFacts client = {};  // for a downstream that wants to know whom it came from
};

// The message as it goes out: fields of ours on top, the header without some of its fields, the body.
struct Outgoing {
    std::string added;  // whole fields with CRLF
    const protocol::Header& header;
    std::vector<std::size_t> removed;  // indices of header fields, ascending
    bool has_body = false;             // an empty line stands behind the header
    MessageBuffer& body;
};

// Octets of the whole.
std::size_t size_of(const Outgoing& message);

class Delivery {
  public:
    virtual ~Delivery() = default;
    virtual awaitable<protocol::Reply> add_recipient(const protocol::Recipient& recipient) = 0;
    // 2yz: it is safe there. Comes at most once, and last.
    virtual awaitable<protocol::Reply> deliver(Outgoing& message) = 0;
    // Where it goes, for the log.
    virtual std::string where() const = 0;
};

// The portions of `message` in order, without a copy where they are in memory.
class OutgoingReader {
  public:
    explicit OutgoingReader(Outgoing& message) : message_(message) {}
    // Empty at the end. Valid until the next call, and to the end of the message if lasts().
    std::string_view next();
    bool lasts() const { return scratch_ == nullptr; }
    // The body could not be read to its end.
    bool failed() const { return failed_; }

  private:
    std::string_view next_of_header();

    enum class Part { added, header, separator, body, end };
    Outgoing& message_;
    Part part_ = Part::added;
    std::size_t field_ = 0, removed_ = 0, offset_ = 0;
    std::unique_ptr<char[]> scratch_;
    bool failed_ = false;
};

}  // namespace gatepost::gateway
