// The spool on a real disk: what it takes is there after a restart, what is damaged is set aside, and what
// there is no room for is refused.
#include "gateway/spool/disk_spool.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <csignal>

#include "tests/support/memory_shortage.h"
#include "tests/support/temporary_folder.h"

namespace gatepost::gateway {
namespace {

// Portions of the size that is asked for, in memory.
class TextContent final : public Content {
  public:
    explicit TextContent(std::string text, std::size_t portion = 1000)
        : text_(std::move(text)), portion_(portion) {}
    std::size_t size() const override { return text_.size() + missing; }
    std::unique_ptr<ContentReader> reader() override { return std::make_unique<Reader>(*this); }
    std::size_t missing = 0;         // octets that it says it has and does not give
    tests::MemoryShortage shortage;  // begins at its end, where it is read

  private:
    class Reader final : public ContentReader {
      public:
        explicit Reader(TextContent& content) : content_(content) {}
        std::string_view next() override {
            const auto part = std::string_view(content_.text_).substr(at_, content_.portion_);
            at_ += part.size();
            if (part.empty()) tests::memory_shortage = content_.shortage;
            return part;
        }
        bool lasts() const override { return true; }
        bool failed() const override { return false; }

      private:
        TextContent& content_;
        std::size_t at_ = 0;
    };
    std::string text_;
    std::size_t portion_;
};

SpooledMessage message(const std::string& id, std::size_t recipients = 1) {
    SpooledMessage message;
    message.id = id;
    message.sender.reverse_path = protocol::parse_reverse_path("<sender@example.net>")->path;
    for (std::size_t i = 0; i < recipients; ++i) {
        const std::string path = "<user" + std::to_string(i) + "@example.org>";
        message.recipients.push_back({protocol::parse_forward_path(path)->path});
    }
    return message;
}

std::string contents(const std::string& file) {
    std::ifstream stream(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
}

std::string text_of(Content& content, bool& failed) {
    const auto reader = content.reader();
    std::string text;
    for (auto part = reader->next(); !part.empty(); part = reader->next()) text += part;
    failed = reader->failed();
    return text;
}

class DiskSpoolTest : public testing::Test {
  protected:
    DiskSpoolTest() { start(); }

    // As a new process would.
    void start() {
        spool.reset();
        auto opened = Spool::open(path(), limits);
        ASSERT_TRUE(opened) << opened.problem();
        spool = std::move(*opened);
        found.clear();
        const auto unread = spool->recover([&](const Spooled& each) { found.push_back(each); });
        ASSERT_TRUE(unread) << unread.problem();
        EXPECT_EQ(*unread, 0u);
    }
    std::string path() const { return folder / "spool"; }
    std::string file(const std::string& name) const { return path() + "/" + name; }
    bool has(const std::string& name) const { return std::filesystem::exists(file(name)); }
    std::size_t count(const std::string& shelf) const {
        const std::filesystem::directory_iterator all(file(shelf));
        return static_cast<std::size_t>(std::distance(begin(all), end(all)));
    }

    int result(awaitable<int> work) {
        int error = -1;
        asio::co_spawn(context, std::move(work), [&](std::exception_ptr exception, int returned) {
            EXPECT_FALSE(exception);
            error = returned;
        });
        context.restart();
        context.run();
        return error;
    }
    int commit(const std::string& id, const std::string& text, std::size_t recipients = 1) {
        TextContent content(text);
        return result(spool->commit(context, message(id, recipients), content));
    }
    void damage(const std::string& name, std::size_t at) {
        std::string text = contents(file(name));
        text[at] ^= 1;
        std::ofstream(file(name), std::ios::binary) << text;
    }

    tests::TemporaryFolder folder;
    config::Queue limits = [] {
        config::Queue roomy;
        roomy.free_space = 0;
        return roomy;
    }();
    asio::io_context context;
    std::unique_ptr<Spool> spool;
    std::vector<Spooled> found;
};

TEST_F(DiskSpoolTest, KeepsAMessageOverARestart) {
    const std::string text = "Subject: x\r\n\r\n" + std::string(200'000, 'b') + "\r\n";
    ASSERT_EQ(commit("one", text, 3), 0);
    EXPECT_TRUE(has("queue/one"));
    EXPECT_EQ(count("tmp"), 0u);
    start();
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0].message.id, "one");
    EXPECT_EQ(found[0].message.recipients.size(), 3u);
    EXPECT_EQ(found[0].message.content_octets, text.size());
    EXPECT_FALSE(found[0].is_held);
    const auto content = spool->content("one");
    ASSERT_TRUE(content);
    bool failed = true;
    EXPECT_EQ(text_of(*content, failed), text);
    EXPECT_FALSE(failed);
    EXPECT_EQ(text_of(*content, failed), text) << "for a second try";
}

TEST_F(DiskSpoolTest, TellsOfWhatCameAndOfNothingElse) {
    std::vector<std::string> told;
    spool->tell_of_new([&](const SpooledMessage& each) { told.push_back(each.id); });
    ASSERT_EQ(commit("one", "x"), 0);
    EXPECT_EQ(commit("one", "y"), EEXIST) << "never over another message";
    spool->finish();
    EXPECT_EQ(told, std::vector<std::string>{"one"});
    EXPECT_EQ(commit("two", "x"), ESHUTDOWN);
    EXPECT_FALSE(has("queue/two"));
}

// Its client would send it again, and it would be delivered twice.
TEST_F(DiskSpoolTest, SaysThatADurableMessageIsSafeWhateverHappensToTheNewsOfIt) {
    spool->tell_of_new([](const SpooledMessage&) { throw std::bad_alloc(); });
    EXPECT_EQ(commit("one", "x"), 0);
    EXPECT_TRUE(has("queue/one"));
    start();
    EXPECT_EQ(found.size(), 1u);
}

TEST_F(DiskSpoolTest, TakesNoContentThatIsShorterThanItSays) {
    TextContent content("text");
    content.missing = 1;
    EXPECT_EQ(result(spool->commit(context, message("one"), content)), EIO);
    EXPECT_EQ(count("queue") + count("tmp"), 0u);
}

TEST_F(DiskSpoolTest, TakesNoIdThatIsAPath) {
    for (const char* id : {"", "../x", "a/b", ".", "a b"}) {
        EXPECT_EQ(commit(id, "x"), EINVAL) << id;
        EXPECT_NE(result(spool->remove(context, id)), 0) << id;
        EXPECT_NE(result(spool->move(context, id, Spool::Shelf::queue, Spool::Shelf::dead)), 0) << id;
        EXPECT_FALSE(spool->read(id)) << id;
        EXPECT_FALSE(spool->content(id)) << id;
    }
}

TEST_F(DiskSpoolTest, RemembersTheJournal) {
    ASSERT_EQ(commit("one", "x", 2), 0);
    JournalEntry entry;
    entry.attempts = 1;
    entry.done = {1};
    entry.why = "451 later";
    EXPECT_EQ(result(spool->record(context, "one", entry)), 0);
    entry.attempts = 2;
    entry.done.clear();
    EXPECT_EQ(result(spool->record(context, "one", entry)), 0);
    start();
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0].journal.last.attempts, 2u);
    EXPECT_EQ(found[0].journal.done, (std::vector<bool>{false, true}));
    EXPECT_EQ(result(spool->record(context, "none", entry)), ENOENT);
}

TEST_F(DiskSpoolTest, CutsATornJournalAndGoesOnBehindIt) {
    ASSERT_EQ(commit("one", "x", 2), 0);
    JournalEntry entry;
    entry.done = {0};
    ASSERT_EQ(result(spool->record(context, "one", entry)), 0);
    std::ofstream(file("queue/one"), std::ios::binary | std::ios::app) << "try 0123\nmore";
    start();
    ASSERT_EQ(found.size(), 1u);
    entry.done = {1};
    ASSERT_EQ(result(spool->record(context, "one", entry)), 0);
    start();
    EXPECT_EQ(found[0].journal.done, (std::vector<bool>{true, true}));
}

TEST_F(DiskSpoolTest, SetsAsideWhatIsTornOrForeignAndGoesOn) {
    ASSERT_EQ(commit("good", "text of the good one"), 0);
    ASSERT_EQ(commit("held", "text of the held one"), 0);
    ASSERT_EQ(result(spool->move(context, "held", Spool::Shelf::queue, Spool::Shelf::hold)), 0);
    const char* const damaged[] = {"head", "body", "digest", "short"};
    for (const char* id : damaged) ASSERT_EQ(commit(id, "text of this one"), 0);
    const std::size_t size = contents(file("queue/head")).size();
    spool.reset();
    damage("queue/head", 20);
    damage("queue/body", size - kSpoolTrailer - 3);
    damage("queue/digest", size - 5);
    std::filesystem::resize_file(file("queue/short"), size - 1);
    std::filesystem::rename(file("queue/good"), file("queue/other"));
    std::filesystem::copy(file("queue/other"), file("queue/good"));
    std::ofstream(file("queue/README"), std::ios::binary) << "what is this\n";
    std::ofstream(file("queue/.nfs0001"), std::ios::binary) << "x";
    std::ofstream(file("queue/empty"), std::ios::binary);
    std::filesystem::create_directory(file("queue/folder"));
    std::filesystem::create_symlink("/etc/passwd", file("queue/link"));
    ASSERT_EQ(::mkfifo(file("queue/pipe").c_str(), 0600), 0);
    std::ofstream(file("tmp/halfdone"), std::ios::binary) << "gatepost";
    start();
    ASSERT_EQ(found.size(), 2u);
    EXPECT_EQ(found[0].message.id, "good");
    EXPECT_EQ(found[1].message.id, "held");
    EXPECT_TRUE(found[1].is_held);
    for (const char* id :
         {"head", "body", "digest", "short", "other", "README", ".nfs0001", "empty", "folder"})
        EXPECT_TRUE(has(std::string("corrupt/") + id)) << id;
    EXPECT_TRUE(std::filesystem::is_symlink(file("corrupt/link")));
    EXPECT_TRUE(has("corrupt/pipe"));
    EXPECT_EQ(count("queue"), 1u);
    EXPECT_EQ(count("tmp"), 0u);
    EXPECT_EQ(commit("next", "x"), 0);
}

TEST_F(DiskSpoolTest, SetsNamesakesAsideBesideEachOther) {
    for (const char* text : {"first", "second"}) {
        spool.reset();
        std::ofstream(file("queue/README"), std::ios::binary) << text;
        start();
    }
    EXPECT_EQ(contents(file("corrupt/README")), "first");
    EXPECT_EQ(contents(file("corrupt/README.1")), "second");
}

TEST_F(DiskSpoolTest, GivesOutNoDamagedContentToItsEnd) {
    const std::string text = std::string(200'000, 'a');
    ASSERT_EQ(commit("one", text), 0);
    const auto content = spool->content("one");
    ASSERT_TRUE(content);
    damage("queue/one", contents(file("queue/one")).size() - 5000 - 100'000);
    bool failed = false;
    EXPECT_LT(text_of(*content, failed).size(), text.size());
    EXPECT_TRUE(failed) << "damaged after it was looked at";
    EXPECT_FALSE(spool->content("one")) << "damaged before";
    EXPECT_EQ(result(spool->move(context, "one", Spool::Shelf::queue, Spool::Shelf::corrupt)), 0);
    EXPECT_TRUE(has("corrupt/one"));
}

TEST_F(DiskSpoolTest, RefusesWhatThereIsNoRoomForAndCountsExactly) {
    const std::size_t each = 1000;
    limits.messages = 3;
    limits.size = 3 * 2100;
    spool->use(limits);
    EXPECT_FALSE(spool->refusal(each));
    for (const char* id : {"a", "b", "c"}) ASSERT_EQ(commit(id, std::string(each, 'x')), 0) << id;
    ASSERT_TRUE(spool->refusal(0));
    EXPECT_EQ(spool->refusal(0)->text(), "452 4.3.1 No storage now, try again later");
    EXPECT_EQ(commit("d", "x"), ENOSPC);
    ASSERT_EQ(result(spool->remove(context, "a")), 0);
    EXPECT_FALSE(spool->refusal(each));
    EXPECT_TRUE(spool->refusal(4000)) << "a large one";
    ASSERT_EQ(result(spool->move(context, "b", Spool::Shelf::queue, Spool::Shelf::hold)), 0);
    ASSERT_EQ(commit("d", std::string(each, 'x')), 0);
    EXPECT_TRUE(spool->refusal(0)) << "what is held counts";
    ASSERT_EQ(result(spool->move(context, "b", Spool::Shelf::hold, Spool::Shelf::dead)), 0);
    EXPECT_FALSE(spool->refusal(0)) << "dead letters do not";
    ASSERT_EQ(result(spool->remove(context, "b")), 0);
    start();
    EXPECT_EQ(found.size(), 2u);
    EXPECT_FALSE(spool->refusal(0));
    ASSERT_EQ(commit("e", "x"), 0);
    EXPECT_TRUE(spool->refusal(0)) << "what was there at the start counts";
}

// In one batch, as far as the thread finds them waiting together.
TEST_F(DiskSpoolTest, DoesAtOnceWhatComesAtOnce) {
    for (const char* id : {"goes", "held", "dead", "tried"}) ASSERT_EQ(commit(id, "text", 2), 0) << id;
    ASSERT_EQ(result(spool->move(context, "held", Spool::Shelf::queue, Spool::Shelf::hold)), 0);
    JournalEntry entry;
    entry.done = {1};
    TextContent content("text"), short_content("text");
    short_content.missing = 1;
    std::vector<int> errors;
    const auto add = [&](awaitable<int> work) {
        const std::size_t place = errors.size();
        errors.push_back(-1);
        asio::co_spawn(context, std::move(work),
                       [&, place](std::exception_ptr, int error) { errors[place] = error; });
    };
    add(spool->remove_queued(context, "goes"));
    add(spool->commit(context, message("new"), content));
    add(spool->move(context, "held", Spool::Shelf::hold, Spool::Shelf::queue));
    add(spool->remove_queued(context, "was never there"));
    add(spool->commit(context, message("short"), short_content));
    add(spool->move(context, "dead", Spool::Shelf::queue, Spool::Shelf::dead));
    add(spool->record(context, "tried", entry));
    add(spool->remove_queued(context, "none"));
    context.restart();
    context.run();
    EXPECT_EQ(errors, (std::vector<int>{0, 0, 0, ENOENT, EIO, 0, 0, ENOENT}));
    start();
    std::vector<std::string> ids;
    for (const auto& each : found) ids.push_back(each.message.id + (each.is_held ? " (held)" : ""));
    EXPECT_EQ(ids, (std::vector<std::string>{"held", "new", "tried"}));
    EXPECT_EQ(found.back().journal.done, (std::vector<bool>{false, true}));
    EXPECT_TRUE(has("dead/dead"));
    EXPECT_EQ(count("tmp"), 0u);
}

// The queue removes again when it was told that the first time failed.
TEST_F(DiskSpoolTest, KeepsTheDeadLetterOfAMessageThatLeavesTheQueue) {
    ASSERT_EQ(commit("one", "text"), 0);
    ASSERT_EQ(::link(file("queue/one").c_str(), file("dead/one").c_str()), 0);
    EXPECT_EQ(result(spool->remove_queued(context, "one")), 0);
    EXPECT_FALSE(has("queue/one"));
    EXPECT_EQ(result(spool->remove_queued(context, "one")), ENOENT);
    EXPECT_TRUE(has("dead/one"));
    JournalEntry entry;
    entry.done = {0};
    EXPECT_EQ(result(spool->record(context, "one", entry)), ENOENT) << "nor is it written into";
    EXPECT_FALSE(spool->read("one")) << "nor is it tried";
    EXPECT_FALSE(spool->content("one"));
    EXPECT_TRUE(spool->has("one"));
    EXPECT_EQ(result(spool->remove(context, "one")), 0) << "unless it is dropped itself";
    EXPECT_FALSE(has("dead/one"));
}

// Or a queue full of what was given up would never empty.
TEST_F(DiskSpoolTest, HasRoomForNotificationsWhenItIsFull) {
    limits.messages = 1;
    limits.size = 1500;
    spool->use(limits);
    ASSERT_EQ(commit("a", "x"), 0);
    SpooledMessage notification = message("af01234567");
    notification.origin = Origin::notification;
    TextContent content(std::string(1000, 'x'));
    EXPECT_EQ(result(spool->commit(context, notification, content)), 0);
    ASSERT_EQ(result(spool->remove(context, "a")), 0);
    EXPECT_TRUE(spool->refusal(0)) << "it counts all the same";
    EXPECT_EQ(commit("b", "x"), ENOSPC);
}

// As of a disk that fails for a moment: the file may be whole.
TEST_F(DiskSpoolTest, CallsNothingDamagedThatItOnlyDidNotGet) {
    ASSERT_EQ(commit("one", std::string(200'000, 'a')), 0);
    const std::string text = contents(file("queue/one"));
    const Descriptor shelf(::open(path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const auto opened = SpooledFile::open(shelf.number(), "queue/one");
    ASSERT_TRUE(opened) << opened.problem();
    EXPECT_EQ(opened->look(), SpooledFile::State::whole);
    std::filesystem::resize_file(file("queue/one"), 100'000);
    EXPECT_EQ(opened->look(), SpooledFile::State::unreadable);
    std::ofstream(file("queue/one"), std::ios::binary) << text;
    EXPECT_EQ(opened->look(), SpooledFile::State::whole);
    damage("queue/one", 100'000);
    EXPECT_EQ(opened->look(), SpooledFile::State::damaged);
}

TEST_F(DiskSpoolTest, LeavesTheDiskSomeSpace) {
    limits.free_space = std::size_t(1) << 62;
    spool->use(limits);
    EXPECT_TRUE(spool->refusal(0));
    EXPECT_EQ(commit("a", "x"), ENOSPC);
    EXPECT_EQ(count("queue") + count("tmp"), 0u);
}

TEST_F(DiskSpoolTest, LeavesNothingOfWhatDoesNotFit) {
    std::signal(SIGXFSZ, SIG_IGN);
    rlimit before{}, small{20'000, 20'000};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
    small.rlim_max = before.rlim_max;
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
    const int large = commit("large", std::string(100'000, 'x'));
    const int fits = commit("fits", std::string(1000, 'x'));
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
    EXPECT_EQ(large, EFBIG);
    EXPECT_EQ(fits, 0);
    EXPECT_FALSE(has("queue/large"));
    EXPECT_EQ(count("tmp"), 0u);
    EXPECT_EQ(commit("large", std::string(100'000, 'x')), 0) << "later";
}

TEST_F(DiskSpoolTest, TakesManyAtOnceFromManyContexts) {
    constexpr int kThreads = 4, kEach = 100;
    std::atomic<int> good{0};
    std::vector<std::thread> threads;
    for (int thread = 0; thread < kThreads; ++thread) {
        threads.emplace_back([&, thread] {
            asio::io_context own;
            TextContent content(std::string(5000, 'x'));
            for (int i = 0; i < kEach; ++i) {
                const std::string id = "t" + std::to_string(thread) + "n" + std::to_string(i);
                asio::co_spawn(own, spool->commit(own, message(id), content),
                               [&](std::exception_ptr exception, int error) {
                                   if (!exception && error == 0) ++good;
                               });
            }
            own.run();
        });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(good, kThreads * kEach);
    start();
    EXPECT_EQ(found.size(), std::size_t(kThreads * kEach));
}

// What is told of here has been committed; the thread has then only to wake who waits for that.
TEST_F(DiskSpoolTest, WakesEverybodyWhenThereIsMemoryAgain) {
    bool was_short = false;
    spool->tell_of_new([&](const SpooledMessage&) { tests::memory_shortage = {.left = 0, .failing = 3}; });
    for (const char* id : {"one", "two"}) EXPECT_EQ(commit(id, "x"), 0) << id;
    spool->tell_of_new([&](const SpooledMessage&) { was_short = tests::memory_shortage.left == 0; });
    EXPECT_EQ(commit("three", "x"), 0);
    EXPECT_FALSE(was_short) << "all of them have failed";
    EXPECT_EQ(count("queue"), 3u);
}

// Whichever allocation fails: what its client was told to bring again must not be found by the next start.
TEST_F(DiskSpoolTest, HasCommittedWhollyOrNotAtAllWhenMemoryIsShort) {
    std::size_t good = 0;
    for (long left = 0; left < 60; ++left) {
        const std::string id = "m" + std::to_string(left);
        TextContent content("text");
        content.shortage = {.left = left, .failing = 2};
        const int error = result(spool->commit(context, message(id), content));
        EXPECT_EQ(has("queue/" + id), error == 0) << left << " " << error;
        good += error == 0;
    }
    EXPECT_GT(good, 0u);
    EXPECT_LT(good, 60u) << "the shortage was felt";
    EXPECT_EQ(count("tmp"), 0u);
    EXPECT_EQ(count("queue"), good);
}

TEST_F(DiskSpoolTest, IsForOneProcessOnly) {
    const auto second = Spool::open(path(), limits);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.problem(), "spool: " + path() + " is in use by another gatepost (process " +
                                    std::to_string(::getpid()) +
                                    "); end that one first, or give this one a `state` of its own");
    EXPECT_EQ(commit("one", "x"), 0) << "the first one is not disturbed";
}

TEST_F(DiskSpoolTest, TakesALockThatNobodyHolds) {
    spool.reset();
    std::ofstream(file("lock")) << "99999\n";
    start();
    EXPECT_EQ(contents(file("lock")), std::to_string(::getpid()) + "\n");
}

TEST_F(DiskSpoolTest, IsForUsAlone) {
    for (const char* name : {"", "/tmp", "/queue", "/hold", "/dead", "/corrupt"}) {
        struct stat status {};
        ASSERT_EQ(::stat((path() + name).c_str(), &status), 0) << name;
        EXPECT_EQ(status.st_mode & 0777, 0700u) << name;
    }
}

TEST(SpoolOpen, SaysWhatIsWrongWithTheFolder) {
    const tests::TemporaryFolder folder;
    folder.write("file", "x");
    const auto on_file = Spool::open(folder / "file", {});
    ASSERT_FALSE(on_file);
    EXPECT_EQ(on_file.problem(), "spool: " + (folder / "file") +
                                     ": Not a directory; gatepost must be able to write there: make it the "
                                     "folder of gatepost's user, or name another `state`");
    const auto below_file = Spool::open(folder / "file/spool", {});
    ASSERT_FALSE(below_file);
    EXPECT_NE(below_file.problem().find("Not a directory"), std::string::npos) << below_file.problem();
    const auto nowhere = Spool::open("/proc/spool", {});
    EXPECT_FALSE(nowhere);
}

}  // namespace
}  // namespace gatepost::gateway
