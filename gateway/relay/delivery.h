// Handing one message to the server behind us. Recipients are asked when the client names them; the message
// follows only after the verdict, and the answer to it is the downstream's.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "gateway/asio.h"
#include "gateway/relay/outcome.h"
#include "gateway/relay/sender.h"
#include "gateway/server/message_buffer.h"
#include "protocol/envelope.h"
#include "protocol/header.h"

namespace gatepost::gateway {

// The octets of a message in order, portion by portion.
class ContentReader {
  public:
    virtual ~ContentReader() = default;
    // Empty at the end. Valid until the next call, and to the end of the message if lasts().
    virtual std::string_view next() = 0;
    virtual bool lasts() const = 0;
    // It ended too early: its store could not be read.
    virtual bool failed() const = 0;
};

// A message as it goes out. It can be read several times, for several tries.
class Content {
  public:
    virtual ~Content() = default;
    virtual std::size_t size() const = 0;  // octets
    virtual std::unique_ptr<ContentReader> reader() = 0;
};

// A message that has just come in: fields of ours on top, the header without some of its fields, the body.
class Outgoing final : public Content {
  public:
    // `added`: whole fields with CRLF. `removed`: indices of header fields, ascending. `has_body`: an empty
    // line stands behind the header. Header and body must outlive it.
    Outgoing(std::string added, const protocol::Header& header, std::vector<std::size_t> removed,
             bool has_body, MessageBuffer& body)
        : added_(std::move(added)),
          header_(header),
          removed_(std::move(removed)),
          has_body_(has_body),
          body_(body) {}

    std::size_t size() const override;
    std::unique_ptr<ContentReader> reader() override;

  private:
    friend class OutgoingReader;
    std::string added_;
    const protocol::Header& header_;
    std::vector<std::size_t> removed_;
    bool has_body_;
    MessageBuffer& body_;
};

class Delivery {
  public:
    virtual ~Delivery() = default;
    virtual awaitable<Outcome> add_recipient(const protocol::Recipient& recipient) = 0;
    // Of each accepted recipient, in the order in which they were added; accepted: it is safe there. Comes at
    // most once, and last.
    virtual awaitable<std::vector<Outcome>> deliver(Content& message) = 0;
    // Once a recipient was accepted: whether each is answered for by itself at the end (LMTP), so that their
    // fates may differ.
    virtual bool answers_each() const { return false; }
    // Once a recipient was accepted: whether the server sends what NOTIFY=SUCCESS asks for.
    virtual bool confirms() const { return true; }
    // Where it goes, for the log.
    virtual std::string where() const = 0;
};

// Reads an Outgoing without a copy where it is in memory.
class OutgoingReader final : public ContentReader {
  public:
    explicit OutgoingReader(Outgoing& message) : message_(message) {}
    std::string_view next() override;
    bool lasts() const override { return scratch_ == nullptr; }
    bool failed() const override { return failed_; }

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
