#include "gateway/spool/commit.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <map>

namespace gatepost::gateway {
namespace {

using Steps = std::vector<std::string>;

std::string text(const DiskStep& step) {
    constexpr const char* kNames[] = {"write", "append", "sync", "rename", "remove", "sync_folder"};
    return std::string(kNames[static_cast<int>(step.kind)]) + " " + step.name;
}

struct Played {
    Steps steps;
    std::vector<int> errors;
    int folder_error = 0;
    std::vector<std::string> left;
};

// `failing`: steps as text, and how they end.
Played play(std::vector<std::string> ids, const std::map<std::string, int>& failing, bool has_left = false) {
    Commit commit(std::move(ids), has_left);
    Played played;
    while (const auto step = commit.next()) {
        played.steps.push_back(text(*step));
        const auto found = failing.find(played.steps.back());
        commit.ended(found == failing.end() ? 0 : found->second);
    }
    played.errors = commit.errors();
    played.folder_error = commit.folder_error();
    played.left = commit.left();
    return played;
}

TEST(Commit, SyncsEachFileBeforeItsNameAndTheFolderOnceForAll) {
    const auto played = play({"a", "b"}, {});
    EXPECT_EQ(played.steps, (Steps{"write tmp/a", "write tmp/b", "sync tmp/a", "sync tmp/b", "rename tmp/a",
                                   "rename tmp/b", "sync_folder queue"}));
    EXPECT_EQ(played.errors, (std::vector<int>{0, 0}));
}

TEST(Commit, AFailureCostsItsMessageAloneAndLeavesNothingBehind) {
    struct Case {
        const char* step;
        int error;
        const char* removal;
    };
    const Case cases[] = {{"write tmp/a", ENOSPC, "remove tmp/a"},
                          {"write tmp/a", EEXIST, "remove tmp/a"},  // left behind by an earlier failure
                          {"sync tmp/a", EIO, "remove tmp/a"},
                          {"rename tmp/a", EIO, "remove tmp/a"}};
    for (const auto& each : cases) {
        const auto played = play({"a", "b"}, {{each.step, each.error}});
        EXPECT_EQ(played.errors, (std::vector<int>{each.error, 0})) << each.step;
        Steps removals;
        for (const auto& step : played.steps) {
            if (step.starts_with("remove")) removals.push_back(step);
        }
        EXPECT_EQ(removals, Steps{each.removal}) << each.step;
    }
}

TEST(Commit, AFolderThatCannotBeSyncedCostsTheBatch) {
    const auto played = play({"a", "b"}, {{"sync_folder queue", EIO}, {"remove queue/a", EIO}});
    EXPECT_EQ(played.errors, (std::vector<int>{EIO, EIO}));
    EXPECT_EQ(played.steps[7], "remove queue/a");
    EXPECT_EQ(played.steps[8], "remove queue/b");
    EXPECT_EQ(played.steps.size(), 9U);
    EXPECT_EQ(played.left, std::vector<std::string>{"queue/a"});
}

TEST(Commit, SaysWhatItCouldNotRemove) {
    const auto played =
        play({"a", "b", "c"},
             {{"sync tmp/a", EIO}, {"remove tmp/a", EIO}, {"write tmp/b", EIO}, {"remove tmp/b", ENOENT}});
    EXPECT_EQ(played.errors, (std::vector<int>{EIO, EIO, 0}));
    EXPECT_EQ(played.left, std::vector<std::string>{"tmp/a"});
}

TEST(Commit, SyncsNoFolderForNothing) {
    EXPECT_EQ(play({"a"}, {{"write tmp/a", ENOSPC}}).steps, (Steps{"write tmp/a", "remove tmp/a"}));
    EXPECT_TRUE(play({}, {}).steps.empty());
}

// Whoever waits for it hears of the folder's own end, not of that of the messages.
TEST(Commit, TheFolderIsSyncedForThoseWhoHaveLeftWhateverBecomesOfTheOthers) {
    struct Case {
        std::vector<std::string> ids;
        std::map<std::string, int> failing;
        Steps steps;
        int folder_error;
    };
    const Case cases[] = {
        {{}, {}, {"sync_folder queue"}, 0},
        {{}, {{"sync_folder queue", EIO}}, {"sync_folder queue"}, EIO},
        {{"a"}, {}, {"write tmp/a", "sync tmp/a", "rename tmp/a", "sync_folder queue"}, 0},
        {{"a"}, {{"write tmp/a", ENOSPC}}, {"write tmp/a", "sync_folder queue", "remove tmp/a"}, 0},
        {{"a"},
         {{"sync_folder queue", EIO}},
         {"write tmp/a", "sync tmp/a", "rename tmp/a", "sync_folder queue", "remove queue/a"},
         EIO}};
    for (const auto& each : cases) {
        const auto played = play(each.ids, each.failing, true);
        EXPECT_EQ(played.steps, each.steps);
        EXPECT_EQ(played.folder_error, each.folder_error);
    }
}

}  // namespace
}  // namespace gatepost::gateway
