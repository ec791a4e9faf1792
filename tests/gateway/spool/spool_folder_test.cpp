#include "gateway/spool/spool_folder.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "auth/crypto.h"
#include "gateway/log.h"
#include "gateway/spool/running_date.h"
#include "tests/support/temporary_folder.h"

namespace gatepost::gateway {
namespace {

// The next open() fails with EMFILE as long as this is there.
class NoDescriptors {
  public:
    NoDescriptors() {
        ::getrlimit(RLIMIT_NOFILE, &before_);
        const Descriptor next(::open("/dev/null", O_RDONLY | O_CLOEXEC));
        rlimit none = before_;
        none.rlim_cur = static_cast<rlim_t>(next.number());
        ::setrlimit(RLIMIT_NOFILE, &none);
    }
    ~NoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
    NoDescriptors(const NoDescriptors&) = delete;
    NoDescriptors& operator=(const NoDescriptors&) = delete;

  private:
    rlimit before_{};
};

class SpoolFolderTest : public testing::Test {
  protected:
    void SetUp() override {
        // The first line makes the logger: where no descriptor is left UBSan, which looks at objects through
        // a pipe, would take it for a broken one.
        log_info(LogLine("test"));
        auto result = SpoolFolder::open(folder_ / "spool");
        ASSERT_TRUE(result) << result.problem();
        opened_.emplace(std::move(*result));
    }
    std::string file(const std::string& name) const { return folder_ / ("spool/" + name); }
    void put(const std::string& shelf, const std::string& id) const {
        SpooledMessage message;
        message.id = id;
        message.sender.reverse_path = protocol::parse_reverse_path("<sender@example.net>")->path;
        message.recipients.push_back({protocol::parse_forward_path("<user@example.org>")->path});
        message.content_octets = 3;
        const auto head = spool_head(message);
        ASSERT_TRUE(head) << head.problem();
        auth::Sha256 hash;
        hash.update(*head);
        hash.update("x\r\n");
        std::ofstream(file(shelf + "/" + id), std::ios::binary) << *head << "x\r\n"
                                                                << spool_trailer(hash.finish());
    }
    std::vector<SpoolFolder::Place> recover(const std::vector<SpoolFolder::Place>& places) {
        return opened_->recover(places, [this](const Spooled& each) { found_.push_back(each.message.id); });
    }

    tests::TemporaryFolder folder_;
    std::optional<SpoolFolder> opened_;
    std::vector<std::string> found_;
};

TEST_F(SpoolFolderTest, ListsQueueAndHoldTheOldestFirst) {
    for (const char* id : {"3c", "1a", "2b"}) put("queue", id);
    put("hold", "0h");
    const auto places = opened_->queued();
    ASSERT_TRUE(places) << places.problem();
    ASSERT_EQ(places->size(), 4u);
    EXPECT_EQ(recover(*places).size(), 0u);
    EXPECT_EQ(found_, (std::vector<std::string>{"1a", "2b", "3c", "0h"}));
}

// What cannot be opened for want of descriptors is neither lost nor damaged: it is given back, to be read
// later.
TEST_F(SpoolFolderTest, GivesBackWhatCannotBeReadNow) {
    put("queue", "1a");
    put("hold", "2b");
    const auto places = opened_->queued();
    ASSERT_TRUE(places) << places.problem();
    std::vector<SpoolFolder::Place> unread;
    {
        const NoDescriptors none;
        unread = recover(*places);
    }
    EXPECT_TRUE(found_.empty());
    EXPECT_TRUE(std::filesystem::is_empty(file("corrupt")));
    ASSERT_EQ(unread.size(), 2u);
    std::filesystem::remove(file("hold/2b"));  // taken away by somebody, meanwhile
    EXPECT_EQ(recover(unread).size(), 0u);
    EXPECT_EQ(found_, std::vector<std::string>{"1a"});
}

// Two letters are kept 30 days; the gateway ran an hour before `now`, or as long ago as the row says. What
// the clock is worth is not known: the last copies go rather too late.
TEST_F(SpoolFolderTest, DeadLettersGoWhenTheirTimeIsOverButNotForAWrongClock) {
    using Hours = std::chrono::hours;
    const auto kept = std::chrono::duration_cast<std::chrono::seconds>(Hours(30 * 24));
    const SpoolFolder::Date start{Hours(24 * 20'000)};
    const struct {
        const char* what;
        Hours ran_until, starts_at, looks_at;
        std::vector<std::string> left;
    } rows[] = {
        {"before its time", Hours(20), Hours(21), Hours(30 * 24 - 1), {"old", "young"}},
        {"its time is over", Hours(20), Hours(21), Hours(30 * 24 + 1), {"young"}},
        {"both", Hours(20), Hours(21), Hours(32 * 24), {}},
        {"a start 400 days later", Hours(20), Hours(400 * 24), Hours(400 * 24 + 1), {"old", "young"}},
        {"their time begins anew", Hours(20), Hours(400 * 24), Hours(431 * 24), {}},
        {"a start long before", Hours(20), Hours(-400 * 24), Hours(-399 * 24), {"old", "young"}},
        {"and they do not stay for ever", Hours(20), Hours(-400 * 24), Hours(-369 * 24), {}},
    };
    for (const auto& row : rows) {
        put("dead", "old");
        put("dead", "young");
        for (const auto& [name, hours] : {std::pair("old", Hours(0)), std::pair("young", Hours(10))}) {
            const Descriptor letter(::open(file(std::string("dead/") + name).c_str(), O_RDONLY));
            set_date(letter.number(), start + hours);
        }
        opened_->note_date(start + row.ran_until);
        opened_->renew_dead_after_a_gap(start + row.starts_at);
        opened_->remove_dead(start + row.looks_at, kept);
        std::vector<std::string> left;
        for (const auto& each : std::filesystem::directory_iterator(file("dead")))
            left.push_back(each.path().filename());
        std::sort(left.begin(), left.end());
        EXPECT_EQ(left, row.left) << row.what;
        for (const auto& name : left) std::filesystem::remove(file("dead/" + name));
    }
}

TEST_F(SpoolFolderTest, DeadLettersStayForEverIfTheyShall) {
    put("dead", "old");
    opened_->remove_dead(std::chrono::system_clock::now() + std::chrono::hours(24 * 4000), {});
    EXPECT_TRUE(std::filesystem::exists(file("dead/old")));
}

// An empty list would mean that nothing lies there.
TEST_F(SpoolFolderTest, SaysWhenTheQueueCannotBeListed) {
    put("queue", "1a");
    std::optional<protocol::Result<std::vector<SpoolFolder::Place>>> places;
    {
        const NoDescriptors none;
        places = opened_->queued();
    }
    ASSERT_FALSE(*places);
    EXPECT_NE(places->problem().find("spool/queue: Too many open files"), std::string::npos)
        << places->problem();
}

}  // namespace
}  // namespace gatepost::gateway
