#include "gateway/spool/control_server.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <thread>

#include "gateway/cli/control_client.h"
#include "tests/support/temporary_folder.h"

namespace gatepost::gateway {
namespace {

// Says of each message that it is held, but of "lost" that it is not there.
class Executor final : public ControlServer::Executor {
  public:
    awaitable<std::vector<ControlResult>> execute(ControlRequest request) override {
        std::vector<ControlResult> results;
        for (const auto& id : request.ids) {
            results.push_back({id, id == "lost" ? "no message lost in the queue" : "", QueueState::held, {}});
        }
        co_return results;
    }
};

class ControlServerTest : public testing::Test {
  protected:
    ControlServerTest() {
        EXPECT_EQ(server_.open(path_), "");
        thread_ = std::thread([this] { context_.run(); });
    }
    ~ControlServerTest() override {
        context_.stop();
        thread_.join();
    }

    // All that comes back until the server closes.
    std::string said_to(const std::string& octets) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::strncpy(address.sun_path, path_.c_str(), sizeof address.sun_path - 1);
        const int socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
        EXPECT_EQ(::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
        for (std::size_t sent = 0; sent < octets.size();) {
            const auto more = ::send(socket, octets.data() + sent, octets.size() - sent, MSG_NOSIGNAL);
            if (more <= 0) break;
            sent += static_cast<std::size_t>(more);
        }
        ::shutdown(socket, SHUT_WR);
        std::string answer;
        char portion[4096];
        for (ssize_t got; (got = ::recv(socket, portion, sizeof portion, 0)) > 0;)
            answer.append(portion, static_cast<std::size_t>(got));
        ::close(socket);
        return answer;
    }

    tests::TemporaryFolder folder_;
    const std::string path_ = folder_ / "control";
    Executor executor_;
    asio::io_context context_{1};
    ControlServer server_{context_, executor_};
    std::thread thread_;
};

TEST_F(ControlServerTest, AnswersAsManyRequestsAsAreAsked) {
    const auto client = ControlClient::connect(path_);
    ASSERT_TRUE(client && *client) << client.problem();
    std::vector<std::string> ids;
    for (std::size_t i = 0; i < 2 * kMaxControlIds + 5; ++i) ids.push_back("m" + std::to_string(i));
    ids.back() = "lost";
    const auto results = (*client)->ask(ControlCommand::hold, ids);
    ASSERT_TRUE(results) << results.problem();
    ASSERT_EQ(results->size(), ids.size());
    for (std::size_t i = 0; i < ids.size(); ++i) EXPECT_EQ((*results)[i].id, ids[i]);
    EXPECT_EQ(results->front().state, QueueState::held);
    EXPECT_EQ(results->back().problem, "no message lost in the queue");
}

TEST_F(ControlServerTest, ServesSeveralClientsAtOnce) {
    std::vector<std::unique_ptr<ControlClient>> clients;
    for (int i = 0; i < 8; ++i) clients.push_back(std::move(*ControlClient::connect(path_)));
    for (auto client = clients.rbegin(); client != clients.rend(); ++client)
        EXPECT_TRUE((*client)->ask(ControlCommand::status, {"a"}));
}

TEST_F(ControlServerTest, IsForItsOwnerAlone) {
    struct stat status {};
    ASSERT_EQ(::stat(path_.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(ControlServerTest, EndsWithWhoDoesNotSpeakLikeThis) {
    EXPECT_EQ(said_to("EHLO client\r\n"), "{\"problem\":\"no JSON object in a line\"}\n");
    EXPECT_EQ(said_to(""), "");
    EXPECT_EQ(said_to("{\"command\":\"hold\",\"ids\":[\"a\""), "");
    EXPECT_EQ(said_to(std::string(2 * kMaxControlLine, 'x')), "");
    EXPECT_EQ(said_to("{\"command\":\"status\",\"ids\":[\"a\"]}\n"),
              "{\"messages\":[{\"id\":\"a\",\"state\":\"held\"}]}\n");
}

TEST_F(ControlServerTest, TakesThePlaceOfAnOldSocket) {
    asio::io_context context{1};
    ControlServer next(context, executor_);
    EXPECT_EQ(next.open(path_), "");
}

TEST(ControlServerPath, MustFitIntoAnAddress) {
    const tests::TemporaryFolder folder;
    const std::string path = folder / std::string(200, 'x');  // a good name of a file
    Executor executor;
    asio::io_context context{1};
    ControlServer server(context, executor);
    EXPECT_EQ(server.open(path), "the path is too long for a socket");
    EXPECT_FALSE(ControlClient::connect(path));
    EXPECT_TRUE(folder.is_empty());
}

TEST(ControlClientTest, FindsNobodyWhereNobodyListens) {
    const tests::TemporaryFolder folder;
    const auto client = ControlClient::connect(folder / "control");
    ASSERT_TRUE(client) << client.problem();
    EXPECT_EQ(*client, nullptr);
}

}  // namespace
}  // namespace gatepost::gateway
