#include "gateway/spool/dead_letters.h"

#include <gtest/gtest.h>

#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <set>

#include "tests/support/temporary_folder.h"

namespace gatepost::gateway {
namespace {

constexpr std::size_t kPlenty = 1 << 20;

class DeadLettersTest : public testing::Test {
  protected:
    DeadLettersTest() {
        for (const char* shelf : {"queue", "hold", "dead"})
            std::filesystem::create_directories(folder / shelf);
    }
    void lay(const std::string& file, std::size_t octets) { folder.write(file, std::string(octets, 'x')); }
    std::set<std::string> dead() const {
        std::set<std::string> ids;
        for (const auto& each : std::filesystem::directory_iterator(folder / "dead"))
            ids.insert(each.path().filename().string());
        return ids;
    }

    const tests::TemporaryFolder folder;
    DeadLetters letters{folder / ""};
};

TEST_F(DeadLettersTest, AreSecondNames) {
    lay("queue/a1", 10);
    lay("hold/b1", 10);
    EXPECT_EQ(letters.keep("a1", kPlenty), 0);
    EXPECT_EQ(letters.keep("b1", kPlenty), 0);
    EXPECT_EQ(letters.keep("a1", kPlenty), 0) << "it is there already";
    EXPECT_EQ(letters.keep("c1", kPlenty), ENOENT);
    EXPECT_EQ(dead(), (std::set<std::string>{"a1", "b1"}));
    EXPECT_TRUE(std::filesystem::exists(folder / "queue/a1")) << "for its other recipients";
}

// FAT has no hard links, nor have some network file systems.
TEST_F(DeadLettersTest, AreCopiesWhereThereAreNoLinks) {
    std::filesystem::create_directories(folder / "tmp");
    for (const int lacking : {EPERM, EOPNOTSUPP, ENOSYS}) {
        static int error = 0;
        error = lacking;
        DeadLetters copies(folder / "", [](const char* from, const char*) {
            errno = ::access(from, F_OK) == 0 ? error : ENOENT;
            return -1;
        });
        const std::string id = "a" + std::to_string(lacking);
        const std::string text = id + std::string(200'000, 'x') + "end";
        folder.write("hold/" + id, text);
        EXPECT_EQ(copies.keep(id, kPlenty), 0) << lacking;
        std::filesystem::remove(folder / ("hold/" + id));
        std::ifstream copy(folder / ("dead/" + id));
        EXPECT_EQ(std::string(std::istreambuf_iterator<char>(copy), {}), text);
        lay("queue/" + id, 10);
        EXPECT_EQ(copies.keep(id, kPlenty), 0) << "it is there already";
        EXPECT_EQ(std::filesystem::file_size(folder / ("dead/" + id)), text.size());
        EXPECT_EQ(copies.keep("c1", kPlenty), ENOENT);
    }
    EXPECT_TRUE(std::filesystem::is_empty(folder / "tmp"));
    EXPECT_EQ(dead().size(), 3U);
}

TEST_F(DeadLettersTest, ACopyThatCannotBeMadeLeavesNothing) {
    lay("queue/a1", 10);
    DeadLetters copies(folder / "", [](const char*, const char*) { return errno = EPERM, -1; });
    EXPECT_EQ(copies.keep("a1", kPlenty), ENOENT) << "there is no tmp";
    EXPECT_TRUE(dead().empty());
}

// Who sends what the downstream refuses could fill the disk with them, and then no mail would be taken at
// all.
TEST_F(DeadLettersTest, TakeNoMoreRoomThanTheyMay) {
    lay("dead/a0", 400);
    for (const char* id : {"a1", "a2", "a3", "a4"}) {
        lay(std::string("queue/") + id, 300);
        ASSERT_EQ(letters.keep(id, 1000), 0);
        std::filesystem::remove(folder / ("queue/" + std::string(id)));
    }
    EXPECT_EQ(dead(), (std::set<std::string>{"a2", "a3", "a4"})) << "a tenth was made free, and filled again";
    lay("queue/a5", 5000);
    ASSERT_EQ(letters.keep("a5", 1000), 0);
    EXPECT_EQ(dead(), (std::set<std::string>{"a5"})) << "the newest stays, whatever it takes";
    std::filesystem::remove(folder / "dead/a5");
    for (const char* id : {"a6", "a7", "a8"}) {
        lay(std::string("queue/") + id, 300);
        ASSERT_EQ(letters.keep(id, 1000), 0);
        std::filesystem::remove(folder / ("queue/" + std::string(id)));
    }
    EXPECT_EQ(dead(), (std::set<std::string>{"a6", "a7", "a8"})) << "what others removed takes no room";
}

}  // namespace
}  // namespace gatepost::gateway
