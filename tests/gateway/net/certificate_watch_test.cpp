#include "gateway/net/certificate_watch.h"

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "tests/support/temporary_folder.h"

namespace gatepost::gateway {
namespace {

using tests::TemporaryFolder;

TEST(CertificateWatch, SaysOnceWhenFilesHaveChangedAndAreAtRest) {
    const FileStamp a{1, 1, 10, 100}, b{1, 2, 10, 100}, c{1, 2, 12, 200};
    CertificateWatch watch;
    watch.loaded({a, a});
    EXPECT_FALSE(watch.has_changed({a, a}));
    EXPECT_FALSE(watch.has_changed({b, a})) << "the key is still to come";
    EXPECT_FALSE(watch.has_changed({b, b})) << "still moving";
    EXPECT_TRUE(watch.has_changed({b, b}));
    EXPECT_FALSE(watch.has_changed({b, b})) << "once, also if they could not be loaded";
    EXPECT_FALSE(watch.has_changed({c, b}));
    EXPECT_FALSE(watch.has_changed({b, b})) << "and back again";
    EXPECT_FALSE(watch.has_changed({b, b}));
    watch.loaded({c, c});
    EXPECT_FALSE(watch.has_changed({c, c})) << "somebody else has loaded them";
}

TEST(CertificateWatch, NoticesEveryWayOfReplacingAFile) {
    const TemporaryFolder folder;
    const config::TlsIdentity identity{folder.write("a.pem", "one"), folder.write("a.key", "key"), {}};
    const std::string link = folder / "link.pem";
    const config::TlsIdentity linked{link, identity.key, {}};
    const auto missing = stamps_of({linked});
    EXPECT_EQ(missing.at(0), FileStamp());
    std::filesystem::create_symlink(identity.certificate, link);
    const auto before = stamps_of({identity, linked});
    ASSERT_EQ(before.size(), 4u);
    EXPECT_EQ(before[0], before[2]) << "a link stands for its file";
    EXPECT_EQ(stamps_of({identity, linked}), before);
    std::this_thread::sleep_for(std::chrono::milliseconds(50));  // file systems count in ticks
    std::filesystem::permissions(identity.key, std::filesystem::perms::owner_read);
    EXPECT_NE(stamps_of({identity}).at(1), before[1]) << "it may be the one that could not be read";
    folder.write("a.pem", "other");
    EXPECT_NE(stamps_of({identity}).at(0), before[0]);
    const auto other = folder.write("b.pem", "one");
    std::filesystem::remove(link);
    std::filesystem::create_symlink(other, link);
    EXPECT_NE(stamps_of({linked}).at(0), before[2]) << "certbot changes the link";
    std::filesystem::remove(other);
    EXPECT_EQ(stamps_of({linked}).at(0), FileStamp());
}

}  // namespace
}  // namespace gatepost::gateway
