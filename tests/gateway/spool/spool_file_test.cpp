// The file of a spooled message: each value comes back, damage is noticed, a journal counts up to it.
#include "gateway/spool/spool_file.h"

#include <gtest/gtest.h>

#include <random>

#include "gateway/spool/spool_text.h"

namespace gatepost::gateway {
namespace {

using protocol::BodyKind;
using protocol::IpAddress;

protocol::Path forward(const std::string& path) {
    const auto parsed = protocol::parse_forward_path("<" + path + ">");
    EXPECT_TRUE(parsed) << path;
    return parsed->path;
}

protocol::Path reverse(const std::string& path) {
    return protocol::parse_reverse_path("<" + path + ">")->path;
}

SpooledMessage small() {
    SpooledMessage message;
    message.id = "1q0cncsp8ttb";
    message.arrived = 1800000000;
    message.sender.reverse_path = reverse("sender@example.net");
    message.recipients = {
        {forward("one@example.org")}, {forward("two@example.org")}, {forward("Postmaster")}};
    message.content_octets = 5;
    return message;
}

void expect_same(const SpooledMessage& a, const SpooledMessage& b) {
    EXPECT_EQ(a.id, b.id);
    EXPECT_EQ(a.arrived, b.arrived);
    EXPECT_EQ(a.origin, b.origin);
    EXPECT_EQ(a.sender.reverse_path, b.sender.reverse_path);
    EXPECT_EQ(a.sender.parameters, b.sender.parameters);
    const auto &one = a.sender.client, &two = b.sender.client;
    EXPECT_EQ(one.address, two.address);
    EXPECT_EQ(one.port, two.port);
    EXPECT_EQ(one.helo, two.helo);
    EXPECT_EQ(one.is_extended, two.is_extended);
    EXPECT_EQ(one.destination, two.destination);
    EXPECT_EQ(one.destination_port, two.destination_port);
    EXPECT_EQ(one.id, two.id);
    ASSERT_EQ(a.recipients.size(), b.recipients.size());
    for (std::size_t i = 0; i < a.recipients.size(); ++i) {
        EXPECT_EQ(a.recipients[i].path, b.recipients[i].path);
        EXPECT_EQ(a.recipients[i].notify, b.recipients[i].notify);
        EXPECT_EQ(a.recipients[i].orcpt, b.recipients[i].orcpt);
    }
    EXPECT_EQ(a.may_notify, b.may_notify);
    EXPECT_EQ(a.is_list, b.is_list);
    EXPECT_EQ(a.facts, b.facts);
    EXPECT_EQ(a.content_octets, b.content_octets);
}

// Any values that a session can come to, chosen by chance.
class Chance {
  public:
    explicit Chance(unsigned seed) : engine_(seed) {}
    unsigned below(unsigned limit) { return static_cast<unsigned>(engine_() % limit); }
    std::string octets(unsigned most) {
        std::string text;
        for (unsigned i = below(most + 1); i > 0; --i) text += static_cast<char>(below(256));
        return text;
    }
    template <class T, std::size_t N>
    const T& pick(const T (&rows)[N]) {
        return rows[below(N)];
    }
    SpooledMessage message() {
        static const std::string kPaths[] = {
            "a@example.org",           "\"two words\"@example.org", "\"\\\\ \\\" @\"@example.org",
            "user@[192.0.2.7]",        "user@[IPv6:2001:db8::7]",   "g\xc3\xbcnter@example.org",
            "a@m\xc3\xbcnchen.example"};
        static const std::string kNotify[] = {"", "NEVER", "SUCCESS,FAILURE", "delay"};
        static const std::string kOrcpt[] = {"", "rfc822;user+2Bx@example.org",
                                             "utf-8;g\xc3\xbcnter@example.org"};
        static const std::string kRet[] = {"", "FULL", "HDRS"};
        static const std::string kEnvid[] = {"", "QQ314159", "a+20b"};
        static const BodyKind kBodies[] = {BodyKind::seven_bit, BodyKind::eight_bit, BodyKind::binary};
        SpooledMessage message;
        message.id = "x" + std::to_string(below(1000000));
        message.arrived = static_cast<std::int64_t>(below(2000000000)) - 1000;
        message.origin = below(2) ? Origin::client : Origin::notification;
        message.sender.reverse_path = reverse(below(4) ? pick(kPaths) : "");
        auto& parameters = message.sender.parameters;
        if (below(2)) parameters.declared_size = below(1000000);
        parameters.body = pick(kBodies);
        parameters.smtputf8 = below(2) == 1;
        parameters.require_tls = below(2) == 1;
        parameters.ret = pick(kRet);
        parameters.envid = pick(kEnvid);
        auto& client = message.sender.client;
        client.address = *IpAddress::parse(below(2) ? "192.0.2.1" : "2001:db8::1");
        client.port = static_cast<std::uint16_t>(below(65536));
        client.helo = octets(40);
        client.is_extended = below(2) == 1;
        if (below(2)) {
            client.destination = *IpAddress::parse("2001:db8::25");
            client.destination_port = 25;
        }
        if (below(2)) client.id = octets(20);
        for (unsigned i = 0; i <= below(5); ++i)
            message.recipients.push_back({forward(pick(kPaths)), pick(kNotify), pick(kOrcpt)});
        message.may_notify = below(2) == 1;
        message.is_list = below(2) == 1;
        for (unsigned i = below(4); i > 0; --i)
            message.facts.emplace_back("fact_" + std::to_string(i), octets(60));
        message.content_octets = below(100000000);
        return message;
    }

  private:
    std::mt19937 engine_;
};

TEST(SpoolFile, HoldsEveryValueAndNothingThatCouldPoseAsALine) {
    for (unsigned seed = 0; seed < 2000; ++seed) {
        SCOPED_TRACE(seed);
        const SpooledMessage message = Chance(seed).message();
        const auto head = spool_head(message);
        ASSERT_TRUE(head) << head.problem();
        for (const char c : *head) EXPECT_TRUE(c == '\n' || (c >= 0x20 && c < 0x7f)) << *head;
        const auto again = parse_spool_head(*head + "id forged\n\n");
        ASSERT_TRUE(again) << again.problem();
        EXPECT_EQ(again->octets, head->size());
        expect_same(again->message, message);
        if (HasFailure()) break;
    }
}

TEST(SpoolFile, IsTextForPeople) {
    SpooledMessage message = small();
    message.sender.client = {*IpAddress::parse("192.0.2.1"), 4711, "mail.example.net\r\nto <x@y>", true};
    message.sender.parameters.body = BodyKind::eight_bit;
    message.recipients[1].notify = "SUCCESS";
    message.may_notify = true;
    message.facts = {{"spf", "pass"}};
    EXPECT_EQ(*spool_head(message),
              "gatepost-spool 1\n"
              "id 1q0cncsp8ttb\n"
              "arrived 1800000000\n"
              "origin client\n"
              "may_notify yes\n"
              "fact spf pass\n"
              "client 192.0.2.1 4711\n"
              "helo EHLO mail.example.net\\x0d\\x0ato <x@y>\n"
              "body 8bitmime\n"
              "from <sender@example.net>\n"
              "to <one@example.org>\n"
              "to <two@example.org>\n"
              "notify SUCCESS\n"
              "to <Postmaster>\n"
              "content 5\n"
              "\n");
}

TEST(SpoolFile, RefusesEachDamagedHead) {
    const std::string good = *spool_head(small());
    const struct {
        const char* reason;
        std::string from, to;
    } rows[] = {
        {"another version", "gatepost-spool 1", "gatepost-spool 2"},
        {"no id", "id 1q0cncsp8ttb\n", ""},
        {"an id with a path in it", "1q0cncsp8ttb", "../../../etc"},
        {"a line twice", "origin client\n", "origin client\norigin client\n"},
        {"a line is missing", "origin client\n", ""},
        {"lines in another order", "arrived 1800000000\norigin client\n",
         "origin client\narrived 1800000000\n"},
        {"an unknown key", "origin", "0rigin"},
        {"an unknown word", "origin client", "origin server"},
        {"a number with a sign", "content 5", "content +5"},
        {"a number with a zero in front", "content 5", "content 05"},
        {"a number that is too large", "content 5", "content 99999999999999999999999"},
        {"no number", "content 5", "content "},
        {"a broken escape", "<one@", "<\\x4@"},
        {"a needless escape", "<one@", "<\\x6fne@"},
        {"a control", "<one@", "<o\tne@"},
        {"an octet above 127", "<one@", "<\xc3\xa9@"},
        {"no path", "to <one@example.org>", "to one@example.org"},
        {"something behind the path", "<one@example.org>", "<one@example.org> NOTIFY=NEVER"},
        {"no recipients", "to <one@example.org>\nto <two@example.org>\nto <Postmaster>\n", ""},
        {"the null path as a recipient", "<one@example.org>", "<>"},
        {"no sender", "from <sender@example.net>\n", ""},
        {"a parameter before any recipient", "from <", "notify NEVER\nfrom <"},
        {"CRLF", "content 5\n", "content 5\r\n"},
        {"no end", "\n\n", "\n"},
    };
    for (const auto& row : rows) {
        std::string text = good;
        const auto at = text.find(row.from);
        ASSERT_NE(at, text.npos) << row.reason;
        text.replace(at, row.from.size(), row.to);
        EXPECT_FALSE(parse_spool_head(text)) << row.reason << "\n" << text;
    }
    for (std::size_t cut = 0; cut < good.size(); ++cut)
        EXPECT_FALSE(parse_spool_head(good.substr(0, cut))) << cut;
}

TEST(SpoolFile, WritesNoHeadThatItCouldNotRead) {
    SpooledMessage message = small();
    message.facts.assign(200, {"long", std::string(4000, 'x')});
    EXPECT_FALSE(spool_head(message)) << "too long";
    message = small();
    message.recipients.clear();
    EXPECT_FALSE(spool_head(message)) << "no recipient";
    message = small();
    message.id = "a/b";
    EXPECT_FALSE(spool_head(message)) << "no name of a file";
    message = small();
    message.facts = {{"two words", "x"}};
    EXPECT_FALSE(spool_head(message)) << "no name of a fact";
}

TEST(SpoolFile, HasItsDigestOnOneLine) {
    const auto digest = auth::sha256("abc");
    const std::string trailer = spool_trailer(digest);
    // FIPS 180-4's example.
    EXPECT_EQ(trailer, "\nsha256 ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n");
    EXPECT_EQ(trailer.size(), kSpoolTrailer);
    EXPECT_EQ(parse_spool_trailer(trailer), digest);
    for (const std::size_t at : {std::size_t(0), std::size_t(3), std::size_t(9), trailer.size() - 1}) {
        std::string damaged = trailer;
        damaged[at] = 'X';
        EXPECT_FALSE(parse_spool_trailer(damaged)) << at;
    }
    EXPECT_FALSE(parse_spool_trailer(trailer.substr(0, trailer.size() - 1)));
    EXPECT_FALSE(parse_spool_trailer(trailer + "\n"));
}

JournalEntry entry(unsigned attempts, std::vector<std::size_t> done, std::string why) {
    JournalEntry entry;
    entry.time = 1800000000 + attempts;
    entry.age = std::chrono::seconds(60 * attempts);
    entry.attempts = attempts;
    entry.done = std::move(done);
    entry.is_delay_told = attempts > 1;
    entry.why = std::move(why);
    return entry;
}

TEST(SpoolJournal, SumsUpItsLines) {
    const SpooledMessage message = small();
    const std::string lines = journal_line(message, entry(1, {2}, "451 4.4.1 not there")) +
                              journal_line(message, entry(2, {0}, "line\r\nend \\ \xff"));
    const Journal journal = read_journal(message, lines);
    EXPECT_EQ(journal.octets, lines.size());
    EXPECT_EQ(journal.state.done, (std::vector<bool>{true, false, true}));
    EXPECT_EQ(journal.state.last, entry(2, {}, "line\r\nend \\ \xff"));
    EXPECT_EQ(read_journal(message, "").state.done, (std::vector<bool>{false, false, false}));
}

TEST(SpoolJournal, LeavesOutALineThatIsCut) {
    const SpooledMessage message = small();
    const std::string first = journal_line(message, entry(1, {0}, "first"));
    const std::string second = journal_line(message, entry(2, {1}, "second"));
    for (std::size_t cut = 0; cut < second.size(); ++cut) {
        const Journal journal = read_journal(message, first + second.substr(0, cut));
        EXPECT_EQ(journal.state.done, (std::vector<bool>{true, false, false})) << cut;
        EXPECT_EQ(journal.octets, first.size()) << cut;
    }
}

TEST(SpoolJournal, LeavesOutADamagedLineAndCountsThoseBehindIt) {
    const SpooledMessage message = small();
    const std::string first = journal_line(message, entry(1, {0}, "first"));
    const std::string second = journal_line(message, entry(2, {1}, "second"));
    const std::string third = journal_line(message, entry(3, {2}, "third"));
    for (std::size_t at = 0; at < second.size(); ++at) {
        for (const char octet : {'X', '\n', '\0', '0', ' '}) {
            std::string damaged = second;
            if (damaged[at] == octet) continue;
            damaged[at] = octet;
            const Journal journal = read_journal(message, first + damaged + third);
            // Without its end the line takes the one behind it along.
            const bool ends = at + 1 < second.size();
            EXPECT_EQ(journal.state.done, (std::vector<bool>{true, false, ends})) << damaged;
            EXPECT_EQ(journal.state.last, ends ? entry(3, {}, "third") : entry(1, {}, "first")) << damaged;
            EXPECT_EQ(journal.octets, ends ? (first + damaged + third).size() : first.size()) << damaged;
        }
    }
}

TEST(SpoolJournal, GoesOnBehindAHoleThatAFailedSyncLeft) {
    const SpooledMessage message = small();
    const std::string first = journal_line(message, entry(1, {0}, "first"));
    const std::string third = journal_line(message, entry(3, {2}, "third"));
    const std::string hole(40, '\0');
    const Journal journal = read_journal(message, first + hole + third);
    EXPECT_EQ(journal.state.done, (std::vector<bool>{true, false, true}));
    EXPECT_EQ(journal.octets, (first + hole + third).size());
    // Behind the last good line it is nothing.
    EXPECT_EQ(read_journal(message, first + hole).octets, first.size());
    EXPECT_EQ(read_journal(message, first + hole + third.substr(1)).octets, first.size());
}

TEST(SpoolJournal, TakesNoLineOfAnotherMessageOrForAnotherRecipient) {
    SpooledMessage other = small();
    other.id = "1q0cncsp8ttc";
    EXPECT_EQ(read_journal(small(), journal_line(other, entry(1, {0}, "x"))).octets, 0u);
    EXPECT_EQ(read_journal(small(), journal_line(small(), entry(1, {3}, "x"))).octets, 0u);
}

TEST(SpoolJournal, CutsAReasonThatIsTooLong) {
    const std::string line = journal_line(small(), entry(1, {}, std::string(5000, 'x')));
    EXPECT_EQ(read_journal(small(), line).state.last.why, std::string(500, 'x'));
}

TEST(SpoolText, HasTheChecksumThatOthersHave) {
    EXPECT_EQ(crc32("123456789"), 0xcbf43926u);  // the check value in the catalogues of CRCs
}

}  // namespace
}  // namespace gatepost::gateway
