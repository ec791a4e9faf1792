#include "gateway/relay/delivery.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "gateway/relay/downstream_reply.h"
#include "tests/support/temporary_folder.h"

namespace gatepost::gateway {
namespace {

using protocol::Header;
using protocol::Reply;
using tests::TemporaryFolder;

std::string read_all(OutgoingReader& reader) {
    std::string all;
    for (auto portion = reader.next(); !portion.empty(); portion = reader.next()) all += portion;
    return all;
}

const std::string kHeader = "A: 1\r\nB : 2\r\n\tfolded\r\nC:\r\nD: \xe4\xff\r\n";

std::string outgoing(const std::string& added, std::vector<std::size_t> removed, bool has_body,
                     const std::string& body) {
    const auto header = Header::parse(kHeader);
    MessageBuffer buffer("/nowhere", 1 << 20);
    buffer.append(body);
    Outgoing message{added, *header, std::move(removed), has_body, buffer};
    OutgoingReader reader(message);
    const std::string all = read_all(reader);
    EXPECT_FALSE(reader.failed());
    EXPECT_TRUE(reader.next().empty()) << "the end stays the end";
    return all;
}

TEST(OutgoingReader, PutsOursOnTopAndChangesNoOctet) {
    EXPECT_EQ(outgoing("X: new\r\n", {}, true, "body\r\n"), "X: new\r\n" + kHeader + "\r\nbody\r\n");
    EXPECT_EQ(outgoing("", {}, true, "body\r\n"), kHeader + "\r\nbody\r\n");
    EXPECT_EQ(outgoing("", {}, true, ""), kHeader + "\r\n");
    EXPECT_EQ(outgoing("", {}, false, ""), kHeader) << "no empty line where none was";
}

TEST(OutgoingReader, LeavesRemovedFieldsOut) {
    const std::string fields[] = {"A: 1\r\n", "B : 2\r\n\tfolded\r\n", "C:\r\n", "D: \xe4\xff\r\n"};
    for (unsigned set = 0; set < 16; ++set) {
        std::vector<std::size_t> removed;
        std::string expected;
        for (std::size_t i = 0; i < 4; ++i) {
            if (set >> i & 1) {
                removed.push_back(i);
            } else {
                expected += fields[i];
            }
        }
        EXPECT_EQ(outgoing("", removed, true, "body\r\n"), expected + "\r\nbody\r\n") << set;
    }
}

TEST(OutgoingReader, ReadsABodyFromDisk) {
    const TemporaryFolder folder;
    const auto header = Header::parse(kHeader);
    MessageBuffer buffer(folder.path(), 10);
    std::string body;
    for (int i = 0; i < 20000; ++i) body += std::to_string(i) + "\r\n";
    ASSERT_TRUE(buffer.append(body));
    Outgoing message{"", *header, {}, true, buffer};
    OutgoingReader reader(message);
    EXPECT_EQ(read_all(reader), kHeader + "\r\n" + body);
    EXPECT_FALSE(reader.failed());
}

// The descriptor of our one unlinked file below `folder`.
int buffer_file(const std::string& folder) {
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
        std::error_code error;
        const std::string target = std::filesystem::read_symlink(entry.path(), error).string();
        if (!error && target.starts_with(folder)) return std::stoi(entry.path().filename().string());
    }
    return -1;
}

TEST(OutgoingReader, SaysThatABodyCouldNotBeReadToItsEnd) {
    const TemporaryFolder folder;
    const auto header = Header::parse(kHeader);
    MessageBuffer buffer(folder.path(), 10);
    ASSERT_TRUE(buffer.append(std::string(200'000, 'x')));
    const int file = buffer_file(folder.path());
    ASSERT_GE(file, 0);
    ASSERT_EQ(::ftruncate(file, 100'000), 0);
    Outgoing message{"", *header, {}, true, buffer};
    OutgoingReader reader(message);
    const std::string all = read_all(reader);
    EXPECT_TRUE(reader.failed()) << "half a message must not be taken for a whole one";
    EXPECT_LT(all.size(), 200'000u);
    EXPECT_FALSE(buffer.problem().empty());
}

TEST(DownstreamReply, IsPassedOnInItsClass) {
    const struct {
        const char* reason;
        Reply theirs, ours;
    } rows[] = {
        {"as it is", {550, "5.1.1", {"No such user"}}, {550, "5.1.1", {"No such user"}}},
        {"all lines", {452, "4.2.2", {"Full", "really"}}, {452, "4.2.2", {"Full", "really"}}},
        {"a code is made up where none came", {550, "", {"No"}}, {550, "5.0.0", {"No"}}},
        {"a code of another class is no code", {450, "5.1.1", {"No"}}, {450, "4.0.0", {"No"}}},
        {"421 speaks of another connection", {421, "4.3.2", {"Bye"}}, {451, "4.3.2", {"Bye"}}},
        {"not escaped: whoever shows it does that",
         {550, "5.7.1", {R"(No "C:\x" here)"}},
         {550, "5.7.1", {R"(No "C:\x" here)"}}},
        {"something is said always", {550, "5.1.1", {}}, {550, "5.1.1", {"Answer of the mail server"}}},
        {"what is no answer is a failure", {354, "", {"Go on"}}, protocol::reply::kDownstreamDown},
    };
    for (const auto& row : rows) EXPECT_EQ(as_ours(row.theirs), row.ours) << row.reason;
}

// What the downstream has against the gateway is no fault of the message (RFC 5321 section 4.2.2).
TEST(DownstreamReply, OfAMisconfigurationIsTemporary) {
    for (const int code : {500, 502, 503, 504, 530, 534, 535, 538, 555}) {
        const Reply theirs{code, "5.5.1", {"What?"}};
        EXPECT_TRUE(is_misconfiguration(theirs)) << code;
        EXPECT_EQ(as_ours(theirs).code, 451) << code;
        EXPECT_EQ(as_ours(theirs).enhanced, "4.3.5") << code;
    }
    for (const int code : {250, 421, 450, 451, 452, 501, 521, 550, 551, 552, 553, 554, 556}) {
        EXPECT_FALSE(is_misconfiguration({code, "", {}})) << code;
    }
}

TEST(Outgoing, KnowsItsSize) {
    const TemporaryFolder folder;
    const auto header = Header::parse(kHeader);
    for (const bool has_body : {false, true}) {
        for (const std::vector<std::size_t>& removed :
             {std::vector<std::size_t>{}, std::vector<std::size_t>{0, 2},
              std::vector<std::size_t>{0, 1, 2, 3}}) {
            MessageBuffer buffer(folder.path(), 100);
            ASSERT_TRUE(buffer.append(std::string(has_body ? 1000 : 0, 'x')));
            Outgoing message{"Received: x\r\n", *header, removed, has_body, buffer};
            OutgoingReader reader(message);
            EXPECT_EQ(message.size(), read_all(reader).size());
        }
    }
}

TEST(DownstreamReply, IsCleanAndBounded) {
    const Reply ours = as_ours(
        {550, "5.1.1", std::vector<std::string>(100, "a\r\n250 ok\x1b[31m" + std::string(1000, 'x'))});
    EXPECT_LE(ours.lines.size(), 8u);
    for (const auto& line : ours.lines) {
        EXPECT_LE(line.size(), 480u) << "with code and CRLF within 512 octets";
        for (const char c : line) EXPECT_TRUE(c >= ' ' && c <= '~') << static_cast<int>(c);
    }
}

}  // namespace
}  // namespace gatepost::gateway
