#include "gateway/relay/content_writer.h"

#include "tests/gateway/relay/downstream_peer.h"

namespace gatepost::gateway {
namespace {

using Framing = ContentWriter::Framing;
using Sent = ContentWriter::Sent;

struct Written {
    Sent sent = Sent::lost;
    std::string wire;  // behind DATA or BDAT
    bool is_end_announced = false;
};

// The content as far as it goes, to a server that reads all of it.
Written written(const std::string& body, Framing framing, std::ptrdiff_t too_many = 0) {
    asio::io_context context;
    DownstreamPeer peer(context);
    const auto header = protocol::Header::parse("A: 1\r\n");
    MessageBuffer buffer("/nowhere", 1 << 20);
    EXPECT_TRUE(buffer.append(body));
    Outgoing message{"Received: x\r\n", *header, {}, true, buffer};
    auto& connection = *peer.connection;
    const std::size_t octets = message.size() + static_cast<std::size_t>(too_many);
    if (framing == Framing::dots) {
        connection.dialogue.data();
        peer.say("354 Go on\r\n");
    } else {
        connection.dialogue.last_chunk(octets);
    }
    const Deadline deadline = Clock::now() + std::chrono::seconds(30);
    asio::co_spawn(context, finish_request(connection, deadline),
                   [&](std::exception_ptr, protocol::ClientAction) { context.stop(); });
    context.run_for(std::chrono::seconds(30));
    EXPECT_NE(peer.heard(), "") << "DATA or BDAT";
    Written result;
    ContentWriter writer(connection, message, framing, octets);
    asio::co_spawn(context, writer.write(deadline), [&](std::exception_ptr exception, Sent sent) {
        EXPECT_FALSE(exception);
        result.sent = sent;
        context.stop();
    });
    context.restart();
    context.run_for(std::chrono::seconds(30));
    result.wire = peer.heard();
    connection.dialogue.connection_lost();
    const auto action = connection.dialogue.next();
    const auto* failed = std::get_if<protocol::ClientFailed>(&action);
    result.is_end_announced = failed && failed->outcome_is_unknown;
    return result;
}

const std::string kTop = "Received: x\r\nA: 1\r\n\r\n";

TEST(ContentWriter, StuffsDotsAndEndsWithOne) {
    const auto result = written(".a\r\nb\r\n.\r\n", Framing::dots);
    EXPECT_EQ(result.sent, Sent::whole);
    EXPECT_EQ(result.wire, kTop + "..a\r\nb\r\n..\r\n.\r\n");
    EXPECT_TRUE(result.is_end_announced) << "from the dot on the outcome is unknown";
}

// specs/smtp.md M-22: whatever went wrong before, one message is lost and none is smuggled.
TEST(ContentWriter, GivesUpAtABareLineEndOrNul) {
    for (const std::string& flaw :
         {std::string("\n.\n"), std::string("\r.\r"), std::string("\n.\r\n"), std::string("\r\n.\n"),
          std::string("a\rb"), std::string("\0", 1), std::string("\r\n\0.\r\n", 6)}) {
        const auto result = written("text" + flaw + "MAIL FROM:<>\r\n", Framing::dots);
        EXPECT_EQ(result.sent, Sent::flawed) << testing::PrintToString(flaw);
        EXPECT_FALSE(result.is_end_announced);
        EXPECT_EQ(result.wire.find("\r\n.\r\n"), std::string::npos);
        EXPECT_EQ(result.wire.find("MAIL"), std::string::npos) << testing::PrintToString(flaw);
    }
    EXPECT_EQ(written("no end\r", Framing::dots).sent, Sent::flawed);
}

TEST(ContentWriter, WritesAChunkAsItIs) {
    const std::string body("\n.\n\r.\r\0\xff.\r\n", 11);
    const auto result = written(body, Framing::chunk);
    EXPECT_EQ(result.sent, Sent::whole);
    EXPECT_EQ(result.wire, kTop + body);
    EXPECT_TRUE(result.is_end_announced);
}

TEST(ContentWriter, NeverWritesMoreThanTheChunkHolds) {
    const auto more = written("MAIL FROM:<>\r\n", Framing::chunk, -1);
    EXPECT_EQ(more.sent, Sent::flawed);
    EXPECT_EQ(more.wire.find("MAIL"), std::string::npos) << "it would be run as a command";
    EXPECT_FALSE(more.is_end_announced);
    const auto less = written("body", Framing::chunk, 1);
    EXPECT_EQ(less.sent, Sent::flawed);
    EXPECT_FALSE(less.is_end_announced);
}

}  // namespace
}  // namespace gatepost::gateway
