#include "gateway/relay/recipient_list.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "gateway/relay/recipient_file.h"
#include "gateway/relay/recipients.h"
#include "tests/support/temporary_folder.h"

namespace gatepost::gateway {
namespace {

using protocol::Path;
using tests::TemporaryFolder;

Path path(const std::string& address) {
    const std::string bracketed = "<" + address + ">";
    const auto parsed = protocol::parse_forward_path(bracketed);
    EXPECT_TRUE(parsed) << address;
    return parsed->path;
}

TEST(RecipientList, HasWhoIsListed) {
    const auto list = RecipientList::parse(
        "# who is there\n"
        "alice@example.org\n"
        "Bob.Smith@Example.ORG   OK\n"
        "\n"
        "carol@example.org\tcarol@inside.example,\n"
        "   dave@example.org\n"
        "@all.example\r\n"
        "virtual.example anything\n"
        "\"quoted user\"@example.org\n"
        "gr\xc3\xbc\xc3\x9f"
        "e@b\xc3\xbc"
        "cher.example\n"
        "last@example.org",
        "list");
    // A quoted local-part with a blank is two words to whoever splits at blanks, Postfix as well.
    EXPECT_FALSE(list);
    const auto good = RecipientList::parse(
        "# who is there\n"
        "alice@example.org\n"
        "Bob.Smith@Example.ORG   OK\n"
        "\n"
        "carol@example.org\tcarol@inside.example,\n"
        "   dave@example.org\n"
        "@all.example\r\n"
        "virtual.example anything\n"
        "gr\xc3\xbc\xc3\x9f"
        "e@b\xc3\xbc"
        "cher.example\n"
        "list+owner@example.org\n"
        "last@example.org",
        "list");
    ASSERT_TRUE(good) << good.problem();
    EXPECT_EQ(good->size(), 7u);
    const struct {
        const char* address;
        bool is_there;
        const char* reason;
    } rows[] = {
        {"alice@example.org", true, "as it stands"},
        {"ALICE@example.org", true, "in capitals"},
        {"bob.smith@example.org", true, "the list has capitals"},
        {"alice@example.net", false, "another domain"},
        {"carol@example.org", true, "the first word"},
        {"carol@inside.example", false, "the second word"},
        {"dave@example.org", false, "a continuation"},
        {"anybody@all.example", true, "a whole domain"},
        {"anybody@sub.all.example", false, "not below it"},
        {"postmaster@virtual.example", false, "a marker of Postfix says nothing of who is there"},
        {"gr\xc3\xbc\xc3\x9f"
         "e@xn--bcher-kva.example",
         true, "U-label and A-label are one domain"},
        {"last@example.org", true, "without a line end"},
        {"alice+shop@example.org", true, "subaddress"},
        {"Alice+Shop+2@example.org", true, "at the first plus"},
        {"alic@example.org", false, "a part of a name"},
        {"+alice@example.org", false, "no name before the plus"},
        {"list+owner@example.org", true, "listed with its tag"},
        {"list@example.org", false, "which is not the name alone"},
        {"list+other@example.org", false, "nor another tag"},
    };
    for (const auto& row : rows) EXPECT_EQ(good->includes(path(row.address)), row.is_there) << row.reason;
}

TEST(RecipientList, MistakesAreToldWithTheirLine) {
    const std::string remedy = "is no address; write user@example.org, or @example.org for all of a domain";
    const struct {
        std::string text, expected;
    } rows[] = {
        {"a@example.org\n\nbob\n", "f:3: 'bob' " + remedy},
        {"a@b@example.org\n", "f:1: 'a@b@example.org' " + remedy},
        {"@exa mple\n@\n", "f:2: '@' " + remedy},
        {"a@[192.0.2.1]\n", "f:1: 'a@[192.0.2.1]' " + remedy},
        {"postmaster\n", "f:1: 'postmaster' " + remedy},
        {"alias: a@example.org\n", "f:1: 'alias:' " + remedy},
        {std::string("\x1b[2J\0@example.org\n", 18), "f:1: '\\x1b[2J\\x00@example.org' " + remedy},
    };
    for (const auto& row : rows) {
        const auto list = RecipientList::parse(row.text, "f");
        EXPECT_FALSE(list) << row.text;
        EXPECT_EQ(list.problem(), row.expected);
    }
}

TEST(RecipientList, HoldsAMillionInLittleRoom) {
    std::string text;
    const auto add = [&](std::size_t i) { text += "user" + std::to_string(i) + "@example.org\n"; };
    for (std::size_t i = 0; i < RecipientList::kMaxEntries; ++i) add(i);
    {
        const auto list = RecipientList::parse(text, "f");
        ASSERT_TRUE(list) << list.problem();
        EXPECT_LE(list->octets(), text.size() + 4 * RecipientList::kMaxEntries + 1024);
        EXPECT_TRUE(list->includes(path("user0@example.org")));
        EXPECT_TRUE(list->includes(path("USER999999@example.org")));
        EXPECT_FALSE(list->includes(path("user1000000@example.org")));
    }
    add(RecipientList::kMaxEntries);
    EXPECT_EQ(RecipientList::parse(text, "f").problem(), "f:1000001: more than a million addresses");
}

TEST(RecipientFolder, HasWhoHasAMailbox) {
    const TemporaryFolder disk;
    const auto vmail = disk / "vmail";
    for (const char* name : {"alice", "Bob", "carol"})
        std::filesystem::create_directories(vmail + "/example.org/" + name);
    std::filesystem::create_directories(vmail + "/example.org/.hidden");
    const std::string pattern = vmail + "/%d/%n";
    const struct {
        const char* address;
        Standing expected;
        const char* reason;
    } rows[] = {
        {"alice@example.org", Standing::known, "there"},
        {"Alice@example.org", Standing::known, "in lower case"},
        {"Bob@example.org", Standing::known, "as it is"},
        {"bob@example.org", Standing::unknown, "the disk tells capitals apart"},
        {"alice+tag@example.org", Standing::known, "subaddress"},
        {"dave@example.org", Standing::unknown, "not there"},
        {"alice@EXAMPLE.org", Standing::known, "domains are in lower case"},
        {"alice@example.net", Standing::unclear, "not even the folder of the domain"},
        {"\"../example.org/alice\"@example.org", Standing::unknown, "a way out"},
        {"\"..\"@example.org", Standing::unknown, "out"},
        {"\".hidden\"@example.org", Standing::unknown, "hidden"},
        {"alice/cur@example.org", Standing::unknown, "further in"},
        {"\"\"@example.org", Standing::unknown, "the folder itself"},
    };
    for (const auto& row : rows)
        EXPECT_EQ(look_up_in_folder(pattern, path(row.address)), row.expected) << row.reason;
    Path evil = path("alice@example.org");
    evil.local_part = std::string("alice\0x", 7);
    EXPECT_EQ(look_up_in_folder(pattern, evil), Standing::unknown) << "control characters";
    EXPECT_EQ(look_up_in_folder(disk / "gone/%n", path("alice@example.org")), Standing::unclear)
        << "a disk that is not mounted";
    std::filesystem::create_directories(disk / "100%/example.org-alice/in");
    EXPECT_EQ(look_up_in_folder(disk / "100%%/%d-%n/in", path("alice@example.org")), Standing::known);
    EXPECT_EQ(look_up_in_folder(disk / "100%%/%d-%n/in", path("dave@example.org")), Standing::unknown);
}

TEST(RecipientFile, IsReadAgainAndKeepsTheOldListWhenItIsBad) {
    const TemporaryFolder folder;
    const auto name = folder.write("users", "alice@example.org\n");
    const auto opened = RecipientFile::open(name);
    ASSERT_TRUE(opened) << opened.problem();
    RecipientFile& file = **opened;
    EXPECT_FALSE(file.has_changed());
    const auto before = file.list();
    folder.write("users", "alice@example.org\nbob@example.org\n");
    EXPECT_FALSE(file.has_changed()) << "it may still be written";
    EXPECT_TRUE(file.has_changed());
    EXPECT_FALSE(file.has_changed()) << "once";
    EXPECT_EQ(file.read_again(), std::nullopt);
    EXPECT_TRUE(file.list()->includes(path("bob@example.org")));
    EXPECT_FALSE(before->includes(path("bob@example.org"))) << "who has the old one has it whole";
    folder.write("users", "alice@example.org\nwhat is this\n");
    EXPECT_EQ(file.read_again(),
              name + ":2: 'what' is no address; write user@example.org, or @example.org for all of a domain");
    EXPECT_TRUE(file.list()->includes(path("bob@example.org")));
    ::unlink(name.c_str());
    EXPECT_EQ(file.read_again(), name + ": is no file; recipients.file names one with an address a line");
    EXPECT_TRUE(file.list()->includes(path("bob@example.org")));
    EXPECT_FALSE(RecipientFile::open(name));
}

TEST(Recipients, TheListDecidesAndTheDownstreamIsRemembered) {
    using Downstream = Recipients::Downstream;
    const TemporaryFolder folder;
    const auto opened = RecipientFile::open(folder.write("users", "alice@example.org\n@example.net\n"));
    ASSERT_TRUE(opened) << opened.problem();
    config::Settings settings;
    settings.domains = {*protocol::Domain::parse("example.org"), *protocol::Domain::parse("example.net")};
    const auto now = Recipients::Time(std::chrono::hours(1000));
    const protocol::Reply yes{250, "2.1.5", {"Ok"}}, no{550, "5.1.1", {"No"}};

    Recipients listed(settings, *opened);
    EXPECT_EQ(listed.listed(path("alice@example.org")), Standing::known);
    EXPECT_EQ(listed.listed(path("bob@example.org")), Standing::unknown);
    EXPECT_EQ(listed.listed(path("Postmaster@example.org")), Standing::known) << "RFC 5321 section 4.5.1";
    EXPECT_EQ(listed.listed(path("postmaster")), Standing::known);
    listed.learn(path("bob@example.org"), yes, now);
    EXPECT_EQ(listed.lookup(path("bob@example.org"), Downstream::away, now), Standing::unknown)
        << "whatever the downstream says";
    listed.learn(path("gone@example.net"), no, now);
    EXPECT_EQ(listed.lookup(path("gone@example.net"), Downstream::away, now), Standing::unknown)
        << "it knows better that somebody is gone";
    EXPECT_EQ(listed.lookup(path("other@example.net"), Downstream::away, now), Standing::known);

    Recipients learned(settings, nullptr);
    EXPECT_EQ(learned.listed(path("alice@example.org")), Standing::unclear);
    learned.learn(path("alice@example.org"), yes, now);
    learned.learn(path("bob@example.org"), no, now);
    learned.learn(path("postmaster@example.org"), no, now);
    learned.learn(path("alice@sender.example"), yes, now);
    const auto later = now + std::chrono::hours(2);
    EXPECT_EQ(learned.lookup(path("alice@example.org"), Downstream::there, now), Standing::known);
    EXPECT_EQ(learned.lookup(path("alice@example.org"), Downstream::there, later), Standing::unclear)
        << "older than refresh";
    EXPECT_EQ(learned.lookup(path("alice@example.org"), Downstream::away, later), Standing::known);
    EXPECT_EQ(learned.lookup(path("bob@example.org"), Downstream::there, now), Standing::unknown);
    EXPECT_EQ(learned.lookup(path("bob@example.org"), Downstream::away, later), Standing::unclear);
    EXPECT_EQ(learned.lookup(path("postmaster@example.org"), Downstream::there, now), Standing::known);
    EXPECT_EQ(learned.lookup(path("alice@sender.example"), Downstream::away, now), Standing::unclear)
        << "not ours: a notification went there";
}

}  // namespace
}  // namespace gatepost::gateway
