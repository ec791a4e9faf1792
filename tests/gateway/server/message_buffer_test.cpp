#include "gateway/server/message_buffer.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>

#include "tests/support/temporary_folder.h"

namespace gatepost::gateway {
namespace {

using tests::TemporaryFolder;

constexpr std::size_t kMemory = 100;

std::string pattern(std::size_t size) {
    std::string text(size, '\0');
    for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * 7 + i / 251);
    return text;
}

std::string read_all(MessageBuffer& buffer, std::size_t scratch_size) {
    std::string all;
    std::vector<char> scratch(scratch_size);
    for (;;) {
        const auto portion = buffer.read(all.size(), scratch);
        if (portion.empty()) return all;
        all += portion;
    }
}

// While it lives no file may grow past so many octets.
class FileSizeLimit {
  public:
    explicit FileSizeLimit(rlim_t octets) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
        ::getrlimit(RLIMIT_FSIZE, &before_);
        const rlimit limit{octets, before_.rlim_max};
        ::setrlimit(RLIMIT_FSIZE, &limit);
    }
    ~FileSizeLimit() {
        ::setrlimit(RLIMIT_FSIZE, &before_);
        std::signal(SIGXFSZ, handler_);
    }

  private:
    void (*handler_)(int);
    rlimit before_{};
};

TEST(MessageBuffer, StaysInMemoryWhileItFits) {
    MessageBuffer buffer("/nowhere", kMemory);
    EXPECT_TRUE(buffer.append(pattern(kMemory)));
    EXPECT_FALSE(buffer.is_on_disk());
    EXPECT_EQ(read_all(buffer, 0), pattern(kMemory));
    EXPECT_EQ(buffer.size(), kMemory);
}

TEST(MessageBuffer, GivesBackWhatCameInAnyPortions) {
    const TemporaryFolder folder;
    for (const std::size_t size : {0ul, 1ul, kMemory - 1, kMemory, kMemory + 1, 1000ul, 100'000ul}) {
        for (const std::size_t portion : {1ul, 7ul, kMemory, 5000ul}) {
            if (size / portion > 5000) continue;
            MessageBuffer buffer(folder.path(), kMemory);
            const std::string text = pattern(size);
            for (std::size_t at = 0; at < size; at += portion)
                ASSERT_TRUE(buffer.append(text.substr(at, portion)));
            EXPECT_EQ(buffer.is_on_disk(), size > kMemory);
            EXPECT_EQ(buffer.size(), size);
            for (const std::size_t scratch : {1ul, 64ul, 65536ul}) {
                if (size / scratch > 5000) continue;
                EXPECT_EQ(read_all(buffer, scratch), text) << size << " in " << portion;
            }
        }
    }
}

TEST(MessageBuffer, LeavesNoNameInTheFolder) {
    const TemporaryFolder folder;
    MessageBuffer buffer(folder.path(), 1);
    ASSERT_TRUE(buffer.append("on disk"));
    ASSERT_TRUE(buffer.is_on_disk());
    EXPECT_TRUE(folder.is_empty()) << "the file is gone with the process, whatever happens";
}

TEST(MessageBuffer, SaysWhyThereIsNoRoom) {
    const TemporaryFolder folder;
    folder.write("file", "");
    const struct {
        const char* reason;
        std::string folder, why;
    } rows[] = {
        {"no such folder", folder / "nowhere", "No such file or directory"},
        {"a file where the folder should be", folder / "file", "Not a directory"},
    };
    for (const auto& row : rows) {
        MessageBuffer buffer(row.folder, kMemory);
        EXPECT_TRUE(buffer.append(pattern(kMemory))) << row.reason;
        EXPECT_FALSE(buffer.append("x")) << row.reason;
        EXPECT_NE(buffer.problem().find(row.folder), std::string::npos) << buffer.problem();
        EXPECT_NE(buffer.problem().find(row.why), std::string::npos) << buffer.problem();
        EXPECT_FALSE(buffer.append("")) << "it is void from then on";
    }
}

TEST(MessageBuffer, NoticesThatTheDiskIsFull) {
    const TemporaryFolder folder;
    MessageBuffer buffer(folder.path(), kMemory);
    const FileSizeLimit limit(4096);
    ASSERT_TRUE(buffer.append(pattern(kMemory + 4000)));
    EXPECT_FALSE(buffer.append(pattern(200))) << "only a part of it can be written";
    EXPECT_FALSE(buffer.problem().empty());
    EXPECT_FALSE(buffer.append("x"));
}

}  // namespace
}  // namespace gatepost::gateway
