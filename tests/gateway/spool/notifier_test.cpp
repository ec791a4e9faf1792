// Who is told, what is committed, and what lies in dead/ afterwards, over a spool in memory.
#include "gateway/spool/notifier.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <asio/co_spawn.hpp>
#include <cerrno>
#include <filesystem>
#include <map>

#include "auth/dkim_sign.h"
#include "auth/dkim_verify.h"
#include "tests/support/dns_map.h"
#include "tests/support/temporary_folder.h"

namespace gatepost::gateway {
namespace {

using What = Queue::Notify::What;

class Text final : public Content {
  public:
    explicit Text(std::string text) : text_(std::move(text)) {}
    std::size_t size() const override { return text_.size(); }
    std::unique_ptr<ContentReader> reader() override { return std::make_unique<Portions>(text_); }

  private:
    // In small portions, as from a disk.
    struct Portions final : ContentReader {
        explicit Portions(std::string_view text) : rest(text) {}
        std::string_view next() override {
            const auto portion = rest.substr(0, 7);
            rest.remove_prefix(portion.size());
            return portion;
        }
        bool lasts() const override { return true; }
        bool failed() const override { return false; }
        std::string_view rest;
    };
    std::string text_;
};

std::string read_all(Content& content) {
    std::string text;
    const auto reader = content.reader();
    for (auto portion = reader->next(); !portion.empty(); portion = reader->next()) text += portion;
    return text;
}

class MemorySpool final : public Spool {
  public:
    struct Committed {
        SpooledMessage message;
        std::string text;
    };
    std::map<std::string, std::string> contents;
    std::vector<Committed> committed;
    int commit_error = 0;

    protocol::Result<std::size_t> recover(const std::function<void(const Spooled&)>&) override { return 0; }
    Load load() const override { return {}; }
    std::size_t recover_rest(const std::function<void(const Spooled&)>&) override { return 0; }
    void tell_of_new(std::function<void(const SpooledMessage&)>) override {}
    void use(const config::Queue&) override {}
    std::optional<protocol::Reply> refusal(std::size_t) const override { return {}; }
    awaitable<int> commit(asio::io_context&, SpooledMessage message, Content& content) override {
        if (commit_error == 0) committed.push_back({std::move(message), read_all(content)});
        co_return commit_error;
    }
    bool has(const std::string& id) const override {
        return std::any_of(committed.begin(), committed.end(),
                           [&](const Committed& each) { return each.message.id == id; });
    }
    protocol::Result<Spooled> read(const std::string&) const override {
        return protocol::Problem{"there is no such message"};
    }
    std::unique_ptr<Content> content(const std::string& id) const override {
        const auto found = contents.find(id);
        return found == contents.end() ? nullptr : std::make_unique<Text>(found->second);
    }
    awaitable<int> record(asio::io_context&, std::string, JournalEntry) override { co_return 0; }
    awaitable<int> remove(asio::io_context&, std::string) override { co_return 0; }
    awaitable<int> remove_queued(asio::io_context&, std::string) override { co_return 0; }
    awaitable<int> move(asio::io_context&, std::string, Shelf, Shelf) override { co_return 0; }
};

protocol::Path path(const std::string& text) {
    return protocol::parse_reverse_path('<' + text + '>')->path;
}

const std::string kText =
    "From: Alice <alice@sender.example>\r\nSubject: Hello\r\n\r\nThe body of the message\r\n";

class NotifierTest : public testing::Test {
  protected:
    NotifierTest() {
        auto& settings = snapshot->settings;
        settings.hostname = "mx1.example.org";
        settings.downstream.servers.emplace_back();
        settings.notifications.domain = protocol::Domain::parse("example.org");
        settings.notifications.selector = "gp1";
        snapshot->notification_key =
            std::make_shared<const auth::PrivateKey>(auth::PrivateKey::generate(auth::KeyType::ed25519));
        original.message.id = "3f9k2";
        original.message.arrived = 1'795'444'200;
        original.message.sender.reverse_path = path("alice@sender.example");
        original.message.recipients = {{path("bob@example.org"), "", ""},
                                       {path("carol@example.org"), "", ""}};
        original.message.may_notify = true;
        spool.contents["3f9k2"] = kText;
        std::filesystem::create_directories(folder / "queue");
        std::filesystem::create_directories(folder / "dead");
        folder.write("queue/3f9k2", "the file");
    }

    bool tell(What what, const std::vector<std::size_t>& recipients) {
        Queue::Notify due{"3f9k2", what, {}};
        for (const auto recipient : recipients) {
            due.recipients.push_back(
                {recipient, {Fate::refused, {550, "5.1.1", {"No such user"}}}, "mail.example.org"});
        }
        bool is_told = false, has_ended = false;
        asio::co_spawn(context, notifier.tell(snapshot, original, due),
                       [&](std::exception_ptr thrown, bool result) {
                           EXPECT_FALSE(thrown);
                           has_ended = true;
                           is_told = result;
                       });
        context.restart();
        context.run();
        EXPECT_TRUE(has_ended);
        return is_told;
    }
    bool is_dead() const { return std::filesystem::exists(folder / "dead/3f9k2"); }

    tests::TemporaryFolder folder;
    asio::io_context context;
    MemorySpool spool;
    QueueCounts counts;
    Notifier notifier{spool, context, folder.path(), counts};
    std::shared_ptr<Snapshot> snapshot = std::make_shared<Snapshot>();
    Spooled original;
};

TEST_F(NotifierTest, CommitsOneNotificationForAllRecipients) {
    ASSERT_TRUE(tell(What::failed, {0, 1}));
    ASSERT_EQ(spool.committed.size(), 1u);
    const auto& [message, text] = spool.committed[0];
    EXPECT_EQ(message.origin, Origin::notification);
    EXPECT_TRUE(message.sender.reverse_path.is_null);
    ASSERT_EQ(message.recipients.size(), 1u);
    EXPECT_EQ(message.recipients[0].path.text(), "alice@sender.example");
    EXPECT_FALSE(message.may_notify);
    EXPECT_EQ(message.sender.parameters.declared_size, text.size());
    EXPECT_TRUE(message.id.starts_with("3f9k2f")) << message.id;
    EXPECT_NE(text.find("\r\nTo: <alice@sender.example>\r\n"), std::string::npos);
    EXPECT_NE(text.find("Final-Recipient: rfc822; bob@example.org\r\n"), std::string::npos);
    EXPECT_NE(text.find("Final-Recipient: rfc822; carol@example.org\r\n"), std::string::npos);
    EXPECT_NE(text.find("\r\nSubject: Hello\r\n\r\n--"), std::string::npos) << "the header is in it";
    EXPECT_EQ(text.find("The body"), std::string::npos) << "and no more";
    EXPECT_FALSE(is_dead());
    EXPECT_EQ(counts.dead_letters, 0u);
}

TEST_F(NotifierTest, SignsWhatItSends) {
    ASSERT_TRUE(tell(What::failed, {0}));
    const auto& text = spool.committed.at(0).text;
    const auto end = text.find("\r\n\r\n");
    const auto header = protocol::Header::parse(text.substr(0, end + 2));
    ASSERT_TRUE(header) << header.problem();
    auth::DkimVerifier verifier(*header, {});
    verifier.body(text.substr(end + 4));
    verifier.end_of_body();
    tests::DnsMap dns;
    dns.txt("gp1._domainkey.example.org", auth::key_record(*snapshot->notification_key));
    std::vector<auth::DkimOutcome> outcomes;
    dns.settle(
        [&](auth::DnsFacts& facts) { outcomes = verifier.verify(facts, std::time(nullptr), nullptr); });
    ASSERT_EQ(outcomes.size(), 1u);
    EXPECT_EQ(outcomes[0].result, auth::DkimResult::pass) << outcomes[0].why;
}

TEST_F(NotifierTest, DoesNotRepeatItselfWhileTheFirstOneIsThere) {
    ASSERT_TRUE(tell(What::failed, {0}));
    ASSERT_TRUE(tell(What::failed, {0}));
    EXPECT_EQ(spool.committed.size(), 1u);
    ASSERT_TRUE(tell(What::failed, {1})) << "about another one";
    ASSERT_TRUE(tell(What::failed, {0, 1}));
    EXPECT_EQ(spool.committed.size(), 3u);
    original.message.recipients[0].notify = "DELAY";
    ASSERT_TRUE(tell(What::delayed, {0})) << "of something else";
    EXPECT_EQ(spool.committed.size(), 4u);
}

TEST_F(NotifierTest, KeepsADeadLetterWhereNobodyMayBeTold) {
    const struct {
        void (*change)(SpooledMessage&);
        const char* reason;
    } rows[] = {
        {[](SpooledMessage& message) { message.may_notify = false; }, "not authenticated"},
        {[](SpooledMessage& message) { message.is_list = true; }, "a list"},
        {[](SpooledMessage& message) { message.origin = Origin::notification; }, "one of ours"},
        {[](SpooledMessage& message) { message.recipients[0].notify = "NEVER"; }, "not wanted"},
        {[](SpooledMessage& message) {
             message.sender.reverse_path = {};
             message.sender.reverse_path.is_null = true;
         },
         "the null path"},
    };
    std::uint64_t total = 0;
    const auto good = original;
    for (const auto& row : rows) {
        original = good;
        row.change(original.message);
        std::filesystem::remove(folder / "dead/3f9k2");
        EXPECT_TRUE(tell(What::failed, {0})) << row.reason;
        EXPECT_TRUE(is_dead()) << row.reason;
        EXPECT_TRUE(std::filesystem::exists(folder / "queue/3f9k2")) << "for its other recipients";
        EXPECT_TRUE(spool.committed.empty()) << row.reason;
        EXPECT_EQ(counts.dead_letters, ++total);
        EXPECT_TRUE(tell(What::failed, {0})) << "once more after a crash: it is there already";
        ++total;
    }
}

TEST_F(NotifierTest, TellsThoseItMayAndKeepsADeadLetterForTheOthers) {
    original.message.recipients[1].notify = "NEVER";
    ASSERT_TRUE(tell(What::failed, {0, 1}));
    ASSERT_EQ(spool.committed.size(), 1u);
    EXPECT_EQ(spool.committed[0].text.find("carol@"), std::string::npos);
    EXPECT_TRUE(is_dead());
    EXPECT_EQ(counts.dead_letters, 1u);
}

TEST_F(NotifierTest, CountsADeadLetterOnceAlthoughTheNotificationForTheOthersFails) {
    original.message.recipients[1].notify = "NEVER";
    spool.commit_error = EIO;
    EXPECT_FALSE(tell(What::failed, {0, 1}));
    EXPECT_TRUE(is_dead());
    spool.commit_error = 0;
    EXPECT_TRUE(tell(What::failed, {0, 1}));
    EXPECT_EQ(spool.committed.size(), 1u);
    EXPECT_EQ(counts.dead_letters, 1u);
}

TEST_F(NotifierTest, WithoutAKeyOrAWayOutKeepsDeadLettersOnly) {
    const auto key = snapshot->notification_key;
    snapshot->notification_key = nullptr;
    EXPECT_TRUE(tell(What::failed, {0}));
    snapshot->notification_key = key;
    snapshot->settings.downstream.servers[0].kind = config::DownstreamKind::maildir;
    EXPECT_TRUE(tell(What::failed, {0}));
    snapshot->settings.notifications.is_on = false;
    EXPECT_TRUE(tell(What::failed, {0}));
    EXPECT_TRUE(spool.committed.empty());
    EXPECT_EQ(counts.dead_letters, 3u);
}

TEST_F(NotifierTest, SaysNothingOfADelayNobodyAskedAbout) {
    EXPECT_TRUE(tell(What::delayed, {0}));
    EXPECT_TRUE(tell(What::relayed, {0}));
    EXPECT_TRUE(spool.committed.empty());
    EXPECT_FALSE(is_dead()) << "nothing is lost";
}

TEST_F(NotifierTest, WantsToBeAskedAgainWhenItCouldNot) {
    spool.commit_error = ENOSPC;
    EXPECT_FALSE(tell(What::failed, {0}));
    spool.commit_error = 0;
    EXPECT_TRUE(tell(What::failed, {0}));
    EXPECT_EQ(spool.committed.size(), 1u);
    original.message.is_list = true;
    std::filesystem::remove_all(folder / "dead");
    EXPECT_FALSE(tell(What::failed, {1})) << "no dead letter, no success";
    EXPECT_EQ(counts.dead_letters, 0u);
}

TEST_F(NotifierTest, TellsWithoutTheMessageIfItCannotBeRead) {
    spool.contents.clear();
    ASSERT_TRUE(tell(What::failed, {0}));
    EXPECT_NE(spool.committed.at(0).text.find("Final-Recipient: rfc822; bob@example.org"), std::string::npos);
}

TEST_F(NotifierTest, ReturnsTheMessageWhereThatWasAskedFor) {
    original.message.sender.parameters.ret = "FULL";
    ASSERT_TRUE(tell(What::failed, {0}));
    EXPECT_NE(spool.committed.at(0).text.find(kText), std::string::npos);
    spool.committed.clear();
    spool.contents["3f9k2"] = kText + std::string(70'000, 'x');
    ASSERT_TRUE(tell(What::failed, {0}));
    EXPECT_EQ(spool.committed.at(0).text.find("The body"), std::string::npos) << "too large";
    EXPECT_NE(spool.committed.at(0).text.find("Subject: Hello\r\n"), std::string::npos);
}

TEST(NotificationId, IsOneThatTheSpoolTakes) {
    const Queue::Notify due{"x", What::relayed, {{0, {}, ""}}};
    for (const auto& id : {std::string("3f9k2"), std::string(64, 'a')}) {
        const auto made = notification_id(id, due);
        EXPECT_LE(made.size(), 64u);
        EXPECT_GT(made.size(), 8u);
        EXPECT_EQ(made.find_first_not_of("0123456789abcdefghijklmnopqrstuvwxyz"), std::string::npos) << made;
    }
    EXPECT_NE(notification_id("a", due), notification_id("b", due));
}

TEST(DsnOf, SaysUntilWhenItIsTried) {
    config::Settings settings;
    settings.hostname = "mx1.example.org";
    Spooled spooled;
    spooled.message.recipients.resize(1);
    spooled.message.arrived = -5;
    spooled.journal.last.age = std::chrono::hours(20);
    const auto dsn = dsn_of(settings, spooled, {"a", What::delayed, {{0, {}, ""}}}, 1'795'444'200);
    EXPECT_EQ(dsn.will_retry_until, dsn.now + std::chrono::hours(100)) << "of five days";
    Queue::Notify older{"a", What::delayed, {{0, {}, ""}}, std::chrono::hours(30)};
    EXPECT_EQ(dsn_of(settings, spooled, older, 1'795'444'200).will_retry_until,
              dsn.now + std::chrono::hours(90))
        << "the journal has not heard yet how old it is";
    EXPECT_EQ(dsn.arrived.time_since_epoch().count(), 0) << "a date that can be written";
    EXPECT_FALSE(dsn_of(settings, spooled, {"a", What::failed, {{0, {}, ""}}}, 0).will_retry_until);
}

// RFC 3464 sections 2.3.5 and 2.3.6: a server is only named, and `smtp` only said, where it has answered.
TEST(DsnOf, NamesTheServerThatAnswered) {
    config::Settings settings;
    Spooled spooled;
    spooled.message.id = "a";
    spooled.message.recipients.resize(1);
    const auto server_of = [&](Outcome outcome) {
        const Queue::Notify due{"a", What::failed, {{0, std::move(outcome), "mail.example.org"}}};
        return dsn_of(settings, spooled, due, 0).recipients.at(0).server;
    };
    namespace reply = protocol::reply;
    EXPECT_EQ(server_of(outcome_of(reply::kUnknownUser)), "mail.example.org");
    EXPECT_EQ(server_of(own_finding(reply::kUnknownUser)), "") << "our own finding";
    EXPECT_EQ(server_of({Fate::unreachable, reply::kDownstreamDown}), "");
}

TEST(DsnOf, TellsNobodyWhatLiesBehindAnOutage) {
    config::Settings settings;
    Spooled spooled;
    spooled.message.id = "a";
    spooled.message.recipients.resize(1);
    Outcome away{Fate::unreachable, protocol::reply::kDownstreamDown};
    away.why = "10.0.0.5: Connection refused";
    const auto dsn = dsn_of(settings, spooled, {"a", What::failed, {{0, away, "10.0.0.5"}}}, 0);
    const auto message = protocol::written(dsn);
    EXPECT_EQ((message.header + message.body).find("10.0.0.5"), std::string::npos);
    EXPECT_EQ((message.header + message.body).find("refused"), std::string::npos);
}

}  // namespace
}  // namespace gatepost::gateway
