#include "gateway/relay/smtp_delivery.h"

#include <gtest/gtest.h>

#include "gateway/completion.h"
#include "gateway/dns/resolver.h"
#include "tests/gateway/relay/downstream_peer.h"

namespace gatepost::gateway {
namespace {

using namespace std::chrono_literals;

// Comes to its end well, or breaks off.
class Text final : public Content {
  public:
    explicit Text(bool breaks_off) : breaks_off_(breaks_off) {}
    std::size_t size() const override { return kText.size(); }
    std::unique_ptr<ContentReader> reader() override { return std::make_unique<Reader>(breaks_off_); }

  private:
    static constexpr std::string_view kText = "A: 1\r\n\r\nbody\r\n";
    class Reader final : public ContentReader {
      public:
        explicit Reader(bool breaks_off) : breaks_off_(breaks_off) {}
        std::string_view next() override {
            const auto portion = std::exchange(rest_, std::string_view());
            return breaks_off_ ? portion.substr(0, 4) : portion;
        }
        bool lasts() const override { return true; }
        bool failed() const override { return breaks_off_; }

      private:
        bool breaks_off_;
        std::string_view rest_ = kText;
    };
    bool breaks_off_;
};

struct Delivered {
    Outcome recipient;
    std::vector<Outcome> outcomes;
    bool is_done = false;
};

awaitable<void> deliver_to(Delivery& delivery, const protocol::Recipient& recipient, Content& content,
                           Delivered& delivered) {
    Outcome asked = co_await delivery.add_recipient(recipient);
    delivered.recipient = std::move(asked);
    std::vector<Outcome> outcomes = co_await delivery.deliver(content);
    delivered.outcomes = std::move(outcomes);
    delivered.is_done = true;
}

class SmtpDeliveryTest : public testing::Test {
  protected:
    static config::Settings made() {
        config::Settings settings;
        settings.downstream.servers.resize(1);
        settings.downstream.servers.front().host = "127.0.0.1";
        settings.downstream.servers.front().port = 1;  // nobody is there, but for the peer
        settings.downstream.announce_client = config::AnnounceClient::none;
        settings.limits.downstream_timeout = 1s;
        return settings;
    }
    SmtpDeliveryTest() {
        sender.reverse_path.is_null = true;
        recipient.path = protocol::parse_forward_path("<bob@example.org>")->path;
        relay.routes().front()->keep(std::move(peer.connection));
    }
    void begin(Content& content) {
        delivery = relay.begin(sender, 0);
        asio::co_spawn(context, deliver_to(*delivery, recipient, content, delivered), log_exception);
    }
    void answer(const std::string& expected, std::string_view reply) {
        EXPECT_EQ(peer.wait_for_something(context), expected);
        peer.say(reply);
    }
    void answer_the_envelope() {
        answer("MAIL FROM:<>\r\n", "250 2.1.0 Ok\r\n");
        answer("RCPT TO:<bob@example.org>\r\n", "250 2.1.5 Ok\r\n");
        answer("DATA\r\n", "354 Go\r\n");
    }
    void run(std::chrono::milliseconds time) {
        const auto end = Clock::now() + time;
        while (!delivered.is_done && Clock::now() < end) {
            context.restart();
            context.run_for(10ms);
        }
    }

    asio::io_context context;
    asio::thread_pool disk{1};
    config::Settings settings = made();
    Resolver resolver{context, {{*protocol::IpAddress::parse("127.0.0.1"), 53}}, settings.dns};
    Relay relay{context, disk, resolver, settings};
    DownstreamPeer peer{context};
    Sender sender;
    protocol::Recipient recipient;
    std::unique_ptr<Delivery> delivery;
    Delivered delivered;
};

// A try that gives up while the server still thinks makes a copy, and the next one another.
TEST_F(SmtpDeliveryTest, OutOfTheSpoolWaitsLongerForTheLastWord) {
    sender.notifies = true;
    Text content(false);
    begin(content);
    answer_the_envelope();
    EXPECT_EQ(peer.wait_for_something(context), "A: 1\r\n\r\nbody\r\n.\r\n");
    run(1500ms);
    ASSERT_FALSE(delivered.is_done) << "it was given up";
    peer.say("250 2.0.0 Taken\r\n");
    run(5s);
    ASSERT_EQ(delivered.outcomes.size(), 1U);
    EXPECT_EQ(delivered.outcomes.front().fate, Fate::accepted);
}

TEST_F(SmtpDeliveryTest, WhileAClientWaitsHasOneDeadlineForAll) {
    Text content(false);
    begin(content);
    answer_the_envelope();
    const auto began = Clock::now();
    run(10s);
    EXPECT_LT(Clock::now() - began, 5s);
    ASSERT_EQ(delivered.outcomes.size(), 1U);
    EXPECT_EQ(delivered.outcomes.front().fate, Fate::unknown);
}

// What we cannot read says nothing of the server: the queue must not take it to be away.
TEST_F(SmtpDeliveryTest, OurOwnTroubleIsNotTheServers) {
    Text content(true);
    begin(content);
    answer_the_envelope();
    run(5s);
    EXPECT_EQ(peer.heard(), "<end>") << "without a final dot";
    ASSERT_EQ(delivered.outcomes.size(), 1U);
    EXPECT_EQ(delivered.outcomes.front(), own_finding(protocol::reply::kLocalError));
}

// The peer is gone, and nobody listens on its port.
TEST_F(SmtpDeliveryTest, SaysWhyNobodyCouldBeReached) {
    Text content(false);
    begin(content);
    EXPECT_EQ(peer.wait_for_something(context), "MAIL FROM:<>\r\n");
    peer.close();
    run(10s);
    EXPECT_EQ(delivered.recipient.fate, Fate::unreachable);
    EXPECT_EQ(delivered.recipient.why, "127.0.0.1: Connection refused");
    EXPECT_EQ(delivered.recipient.reply, protocol::Reply(protocol::reply::kDownstreamDown))
        << "what clients hear does not tell of our network";
}

}  // namespace
}  // namespace gatepost::gateway
