#include "gateway/snapshot.h"

#include <gtest/gtest.h>

#include "tests/support/certificates.h"
#include "tests/support/temporary_folder.h"

namespace gatepost::gateway {
namespace {

using tests::TemporaryFolder;

constexpr char kGood[] = R"(hostname: mx.example.org
listeners: [{address: "127.0.0.1:0"}]
domains: [example.org]
downstream: {servers: ["maildir://mail"]}
state: state
)";

std::string joined(const std::vector<std::string>& lines) {
    std::string text;
    for (const auto& line : lines) text += line + "\n";
    return text;
}

class SnapshotTest : public testing::Test {
  protected:
    SnapshotResult take(const std::string& text, Purpose purpose) {
        return take_snapshot(folder.write("gatepost.yaml", text), purpose);
    }
    bool exists(const std::string& name) { return std::filesystem::exists(folder / name); }
    TemporaryFolder folder;
};

TEST_F(SnapshotTest, MakesFoldersReadyForServingOnly) {
    EXPECT_TRUE(take(kGood, Purpose::checking).snapshot);
    EXPECT_TRUE(take(kGood, Purpose::verifying).snapshot);
    EXPECT_FALSE(exists("state") || exists("mail")) << "a check changes nothing";
    EXPECT_TRUE(take(kGood, Purpose::serving).snapshot);
    EXPECT_TRUE(exists("state") && exists("mail/new") && exists("mail/tmp") && exists("mail/cur"));
    EXPECT_TRUE(take(kGood, Purpose::serving).snapshot) << "what is there already is fine";
}

// Otherwise a mistyped path becomes a new place for mail, and whoever may look into it depends on the umask.
TEST_F(SnapshotTest, MakesOnlyTheLastFolderOfState) {
    const std::string above =
        "hostname: mx.example.org\ndomains: [example.org]\n"
        "downstream: {servers: [\"maildir://mail\"]}\n";
    const auto missing = take(above + "state: mistyped/state\n", Purpose::serving);
    EXPECT_FALSE(missing.snapshot);
    EXPECT_NE(joined(missing.problems).find("gatepost.yaml:4:8: error: state: "), std::string::npos)
        << joined(missing.problems);
    EXPECT_NE(joined(missing.problems).find("mistyped/state: the folder above it does not exist"),
              std::string::npos);
    EXPECT_FALSE(exists("mistyped"));
    EXPECT_TRUE(take(above + "state: state\n", Purpose::serving).snapshot);
    const auto mode = std::filesystem::status(folder / "state").permissions();
    EXPECT_EQ(mode & std::filesystem::perms::others_all, std::filesystem::perms::none);
    EXPECT_EQ(mode & std::filesystem::perms::group_write, std::filesystem::perms::none);
}

TEST_F(SnapshotTest, SaysWhereAKeyOfNotificationsIsWanted) {
    const std::string above = "hostname: mx.example.org\ndomains: [example.org]\n";
    const struct {
        const char *text, *place, *reason;
    } rows[] = {
        {"downstream: {servers: [\"smtp://10.0.0.5\"], spool: outage}\n",
         ":3:51: warning: ", "what makes one need it"},
        {"downstream: {servers: [\"smtp://10.0.0.5\"], spool: outage}\nnotifications: {delay_after: 4h}\n",
         ":4:16: warning: ", "where it belongs"},
    };
    for (const auto& row : rows) {
        const std::string problems = joined(take(above + row.text, Purpose::checking).problems);
        EXPECT_NE(problems.find(row.place + std::string("notifications.key is missing")), std::string::npos)
            << row.reason << ":\n"
            << problems;
    }
}

TEST_F(SnapshotTest, IsAllOrNothing) {
    folder.write("file", "");
    const struct {
        const char* reason;
        std::string text, says;
    } rows[] = {
        {"an unknown key", std::string(kGood) + "lisners: []\n", "gatepost.yaml:6:1: error: "},
        {"a certificate that is not there", std::string(kGood) + "tls: {certificate: a.pem, key: a.key}\n",
         ":6:6: error: certificate "},
        {"a folder below a file", R"(hostname: mx.example.org
domains: [example.org]
downstream: {servers: ["maildir://file/mail"]}
state: file/state
)",
         "error: state: "},
        {"recipients that are not there", std::string(kGood) + "recipients: {file: nowhere}\n",
         ":6:20: error: recipients.file: "},
        {"nothing", "", "domains is missing"},
    };
    for (const auto& row : rows) {
        const auto result = take(row.text, Purpose::serving);
        EXPECT_FALSE(result.snapshot) << row.reason;
        EXPECT_NE(joined(result.problems).find(row.says), std::string::npos) << row.reason << ":\n"
                                                                             << joined(result.problems);
    }
}

TEST_F(SnapshotTest, WarnsOfWhatIsAllowedButUnwise) {
    const auto clear = take(kGood, Purpose::checking);
    EXPECT_TRUE(clear.snapshot);
    EXPECT_NE(joined(clear.problems).find("warning: tls is missing"), std::string::npos);
    EXPECT_EQ(clear.snapshot->tls, nullptr);
    const auto soon = tests::make_certificate("DNS:mx.example.org", 5),
               later = tests::make_certificate("DNS:mx.example.org", 60);
    for (const auto& [certificate, warns] : {std::pair(soon, true), std::pair(later, false)}) {
        folder.write("a.pem", certificate.certificate);
        folder.write("a.key", certificate.key);
        const auto result =
            take(std::string(kGood) + "tls: {certificate: a.pem, key: a.key}\n", Purpose::checking);
        ASSERT_TRUE(result.snapshot) << joined(result.problems);
        EXPECT_TRUE(result.snapshot->tls);
        EXPECT_EQ(
            joined(result.problems).find("warning: a certificate expires in 5 days") != std::string::npos,
            warns);
    }
}

TEST_F(SnapshotTest, VerifyingNeedsNoCertificate) {
    const auto result =
        take(std::string(kGood) + "tls: {certificate: a.pem, key: a.key}\n", Purpose::verifying);
    EXPECT_TRUE(result.snapshot) << joined(result.problems);
    EXPECT_TRUE(result.problems.empty());
}

TEST_F(SnapshotTest, ReadsTheKeyOfNotifications) {
    const std::string with_key = std::string(kGood) + "notifications: {selector: gp1, key: a.key}\n";
    folder.write("a.key", auth::PrivateKey::generate(auth::KeyType::ed25519).pem());
    const auto good = take(with_key, Purpose::checking);
    ASSERT_TRUE(good.snapshot) << joined(good.problems);
    ASSERT_TRUE(good.snapshot->notification_key);
    EXPECT_EQ(good.snapshot->notification_key->type(), auth::KeyType::ed25519);
    EXPECT_FALSE(take(kGood, Purpose::checking).snapshot->notification_key) << "none is named";
    folder.write("a.key", "-----BEGIN PRIVATE KEY-----\n");
    const auto bad = take(with_key, Purpose::checking);
    EXPECT_FALSE(bad.snapshot);
    EXPECT_NE(joined(bad.problems).find("gatepost.yaml:6:37: error: notifications.key: "), std::string::npos)
        << joined(bad.problems);
    EXPECT_TRUE(take(with_key, Purpose::verifying).snapshot) << "verifying sends nothing";
    EXPECT_TRUE(take(std::string(kGood) + "notifications: {enabled: false, selector: gp1, key: a.key}\n",
                     Purpose::checking)
                    .snapshot)
        << "not needed";
}

TEST_F(SnapshotTest, TakesTheSystemsResolverWhereNoneIsNamed) {
    EXPECT_FALSE(take(kGood, Purpose::checking).snapshot->dns_servers.empty());
    const auto named =
        take(std::string(kGood) + "dns: {servers: [\"192.0.2.53:5353\"]}\n", Purpose::checking);
    ASSERT_EQ(named.snapshot->dns_servers.size(), 1u);
    EXPECT_EQ(named.snapshot->dns_servers[0].text(), "192.0.2.53:5353");
}

TEST_F(SnapshotTest, DaneNeedsAResolverWhoseWordCounts) {
    const struct {
        const char* dns;
        bool is_good;
    } rows[] = {
        {"servers: [\"127.0.0.1:53\"]", true},
        {"servers: [\"[::1]:53\"]", true},
        {"servers: [\"192.0.2.53\"]", false},
        {"servers: [\"192.0.2.53\"], trust_ad: true", true},
        {"servers: [\"127.0.0.1\", \"192.0.2.53\"]", false},  // asked when the first is silent
    };
    for (const auto& row : rows) {
        const std::string text =
            "hostname: mx.example.org\ndomains: [example.org]\nstate: state\n"
            "downstream: {servers: [\"smtp://mail.example.org\"], tls: dane}\ndns: {" +
            std::string(row.dns) + "}\n";
        const auto result = take(text, Purpose::checking);
        EXPECT_EQ(result.snapshot != nullptr, row.is_good) << row.dns << joined(result.problems);
        if (row.is_good) continue;
        EXPECT_NE(joined(result.problems).find("gatepost.yaml:4:"), std::string::npos)
            << joined(result.problems);
        EXPECT_NE(joined(result.problems)
                      .find("tls: dane needs DNSSEC, and the answers of the DNS server 192.0.2.53:53"),
                  std::string::npos)
            << joined(result.problems);
    }
}

TEST_F(SnapshotTest, ChecksTheCertificateForTheDownstream) {
    const auto made = tests::make_certificate("DNS:mx.example.org"),
               other = tests::make_certificate("DNS:b.example");
    folder.write("a.pem", made.certificate);
    folder.write("a.key", made.key);
    folder.write("b.key", other.key);
    const struct {
        const char* files;
        const char* says;
    } rows[] = {{"certificate: a.pem, key: a.key", ""},
                {"certificate: none.pem, key: a.key", ":4:64: error: certificate "},
                {"certificate: a.pem, key: b.key", ":4:64: error: key "}};
    for (const auto& row : rows) {
        const std::string text =
            "hostname: mx.example.org\ndomains: [example.org]\nstate: state\n"
            "downstream: {servers: [\"smtp://10.0.0.5\"], client_certificate: {" +
            std::string(row.files) + "}}\n";
        const auto result = take(text, Purpose::checking);
        EXPECT_EQ(result.snapshot != nullptr, !*row.says) << joined(result.problems);
        EXPECT_NE(joined(result.problems).find(row.says), std::string::npos) << joined(result.problems);
        const std::size_t watched = result.snapshot ? result.snapshot->stamps.size() : 0;
        EXPECT_EQ(watched, *row.says ? 0u : 2u) << "both files";
    }
}

TEST(SystemHostname, IsADomain) {
    EXPECT_TRUE(protocol::Domain::parse(system_hostname()));
}

}  // namespace
}  // namespace gatepost::gateway
