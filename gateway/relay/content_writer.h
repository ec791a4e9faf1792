// The content of one message on its way to the downstream: dot-stuffed behind DATA, or as it is in one BDAT
// chunk.
#pragma once

#include <vector>

#include "gateway/relay/delivery.h"
#include "gateway/relay/downstream_connection.h"
#include "protocol/mail_data.h"

namespace gatepost::gateway {

class ContentWriter {
  public:
    enum class Framing { dots, chunk };
    enum class Sent {
        whole,       // the reply can be waited for
        lost,        // the connection broke
        unreadable,  // our own copy could not be read to its end
        flawed       // bare CR, LF or NUL where none may be: a mistake of ours
    };

    // `octets`: as announced, message.size().
    ContentWriter(DownstreamConnection& connection, Content& message, Framing framing, std::size_t octets)
        : connection_(connection), reader_(message.reader()), framing_(framing), left_(octets) {}

    // Tells the dialogue of the end before the octets that make it leave. Unless it is `whole`, the content
    // has no end, and the connection must be given up.
    awaitable<Sent> write(Deadline deadline);

  private:
    // False: `portion` must not be sent.
    bool gather(std::string_view& portion);
    bool gather_end();
    bool is_full() const;
    awaitable<bool> flush();

    DownstreamConnection& connection_;
    std::unique_ptr<ContentReader> reader_;
    Framing framing_;
    std::size_t left_;  // octets of the chunk
    protocol::DotStuffer stuffer_;
    std::vector<asio::const_buffer> pieces_;
    std::size_t octets_ = 0;  // in pieces_
    bool has_ended_ = false;
};

}  // namespace gatepost::gateway
