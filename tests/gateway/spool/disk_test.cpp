// The steps on a real disk.
#include "gateway/spool/disk.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/support/temporary_folder.h"

namespace gatepost::gateway {
namespace {

using Kind = DiskStep::Kind;

std::string contents(const std::string& file) {
    std::ifstream stream(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
}

class DiskTest : public testing::Test {
  protected:
    DiskTest() {
        std::filesystem::create_directory(folder / "tmp");
        std::filesystem::create_directory(folder / "queue");
    }
    int write(const std::string& name, const std::string& text) {
        return disk.run({Kind::write, name}, [&](int file, std::size_t) { return write_all(file, text); });
    }

    tests::TemporaryFolder folder;
    Descriptor open{::open(folder.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    Disk disk{open.number()};
};

TEST_F(DiskTest, BringsAFileIntoPlace) {
    EXPECT_EQ(write("tmp/a", "text"), 0);
    EXPECT_EQ(disk.run({Kind::sync_file, "tmp/a"}), 0);
    EXPECT_EQ(disk.run({Kind::rename, "tmp/a", "queue/a"}), 0);
    EXPECT_EQ(disk.run({Kind::sync_folder, "queue"}), 0);
    EXPECT_EQ(contents(folder / "queue/a"), "text");
    EXPECT_FALSE(std::filesystem::exists(folder / "tmp/a"));
    struct stat status {};
    ASSERT_EQ(::stat((folder / "queue/a").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600u) << "mail is for nobody else";
}

TEST_F(DiskTest, SyncsManySideBySideAndSaysOfEachHowItEnded) {
    std::vector<std::string> names;
    for (int i = 0; i < 20; ++i) names.push_back("tmp/" + std::to_string(i));
    for (const auto& name : names) ASSERT_EQ(write(name, "text"), 0);
    EXPECT_EQ(disk.run({Kind::remove, names[7]}), 0);
    for (const auto& name : names)
        EXPECT_EQ(disk.run({Kind::sync_file, name}), name == names[7] ? ENOENT : 0);
    EXPECT_EQ(disk.run({Kind::sync_file, names[0]}), 0) << "once more, alone";
    EXPECT_EQ(disk.run({Kind::rename, names[0], "queue/0"}), 0);
    EXPECT_EQ(contents(folder / "queue/0"), "text");
}

TEST_F(DiskTest, WritesOverNothing) {
    folder.write("tmp/a", "old");
    EXPECT_EQ(write("tmp/a", "new"), EEXIST);
    folder.write("queue/a", "there");
    EXPECT_EQ(disk.run({Kind::rename, "tmp/a", "queue/a"}), EEXIST);
    EXPECT_EQ(contents(folder / "queue/a"), "there");
}

TEST_F(DiskTest, FollowsNoLink) {
    folder.write("outside", "theirs");
    std::filesystem::create_symlink(folder / "outside", folder / "tmp/a");
    EXPECT_NE(write("tmp/a", "x"), 0);
    EXPECT_NE(disk.run({Kind::append, "tmp/a", "", "x"}), 0);
    EXPECT_EQ(contents(folder / "outside"), "theirs");
}

TEST_F(DiskTest, SaysWhatTheWriterSays) {
    EXPECT_EQ(disk.run({Kind::write, "tmp/a"}, [](int, std::size_t) { return ENOSPC; }), ENOSPC);
    EXPECT_EQ(disk.run({Kind::remove, "tmp/a"}), 0);
    EXPECT_EQ(disk.run({Kind::remove, "tmp/a"}), ENOENT);
    EXPECT_EQ(disk.run({Kind::sync_file, "tmp/a"}), ENOENT);
    EXPECT_EQ(disk.run({Kind::sync_folder, "nowhere"}), ENOENT);
}

TEST_F(DiskTest, AppendsBehindTheLastWholeLine) {
    folder.write("queue/a", "first\nsecond\ntorn");
    EXPECT_EQ(disk.run({Kind::append, "queue/a", "", "third\n"}), 0);
    EXPECT_EQ(disk.run({Kind::sync_file, "queue/a"}), 0);
    EXPECT_EQ(contents(folder / "queue/a"), "first\nsecond\nthird\n");
}

}  // namespace
}  // namespace gatepost::gateway
