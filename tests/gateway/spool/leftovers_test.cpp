#include "gateway/spool/leftovers.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/support/temporary_folder.h"

namespace gatepost::gateway {
namespace {

using namespace std::chrono_literals;

TEST(Leftovers, AreTriedUntilTheyAreGoneForGood) {
    const tests::TemporaryFolder folder;
    for (const char* shelf : {"queue", "tmp"}) std::filesystem::create_directory(folder / shelf);
    folder.write("queue/a", "x");
    std::filesystem::create_directory(folder / "queue/stays");  // unlink(2) does not remove it
    const Descriptor descriptor(::open(folder.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    Disk disk(descriptor.number());
    Leftovers leftovers;
    const Leftovers::Time now{1000h};
    EXPECT_EQ(leftovers.next(), Leftovers::Time::max());
    leftovers.add({"queue/a", "queue/stays", "tmp/gone"}, now);
    EXPECT_GT(leftovers.next(), now) << "it has failed just now";
    EXPECT_LT(leftovers.next(), now + 1min);
    for (const char* name : {"queue/a", "queue/stays", "tmp/gone"}) EXPECT_TRUE(leftovers.contains(name));
    leftovers.remove(disk, now + 1min);
    EXPECT_FALSE(std::filesystem::exists(folder / "queue/a"));
    EXPECT_FALSE(leftovers.contains("queue/a"));
    EXPECT_FALSE(leftovers.contains("tmp/gone")) << "what is not there is removed";
    EXPECT_TRUE(leftovers.contains("queue/stays"));
    EXPECT_GT(leftovers.next(), now + 1min);
    std::filesystem::remove(folder / "queue/stays");
    folder.write("queue/stays", "x");
    leftovers.remove(disk, now + 2min);
    EXPECT_FALSE(std::filesystem::exists(folder / "queue/stays"));
    EXPECT_EQ(leftovers.next(), Leftovers::Time::max());
}

TEST(Leftovers, AreNotForgottenBeforeTheFolderIsSynced) {
    const tests::TemporaryFolder folder;
    std::filesystem::create_directory(folder / "tmp");  // but no queue/, which cannot be synced then
    const Descriptor descriptor(::open(folder.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    Disk disk(descriptor.number());
    Leftovers leftovers;
    const Leftovers::Time now{1000h};
    leftovers.add({"queue/a"}, now);
    leftovers.remove(disk, now);
    EXPECT_TRUE(leftovers.contains("queue/a"));
    std::filesystem::create_directory(folder / "queue");
    leftovers.remove(disk, now);
    EXPECT_FALSE(leftovers.contains("queue/a"));
}

TEST(Leftovers, AreBounded) {
    Leftovers leftovers;
    std::vector<std::string> names;
    for (std::size_t i = 0; i <= Leftovers::kMost; ++i) names.push_back("queue/n" + std::to_string(i));
    leftovers.add(names, {});
    EXPECT_TRUE(leftovers.contains(names.front()));
    EXPECT_FALSE(leftovers.contains(names.back()));
}

}  // namespace
}  // namespace gatepost::gateway
