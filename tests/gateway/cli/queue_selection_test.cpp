#include "gateway/cli/queue_selection.h"

#include <gtest/gtest.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "gateway/cli/queue_export.h"
#include "tests/support/temporary_folder.h"

namespace gatepost::gateway {
namespace {

using Verb = QueueRequest::Verb;

protocol::Path path(const std::string& text) {
    return protocol::parse_reverse_path("<" + text + ">")->path;
}

constexpr char kContent[] = "Subject: a test\r\n\r\nHello.\r\n";

SpooledMessage message(const std::string& id, std::int64_t arrived, const std::string& from,
                       std::vector<std::string> to) {
    SpooledMessage made;
    made.id = id;
    made.arrived = arrived;
    made.sender.reverse_path = path(from);
    made.sender.client.address = *protocol::IpAddress::parse("192.0.2.1");
    made.sender.client.helo = "client.example";
    for (const auto& each : to) made.recipients.push_back({path(each), "", ""});
    made.content_octets = sizeof kContent - 1;
    return made;
}

std::string file_of(const SpooledMessage& message, const std::vector<JournalEntry>& entries = {}) {
    const auto head = spool_head(message);
    EXPECT_TRUE(head) << head.problem();
    std::string text = *head + kContent;
    text += spool_trailer(auth::sha256(text));
    for (const auto& entry : entries) text += journal_line(message, entry);
    return text;
}

class QueueFolderTest : public testing::Test {
  protected:
    QueueFolderTest() {
        for (const char* shelf : {"queue", "hold", "dead"}) ::mkdir((place_ / shelf).c_str(), 0700);
        place_.write("queue/b2", file_of(message("b2", 200, "alice@sender.example", {"bob@example.org"})));
        place_.write("queue/a1", file_of(message("a1", 300, "", {"carol@example.net"})));
        place_.write("hold/c3", file_of(message("c3", 100, "mallory@Sender.example",
                                                {"Bob@example.org", "x@example.net"})));
        place_.write("dead/d4", file_of(message("d4", 50, "alice@sender.example", {"nobody@example.org"})));
    }

    static std::vector<std::string> ids(const Selection& selection) {
        std::vector<std::string> all;
        for (const auto& each : selection.messages) all.push_back(each.message.id);
        return all;
    }

    tests::TemporaryFolder place_;
    QueueFolder folder_{place_.path()};
};

using Ids = std::vector<std::string>;

TEST_F(QueueFolderTest, ListsTheOldestFirst) {
    const Selection all = select(folder_, {});
    EXPECT_EQ(ids(all), (Ids{"c3", "b2", "a1"}));
    EXPECT_EQ(all.totals, (QueueTotals{2, 1, 1, 3 * (sizeof kContent - 1), 0}));
}

TEST_F(QueueFolderTest, ListsWhatPassesTheFilters) {
    const struct {
        const char* why;
        QueueRequest request;
        Ids expected;
    } cases[] = {
        {"held", {.only_held = true}, {"c3"}},
        {"dead letters", {.only_dead = true}, {"d4"}},
        {"a sender", {.from = "alice@sender.example"}, {"b2"}},
        {"a sender as people copy it", {.from = "<alice@sender.example>"}, {"b2"}},
        {"the domain of senders, in any case", {.from = "@SENDER.example"}, {"c3", "b2"}},
        {"not a part of a domain", {.from = "@example"}, {}},
        {"the null sender", {.from = "<>"}, {"a1"}},
        {"a recipient in any case", {.to = "bob@example.org"}, {"c3", "b2"}},
        {"the domain of any recipient", {.to = "@example.net"}, {"c3", "a1"}},
        {"both", {.from = "@sender.example", .to = "@example.net"}, {"c3"}},
        {"nobody", {.to = "nobody@example.net"}, {}},
    };
    for (const auto& [why, request, expected] : cases)
        EXPECT_EQ(ids(select(folder_, request)), expected) << why;
}

TEST_F(QueueFolderTest, ReadsTheJournal) {
    const SpooledMessage made = message("e5", 1, "a@b.example", {"x@example.org", "y@example.org"});
    const JournalEntry first{1000, std::chrono::seconds(60), 1, {1}, false, "451 4.4.1 later"};
    const JournalEntry second{2000, std::chrono::seconds(180), 2, {}, true, "450 4.2.1 busy"};
    place_.write("queue/e5", file_of(made, {first, second}) + "a torn li");
    const auto found = folder_.open("e5", {QueuePlace::queue})->read();
    ASSERT_TRUE(found) << found.problem();
    EXPECT_EQ(found->tries, (std::vector{first, second}));
    EXPECT_EQ(found->journal.last.why, "450 4.2.1 busy");
    EXPECT_EQ(found->journal.done, (std::vector{false, true}));
}

TEST_F(QueueFolderTest, SaysWhatIsDamagedAndShowsTheRest) {
    place_.write("queue/f6", "no message of ours");
    place_.write("queue/not-an-id.tmp", "");
    const Selection all = select(folder_, {});
    EXPECT_EQ(all.messages.size(), 3u);
    EXPECT_EQ(all.totals.unreadable, 1u);
    ASSERT_EQ(all.unreadable.size(), 1u);
    EXPECT_EQ(all.unreadable[0].find("f6: "), 0u) << all.unreadable[0];
}

TEST_F(QueueFolderTest, OpensNothingButFilesOfItsOwn) {
    ASSERT_EQ(::symlink((place_ / "dead/d4").c_str(), (place_ / "queue/link").c_str()), 0);
    ::mkdir((place_ / "queue/folder").c_str(), 0700);
    for (const char* id : {"", ".", "..", "../dead/d4", "link", "folder", "nowhere"})
        EXPECT_EQ(folder_.open(id, {QueuePlace::queue}), nullptr) << id;
}

TEST_F(QueueFolderTest, IsEmptyWhereNothingWasEverSpooled) {
    const QueueFolder nowhere(place_ / "nowhere");
    EXPECT_TRUE(select(nowhere, {}).messages.empty());
    EXPECT_EQ(select(nowhere, {}).problem, "");
}

// Root reads everything. For files this thread is somebody else as long as this lives, if it is root's
// (setfsuid(2)); whoever is not root stays who he is.
class AsNobody {
  public:
    AsNobody() : before_(::setfsuid(65534)) {}
    ~AsNobody() { ::setfsuid(static_cast<uid_t>(before_)); }
    AsNobody(const AsNobody&) = delete;

  private:
    int before_;
};

TEST_F(QueueFolderTest, SaysWhoMayReadIt) {
    ::chmod(place_.path().c_str(), 0711);  // so that it is about the shelf
    ::chmod((place_ / "queue").c_str(), 0);
    const auto ids = [&] {
        const AsNobody nobody;
        return folder_.ids(QueuePlace::queue);
    }();
    ::chmod((place_ / "queue").c_str(), 0700);
    ASSERT_FALSE(ids);
    EXPECT_NE(ids.problem().find("run it as root or as user gatepost"), std::string::npos) << ids.problem();
}

TEST_F(QueueFolderTest, FindsTheTargetsOfAChange) {
    const auto all = [](ControlCommand command, bool only_dead = false) {
        QueueRequest request{.verb = Verb::change, .command = command, .all = true};
        request.only_dead = only_dead;
        return request;
    };
    EXPECT_EQ(find_targets(folder_, all(ControlCommand::retry)).queued, (Ids{"b2", "a1"}));
    EXPECT_EQ(find_targets(folder_, all(ControlCommand::hold)).queued, (Ids{"b2", "a1"}));
    EXPECT_EQ(find_targets(folder_, all(ControlCommand::release)).queued, (Ids{"c3"}));
    const Targets dropped = find_targets(folder_, all(ControlCommand::drop));
    EXPECT_EQ(dropped.queued, (Ids{"c3", "b2", "a1"}));
    EXPECT_EQ(dropped.dead, Ids{});
    EXPECT_EQ(find_targets(folder_, all(ControlCommand::drop, true)).dead, (Ids{"d4"}));
}

TEST_F(QueueFolderTest, SaysOfNamedMessagesWhyTheyAreNoTargets) {
    QueueRequest request{
        .verb = Verb::change, .command = ControlCommand::retry, .ids = {"b2", "d4", "zz", "\x1b"}};
    const Targets targets = find_targets(folder_, request);
    EXPECT_EQ(targets.queued, (Ids{"b2"}));
    EXPECT_EQ(targets.dead, Ids{});
    ASSERT_EQ(targets.missing.size(), 3u);
    EXPECT_EQ(targets.missing[0].problem, "d4 is a dead letter: it can be exported or dropped");
    EXPECT_EQ(targets.missing[1].problem, "no message zz in the queue");
    EXPECT_EQ(targets.missing[2].problem, "no message \\x1b in the queue");
    request.command = ControlCommand::drop;
    EXPECT_EQ(find_targets(folder_, request).dead, (Ids{"d4"}));
}

TEST_F(QueueFolderTest, TakesNamedMessagesOnlyFromThePlaceThatIsMeant) {
    QueueRequest request{
        .verb = Verb::change, .command = ControlCommand::drop, .ids = {"b2", "c3", "d4"}, .only_held = true};
    const Targets held = find_targets(folder_, request);
    EXPECT_EQ(held.queued, (Ids{"c3"}));
    EXPECT_EQ(held.dead, Ids{});
    ASSERT_EQ(held.missing.size(), 2u);
    EXPECT_EQ(held.missing[0].problem, "no message b2 is held");
    request.only_held = false;
    request.only_dead = true;
    const Targets dead = find_targets(folder_, request);
    EXPECT_EQ(dead.queued, Ids{});
    EXPECT_EQ(dead.dead, (Ids{"d4"}));
}

std::string text_of(const std::string& file) {
    std::ostringstream text;
    text << std::ifstream(file, std::ios::binary).rdbuf();
    return text.str();
}

TEST_F(QueueFolderTest, ExportsTheContentOrTheWholeFile) {
    QueueRequest request{.verb = Verb::copy, .target = place_.path()};
    EXPECT_EQ(export_message(folder_, "b2", request).problem, "");
    EXPECT_EQ(text_of(place_ / "b2.eml"), kContent);
    const Exported again = export_message(folder_, "b2", request);
    EXPECT_NE(again.problem.find("File exists"), std::string::npos) << again.problem;
    request.whole = true;
    EXPECT_EQ(export_message(folder_, "d4", request).problem, "");
    EXPECT_EQ(text_of(place_ / "d4.gatepost"), text_of(place_ / "dead/d4"));
}

TEST_F(QueueFolderTest, SaysThatAnExportedContentIsDamaged) {
    std::string file = text_of(place_ / "queue/b2");
    file.replace(file.find("Hello"), 5, "Jello");
    place_.write("queue/b2", file);
    const QueueRequest request{.verb = Verb::copy, .target = place_.path()};
    const Exported exported = export_message(folder_, "b2", request);
    EXPECT_EQ(exported.problem, "b2: the content is damaged: its digest does not fit");
    EXPECT_NE(text_of(place_ / "b2.eml").find("Jello"), std::string::npos);
}

}  // namespace
}  // namespace gatepost::gateway
