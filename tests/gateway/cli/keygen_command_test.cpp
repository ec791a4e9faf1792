#include "gateway/cli/keygen_command.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sysexits.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "auth/dkim_sign.h"
#include "gateway/private_key_file.h"
#include "tests/support/temporary_folder.h"

namespace gatepost::gateway {
namespace {

using protocol::Domain;

Domain domain(const char* text) {
    return *Domain::parse(text);
}

std::string contents(const std::string& name) {
    std::ifstream file(name, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

TEST(Keygen, SplitsTheRecordIntoStringsThatDnsTakes) {
    EXPECT_EQ(zone_record(domain("gp1"), domain("example.org"), "v=DKIM1; k=ed25519; p=AAAA"),
              "gp1._domainkey.example.org. IN TXT (\n    \"v=DKIM1; k=ed25519; p=AAAA\" )");
    EXPECT_EQ(
        zone_record(domain("gp1"), domain("example.org"), std::string(255, 'a') + std::string(256, 'b')),
        "gp1._domainkey.example.org. IN TXT (\n    \"" + std::string(255, 'a') + "\"\n    \"" +
            std::string(255, 'b') + "\"\n    \"b\" )");
}

TEST(Keygen, NamesTheMonthInTheSelector) {
    EXPECT_EQ(selector_for(1'795'444'200).text(), "gp202611");  // Mon, 23 Nov 2026
    EXPECT_EQ(selector_for(1'798'761'600).text(), "gp202701");  // Fri, 1 Jan 2027 00:00:00 UTC
}

TEST(Keygen, MakesAKeyForItsOwnerAloneAndReplacesNone) {
    const tests::TemporaryFolder folder;
    for (const auto type : {auth::KeyType::rsa, auth::KeyType::ed25519}) {
        KeygenRequest request{type, domain("example.org"), domain("gp1"), folder / "a.key"};
        std::filesystem::remove(request.file);
        testing::internal::CaptureStdout();
        ASSERT_EQ(keygen(request), EX_OK);
        const auto told = testing::internal::GetCapturedStdout();
        struct stat facts {};
        ASSERT_EQ(::stat(request.file.c_str(), &facts), 0);
        EXPECT_EQ(facts.st_mode & 0777, 0600u);
        const auto pem = contents(request.file);
        const auto key = read_private_key(request.file);
        ASSERT_TRUE(key) << key.problem();
        EXPECT_EQ(key->type(), type);
        EXPECT_NE(told.find(zone_record(request.selector, request.domain, auth::key_record(*key))),
                  std::string::npos)
            << told;
        EXPECT_NE(told.find("\nnotifications:\n  domain: example.org\n  selector: gp1\n  key: " +
                            request.file + "\n"),
                  std::string::npos)
            << told;
        EXPECT_EQ(told.find("PRIVATE"), std::string::npos);

        testing::internal::CaptureStderr();
        EXPECT_EQ(keygen(request), EX_CANTCREAT);
        EXPECT_NE(testing::internal::GetCapturedStderr().find("--force"), std::string::npos);
        EXPECT_EQ(contents(request.file), pem) << "the key that is there stays";

        testing::internal::CaptureStdout();
        request.is_shown_only = true;
        EXPECT_EQ(keygen(request), EX_OK);
        EXPECT_NE(testing::internal::GetCapturedStdout().find(
                      zone_record(request.selector, request.domain, auth::key_record(*key))),
                  std::string::npos);
        EXPECT_EQ(contents(request.file), pem);

        testing::internal::CaptureStdout();
        request.is_shown_only = false;
        request.is_forced = true;
        EXPECT_EQ(keygen(request), EX_OK);
        testing::internal::GetCapturedStdout();
        EXPECT_NE(contents(request.file), pem);
        ASSERT_EQ(::stat(request.file.c_str(), &facts), 0);
        EXPECT_EQ(facts.st_mode & 0777, 0600u);
    }
}

TEST(Keygen, DoesNotWriteThroughALink) {
    const tests::TemporaryFolder folder;
    const std::string target = folder.write("target", "mine"), link = folder / "link";
    std::filesystem::create_symlink(target, link);
    const auto key = auth::PrivateKey::generate(auth::KeyType::ed25519);
    EXPECT_NE(write_private_key(link, key, Existing::kept), "");
    EXPECT_EQ(write_private_key(link, key, Existing::replaced), "") << "the link itself is replaced";
    EXPECT_EQ(contents(target), "mine");
}

TEST(PrivateKeyFile, SaysWhyThereIsNoKey) {
    const tests::TemporaryFolder folder;
    const auto rsa = auth::PrivateKey::generate(auth::KeyType::rsa).pem();
    const struct {
        std::string file, says;
    } rows[] = {
        {folder / "nowhere", "No such file"},
        {folder / ".", "is no file"},
        {folder.write("empty", ""), "not a private key"},
        {folder.write("text", "-----BEGIN PRIVATE KEY-----\nnonsense\n"), "not a private key"},
        {folder.write("large", rsa + std::string(70'000, '\n')), "too large"},
    };
    for (const auto& row : rows) {
        const auto key = read_private_key(row.file);
        ASSERT_FALSE(key) << row.file;
        EXPECT_NE(key.problem().find(row.says), std::string::npos) << key.problem();
    }
}

}  // namespace
}  // namespace gatepost::gateway
