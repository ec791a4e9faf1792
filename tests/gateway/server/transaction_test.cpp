#include "gateway/server/transaction.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/support/temporary_folder.h"

namespace gatepost::gateway {
namespace {

class TransactionTest : public testing::Test {
  protected:
    TransactionTest() {
        auto made = std::make_shared<Snapshot>();
        made->settings.hostname = made->settings.authserv_id = "mx.example.org";
        made->settings.downstream.servers.emplace_back();
        made->settings.state = folder.path();
        made->settings.limits.header_size = 1000;
        made->settings.limits.memory_per_message = 16;
        made->dns_servers = {{*protocol::IpAddress::parse("127.0.0.1"), 1}};
        environment = std::make_unique<Environment>(context, disk, made);
    }
    std::unique_ptr<Transaction> transaction() {
        const auth::SpfClient client{*protocol::IpAddress::parse("192.0.2.1"), "client.example",
                                     "mx.example.org", 0};
        return std::make_unique<Transaction>(*environment, client, Sender{}, fresh_id());
    }
    std::string body_of(Transaction& transaction) {
        std::string all;
        char scratch[64];
        for (auto part = transaction.body().read(0, scratch); !part.empty();
             part = transaction.body().read(all.size(), scratch))
            all += part;
        return all;
    }

    tests::TemporaryFolder folder;
    asio::io_context context;
    asio::thread_pool disk{1};
    std::unique_ptr<Environment> environment;
};

TEST_F(TransactionTest, FindsTheEndOfTheHeaderInAnyPortions) {
    const struct {
        const char* reason;
        std::string content;
        std::size_t fields;
        bool has_body;
        std::string body;
    } rows[] = {
        {"header and body", "A: 1\r\nB: 2\r\n\r\nbody\r\n\r\nmore\r\n", 2, true, "body\r\n\r\nmore\r\n"},
        {"an empty body", "A: 1\r\n\r\n", 1, true, ""},
        {"no empty line", "A: 1\r\nB: 2\r\n", 2, false, ""},
        {"a line of blanks does not end it", "A: 1\r\n \r\n 2\r\n\r\nbody\r\n", 1, true, "body\r\n"},
        {"empty lines at the beginning of the body", "A: 1\r\n\r\n\r\n\r\nbody\r\n", 1, true,
         "\r\n\r\nbody\r\n"},
    };
    for (const auto& row : rows) {
        for (std::size_t portion = 1; portion <= row.content.size(); ++portion) {
            const auto message = transaction();
            int events = 0;
            for (std::size_t at = 0; at < row.content.size(); at += portion) {
                message->content(std::string_view(row.content).substr(at, portion));
                events += message->take_header_event();
            }
            message->end_of_content();
            ASSERT_FALSE(message->refusal()) << row.reason << " in " << portion;
            EXPECT_EQ(message->header().size(), row.fields) << row.reason << " in " << portion;
            EXPECT_EQ(message->has_body(), row.has_body) << row.reason << " in " << portion;
            EXPECT_EQ(body_of(*message), row.body) << row.reason << " in " << portion;
            EXPECT_EQ(message->size(), row.content.size());
            EXPECT_EQ(events, row.has_body ? 1 : 0)
                << "the look-ups begin once, as soon as the header is whole";
        }
    }
}

TEST_F(TransactionTest, RefusesWhatIsNoHeaderInAnyPortions) {
    const struct {
        const char* reason;
        std::string content;
        int code;
    } rows[] = {
        {"no field", "hello there\r\n\r\nbody\r\n", 550},
        {"a header over the limit", "A: " + std::string(1100, 'x') + "\r\n\r\nbody\r\n", 552},
        {"one that never ends", std::string(5000, 'x'), 552},
    };
    for (const auto& row : rows) {
        for (const std::size_t portion : {1ul, 7ul, 999ul, 100'000ul}) {
            const auto message = transaction();
            for (std::size_t at = 0; at < row.content.size(); at += portion)
                message->content(std::string_view(row.content).substr(at, portion));
            message->end_of_content();
            ASSERT_TRUE(message->refusal()) << row.reason << " in " << portion;
            EXPECT_EQ(message->refusal()->code, row.code) << row.reason << " in " << portion;
            EXPECT_EQ(message->size(), row.content.size());
        }
    }
}

TEST_F(TransactionTest, RefusesForNowWhatFindsNoRoom) {
    const auto message = transaction();
    std::filesystem::remove_all(folder.path());
    message->content("A: 1\r\n\r\n0123456789abcdef");
    EXPECT_FALSE(message->refusal());
    message->content("more");
    ASSERT_TRUE(message->refusal());
    EXPECT_EQ(*message->refusal(), protocol::Reply(protocol::reply::kNoStorage));
}

TEST(FreshId, IsShortAndOnlyOnce) {
    std::set<std::string> ids;
    for (int i = 0; i < 100; ++i) {
        const std::string id = fresh_id();
        EXPECT_GE(id.size(), 8u);
        EXPECT_LE(id.size(), 16u);
        EXPECT_EQ(id.find_first_not_of("0123456789abcdefghijklmnopqrstuvwxyz"), std::string::npos);
        ids.insert(id);
    }
    EXPECT_EQ(ids.size(), 100u);
}

}  // namespace
}  // namespace gatepost::gateway
