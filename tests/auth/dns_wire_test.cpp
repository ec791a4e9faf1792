#include "auth/dns_wire.h"

#include <gtest/gtest.h>

#include "protocol/ascii.h"
#include "tests/support/dns_packets.h"

namespace gatepost::auth {
namespace {

using tests::a;
using tests::cname;
using tests::mx;
using tests::ptr;
using tests::soa;
using tests::txt;
using tests::u16;
using tests::WireAnswer;
using tests::WireRecord;

constexpr unsigned kNoError = 0x8180, kServfail = 0x8182, kNxDomain = 0x8183, kRefused = 0x8185,
                   kTruncated = 0x8380;

WireReply read(const std::string& packet, const WireQuery& query, const DnsQuestion& question) {
    return read_reply({reinterpret_cast<const std::uint8_t*>(packet.data()), packet.size()}, query, question);
}

// What the reply `answer` to `question` is read as.
WireReply read(const WireAnswer& answer, const DnsQuestion& question) {
    const WireQuery query = make_query(question, 4711, 0);
    return read(answer.to(query.packet), query, question);
}

const DnsQuestion kQuestion{RecordType::a, "host.example"};

TEST(DnsQuery, HasHeaderQuestionAndEdns) {
    const auto query = make_query({RecordType::txt, "a.example"}, 0x1234, 0);
    const std::string question = tests::wire_name("a.example") + u16(16) + u16(1);
    const std::string opt = std::string(1, '\0') + u16(41) + u16(1232) + std::string(6, '\0');
    // RD and AD: whether DNSSEC vouches for the answer is asked, also without EDNS (RFC 6840 section 5.7).
    EXPECT_EQ(query.packet, u16(0x1234) + u16(0x0120) + u16(1) + u16(0) + u16(0) + u16(1) + question + opt);
    EXPECT_EQ(query.question, question);
    EXPECT_EQ(make_query({RecordType::txt, "a.example"}, 0x1234, 0, Edns::off).packet,
              u16(0x1234) + u16(0x0120) + u16(1) + u16(0) + u16(0) + u16(0) + question);
}

TEST(DnsQuery, PutsLettersInTheCaseOfTheBits) {
    const struct {
        std::uint64_t bits;
        std::string name, sent;
    } rows[] = {
        {0, "ab-1.xy", "ab-1.xy"},
        {~0ull, "ab-1.xy", "AB-1.XY"},
        {0b0101, "ab-1.xy", "Ab-1.Xy"},
        {0b1, "_dmarc.example", "_Dmarc.example"},
        {1, std::string(63, 'a') + ".a" + std::string(9, 'a'),
         "A" + std::string(62, 'a') + ".aA" + std::string(8, 'a')},
    };
    for (const auto& row : rows) {
        const auto query = make_query({RecordType::a, row.name}, 1, row.bits);
        EXPECT_EQ(query.question, tests::wire_name(row.sent) + u16(1) + u16(1)) << row.name;
    }
}

TEST(DnsReply, IsForeignUnlessItFitsTheQuestion) {
    const WireQuery query = make_query(kQuestion, 0x1234, 0b1011);
    const std::string good = WireAnswer{kNoError, {a("host.example", "192.0.2.1")}, {}}.to(query.packet);
    ASSERT_EQ(read(good, query, kQuestion).kind, WireReply::Kind::answered);
    const auto with = [&](std::size_t at, unsigned char octet) {
        std::string packet = good;
        packet[at] = static_cast<char>(octet);
        return packet;
    };
    const auto to = [&](const DnsQuestion& asked, std::uint64_t bits) {
        return WireAnswer{kNoError, {a("host.example", "192.0.2.1")}, {}}.to(
            make_query(asked, 0x1234, bits).packet);
    };
    const struct {
        const char* reason;
        std::string packet;
    } rows[] = {
        {"another id", with(1, 0x35)},
        {"a query, no response", with(2, 0x01)},
        {"another opcode", with(2, 0x91)},
        {"no question", with(5, 0)},
        {"two questions", with(5, 2)},
        {"the name in another case", to(kQuestion, 0)},
        {"another name", to({RecordType::a, "host.exampla"}, 0b1011)},
        {"another type", to({RecordType::aaaa, "host.example"}, 0b1011)},
        {"another class", with(12 + 14 + 3, 3)},
        {"a compressed question", good.substr(0, 12) + u16(0xc00c) + u16(1) + u16(1) + std::string(30, 'x')},
        {"nothing", ""},
        {"an id alone", good.substr(0, 2)},
        {"a header alone", good.substr(0, 12)},
        {"cut in the question", good.substr(0, 12 + 10)},
        {"cut in the answer", good.substr(0, good.size() - 1)},
        {"more answers announced than there are", with(7, 9)},
        {"a pointer to itself",
         good.substr(0, 12 + 18) + u16(0xc000 + 12 + 18) + u16(1) + u16(1) + tests::u32(1) + u16(4) + "abcd"},
        {"a pointer behind the end",
         good.substr(0, 12 + 18) + u16(0xffff) + u16(1) + u16(1) + tests::u32(1) + u16(4) + "abcd"},
        {"a record longer than the packet", good.substr(0, good.size() - 6) + u16(0xffff) + "abcd"},
        {"over 16 KiB", good + std::string(kMaxWireReply, 'x')},
    };
    for (const auto& row : rows) {
        EXPECT_EQ(read(row.packet, query, kQuestion).kind, WireReply::Kind::foreign) << row.reason;
    }
}

TEST(DnsReply, IsForeignWhereverItIsCut) {
    const WireQuery query = make_query(kQuestion, 7, 0);
    const std::string good =
        WireAnswer{kNoError, {cname("host.example", "b.example"), a("b.example", "192.0.2.1")}, {}}.to(
            query.packet);
    for (std::size_t size = 0; size < good.size(); ++size) {
        EXPECT_EQ(read(good.substr(0, size), query, kQuestion).kind, WireReply::Kind::foreign) << size;
    }
}

TEST(DnsReply, WithTcAsksForTcpWhateverElseItHolds) {
    EXPECT_EQ(read({kTruncated, {}, {}}, kQuestion).kind, WireReply::Kind::truncated);
    EXPECT_EQ(read({kTruncated, {a("host.example", "192.0.2.1")}, {}}, kQuestion).kind,
              WireReply::Kind::truncated);
    const WireQuery query = make_query(kQuestion, 7, 0);
    const std::string cut = WireAnswer{kTruncated, {a("host.example", "192.0.2.1")}, {}}.to(query.packet);
    EXPECT_EQ(read(cut.substr(0, cut.size() - 3), query, kQuestion).kind, WireReply::Kind::truncated);
}

TEST(DnsReply, IsRefusedByAnyRcodeButTwo) {
    const struct {
        unsigned flags;
        WireReply::Kind kind;
        DnsStatus status;
    } rows[] = {
        {kNoError, WireReply::Kind::answered, DnsStatus::no_data},
        {0x8181, WireReply::Kind::refused, DnsStatus::failed},
        {kServfail, WireReply::Kind::refused, DnsStatus::failed},
        {kNxDomain, WireReply::Kind::answered, DnsStatus::nx_domain},
        {0x8184, WireReply::Kind::refused, DnsStatus::failed},
        {kRefused, WireReply::Kind::refused, DnsStatus::failed},
        {0x818f, WireReply::Kind::refused, DnsStatus::failed},
    };
    for (const auto& row : rows) {
        const auto reply = read({row.flags, {}, {}}, kQuestion);
        EXPECT_EQ(reply.kind, row.kind) << row.flags;
        EXPECT_EQ(reply.answer.status, row.status) << row.flags;
        EXPECT_EQ(reply.rcode, row.flags & 15);
    }
}

TEST(DnsReply, HoldsNoMoreThanAHundredRecords) {
    WireAnswer answer;
    for (int i = 0; i < 100; ++i) answer.answer.push_back(a("host.example", "192.0.2." + std::to_string(i)));
    EXPECT_EQ(read(answer, kQuestion).answer.addresses.size(), 100u);
    answer.answer.push_back(a("host.example", "192.0.2.100"));
    const auto reply = read(answer, kQuestion);
    EXPECT_EQ(reply.kind, WireReply::Kind::refused);
    EXPECT_EQ(reply.answer.status, DnsStatus::failed);
}

// What CVEs of resolvers are made of. Each octet string is the record data of one record of the asked type.
TEST(DnsReply, HoldsNothingFromMalformedRecords) {
    const std::string letters(63, 'a'), label = '\x3f' + letters;
    const struct {
        const char* reason;
        RecordType type;
        std::string data;
    } rows[] = {
        {"an address of three octets", RecordType::a, "\xc0\x02\x01"},
        {"an address of none", RecordType::a, ""},
        {"an IPv6 address of four", RecordType::aaaa, "abcd"},
        {"a string longer than its record", RecordType::txt, "\xffv=spf1"},
        {"a preference of one octet", RecordType::mx, "\x0a"},
        {"a preference without a host", RecordType::mx, std::string("\0\x0a", 2)},
        {"a name without an end", RecordType::ptr, "\1a"},
        {"a pointer to itself", RecordType::ptr, "\xc0\x2a"},
        {"a pointer forward", RecordType::ptr, "\xc0\xff"},
        {"half a pointer", RecordType::ptr, "\xc0"},
        {"a label of 64 octets", RecordType::ptr, '\x40' + letters + "a" + std::string(1, '\0')},
        {"a name of more than 255 octets", RecordType::ptr,
         label + label + label + label + std::string(1, '\0')},
    };
    for (const auto& row : rows) {
        const DnsQuestion question{row.type, "host.example"};
        const tests::WireRecord record{"host.example", static_cast<unsigned>(row.type), 300, row.data};
        const auto reply = read({kNoError, {record}, {}}, question);
        const auto& answer = reply.answer;
        EXPECT_NE(answer.status, DnsStatus::found) << row.reason;
        EXPECT_TRUE(answer.addresses.empty() && answer.names.empty() && answer.texts.empty() &&
                    answer.exchanges.empty())
            << row.reason;
    }
}

TEST(DnsReply, GivesEachTypeItsValue) {
    const auto addresses =
        read({kNoError, {a("host.example", "192.0.2.1"), a("host.example", "192.0.2.2")}, {}}, kQuestion);
    EXPECT_EQ(addresses.answer.status, DnsStatus::found);
    EXPECT_EQ(addresses.answer.addresses, (std::vector{*protocol::IpAddress::parse("192.0.2.1"),
                                                       *protocol::IpAddress::parse("192.0.2.2")}));
    EXPECT_EQ(read({kNoError, {a("v6.example", "2001:db8::1")}, {}}, {RecordType::aaaa, "v6.example"})
                  .answer.addresses.at(0)
                  .text(),
              "2001:db8::1");
    EXPECT_EQ(
        read({kNoError, {txt("t.example", {"v=spf1 ", "", "-all"})}, {}}, {RecordType::txt, "t.example"})
            .answer.texts,
        (std::vector<std::string>{"v=spf1 -all"}))
        << "the parts of a record are joined without a blank (RFC 7208 section 3.3)";
    EXPECT_EQ(read({kNoError, {txt("t.example", {std::string("a\0\xff\n", 4)})}, {}},
                   {RecordType::txt, "t.example"})
                  .answer.texts,
              (std::vector<std::string>{std::string("a\0\xff\n", 4)}));
    EXPECT_EQ(read({kNoError, {mx("m.example", 10, "MX.Example"), mx("m.example", 0, "")}, {}},
                   {RecordType::mx, "m.example"})
                  .answer.exchanges,
              (std::vector<MxRecord>{{10, "mx.example"}, {0, ""}}));
    EXPECT_EQ(read({kNoError, {ptr("1.2.0.192.in-addr.arpa", "Host.Example")}, {}},
                   {RecordType::ptr, "1.2.0.192.in-addr.arpa"})
                  .answer.names,
              (std::vector<std::string>{"host.example"}));
}

TEST(DnsReply, IsSecureWhereTheServerSaysSo) {
    constexpr unsigned kAd = 0x0020;
    const auto address = a("host.example", "192.0.2.1");
    const struct {
        const char* reason;
        WireAnswer answer;
        bool is_secure;
    } rows[] = {
        {"without AD", {kNoError, {address}, {}}, false},
        {"with AD", {kNoError | kAd, {address}, {}}, true},
        {"that there is none", {kNxDomain | kAd, {}, {soa("example", 60, 60)}}, true},
        {"CD is another bit", {kNoError | 0x0010, {address}, {}}, false},
        {"a failure never is", {kServfail | kAd, {}, {}}, false},
    };
    for (const auto& row : rows)
        EXPECT_EQ(read(row.answer, kQuestion).answer.is_secure, row.is_secure) << row.reason;
    const auto alias =
        read({kNoError | kAd, {cname("host.example", "B.test"), a("b.test", "192.0.2.1")}, {}}, kQuestion);
    EXPECT_TRUE(alias.answer.is_secure);
    EXPECT_EQ(alias.answer.canonical, "b.test");
    EXPECT_EQ(read({kNoError, {address}, {}}, kQuestion).answer.canonical, "");
}

TEST(DnsReply, ReadsTlsaRecordsAndKeepsThoseThatAreNone) {
    const DnsQuestion question{RecordType::tlsa, "_25._tcp.host.example"};
    const auto tlsa = [&](const std::string& data) { return WireRecord{question.name, 52, 300, data}; };
    const std::string digest(32, '\xab');
    const struct {
        const char* reason;
        std::string data;
        TlsaRecord record;
    } rows[] = {
        {"a digest", std::string("\3\1\1", 3) + digest, {3, 1, 1, digest}},
        {"numbers that nobody has defined", std::string("\xff\xfe\xfd") + "x", {255, 254, 253, "x"}},
        {"as large as a certificate",
         std::string("\2\0\0", 3) + std::string(4000, 'c'),
         {2, 0, 0, std::string(4000, 'c')}},
    };
    for (const auto& row : rows) {
        const auto reply = read({kNoError, {tlsa(row.data)}, {}}, question);
        EXPECT_EQ(reply.answer.status, DnsStatus::found) << row.reason;
        EXPECT_EQ(reply.answer.tlsas, std::vector{row.record}) << row.reason;
    }
    // What is cut short is there, and of no use; or the whole packet is no answer. It never means "none".
    for (const auto& cut : {std::string(), std::string("\3"), std::string("\3\1"), std::string("\3\1\1")}) {
        const auto reply = read({kNoError, {tlsa(cut)}, {}}, question);
        if (reply.kind == WireReply::Kind::foreign) continue;
        EXPECT_EQ(reply.answer.status, DnsStatus::found) << cut.size();
        ASSERT_EQ(reply.answer.tlsas.size(), 1u) << cut.size();
        EXPECT_EQ(reply.answer.tlsas[0].data, "") << cut.size();
    }
}

TEST(DnsReply, NamesTheTargetOfAnAliasThatWasAskedFor) {
    const auto reply =
        read({kNoError, {cname("host.example", "B.test")}, {}}, {RecordType::cname, "host.example"});
    EXPECT_EQ(reply.answer.status, DnsStatus::found);
    EXPECT_EQ(reply.answer.names, (std::vector<std::string>{"b.test"}));
    EXPECT_TRUE(reply.alias_target.empty());
}

TEST(DnsReply, IgnoresRecordsThatAnswerSomethingElse) {
    const WireRecord chaos{"host.example", 1, 300, "abcd", 3};
    const auto reply = read({kNoError,
                             {a("other.example", "192.0.2.66"), txt("host.example", {"x"}), chaos,
                              a("HOST.example", "192.0.2.1")},
                             {}},
                            kQuestion);
    EXPECT_EQ(reply.answer.addresses, std::vector{*protocol::IpAddress::parse("192.0.2.1")});
}

TEST(DnsReply, LeavesOutWhatIsNoAddressOrName) {
    const WireRecord dotted{"1.2.0.192.in-addr.arpa", 12, 300,
                            std::string("\x03") + "a.b" + tests::wire_name("example")};
    const auto reply = read({kNoError, {dotted}, {}}, {RecordType::ptr, "1.2.0.192.in-addr.arpa"});
    EXPECT_TRUE(reply.answer.names.empty())
        << "a.b.example and a\\.b.example must not be taken for one another";
    EXPECT_EQ(reply.answer.status, DnsStatus::no_data);
}

TEST(DnsReply, TakesTheSmallestTtlOnTheWay) {
    const auto reply = read({kNoError,
                             {cname("host.example", "b.example", 100), a("b.example", "192.0.2.1", 300),
                              a("b.example", "192.0.2.2", 200)},
                             {}},
                            kQuestion);
    EXPECT_EQ(reply.answer.ttl, 100u);
    EXPECT_TRUE(reply.answer.is_alias);
    EXPECT_EQ(reply.answer.addresses.size(), 2u);
}

TEST(DnsReply, HasANegativeTtlOfTheSoaRecord) {
    const struct {
        const char* reason;
        std::vector<WireRecord> authority;
        std::uint32_t ttl;
    } rows[] = {
        {"the smaller of TTL and MINIMUM (RFC 2308 section 5)", {soa("example", 600, 30)}, 30},
        {"the other one", {soa("example", 20, 300)}, 20},
        {"a bound of ours", {soa("example", 86400, 86400)}, 900},
        {"without SOA a guess of ours", {}, 60},
    };
    for (const auto& row : rows) {
        for (const unsigned flags : {kNoError, kNxDomain}) {
            EXPECT_EQ(read({flags, {}, row.authority}, kQuestion).answer.ttl, row.ttl) << row.reason;
        }
    }
}

TEST(DnsReply, FollowsAliasesInAnyOrder) {
    const auto reply = read(
        {kNoError,
         {a("c.example", "192.0.2.1"), cname("b.example", "c.example"), cname("host.example", "B.example")},
         {}},
        kQuestion);
    EXPECT_EQ(reply.answer.addresses.size(), 1u);
    EXPECT_TRUE(reply.answer.is_alias);
    EXPECT_TRUE(reply.alias_target.empty());
}

TEST(DnsReply, SaysWhereAChainIsToBeContinued) {
    const struct {
        const char* reason;
        WireAnswer answer;
        DnsStatus status;
        std::string target;
    } rows[] = {
        {"the server stopped at its border",
         {kNoError, {cname("host.example", "b.test")}, {}},
         DnsStatus::no_data,
         "b.test"},
        {"the target has no such record",
         {kNoError, {cname("host.example", "b.test")}, {soa("test", 60, 60)}},
         DnsStatus::no_data,
         ""},
        {"the target does not exist",
         {kNxDomain, {cname("host.example", "b.test")}, {}},
         DnsStatus::nx_domain,
         ""},
        {"a chain",
         {kNoError, {cname("host.example", "b.test"), cname("b.test", "c.test")}, {}},
         DnsStatus::no_data,
         "c.test"},
        {"no alias", {kNoError, {}, {}}, DnsStatus::no_data, ""},
        {"a target that cannot be asked for",
         {kNoError, {cname("host.example", "")}, {}},
         DnsStatus::no_data,
         ""},
    };
    for (const auto& row : rows) {
        const auto reply = read(row.answer, kQuestion);
        EXPECT_EQ(reply.kind, WireReply::Kind::answered) << row.reason;
        EXPECT_EQ(reply.answer.status, row.status) << row.reason;
        EXPECT_EQ(reply.alias_target, row.target) << row.reason;
    }
}

TEST(DnsReply, EndsAliasLoops) {
    const auto loop = read(
        {kNoError, {cname("host.example", "b.example"), cname("b.example", "host.example")}, {}}, kQuestion);
    EXPECT_EQ(loop.kind, WireReply::Kind::answered);
    EXPECT_EQ(loop.answer.status, DnsStatus::failed);
    EXPECT_TRUE(loop.alias_target.empty());
    const auto itself = read({kNoError, {cname("host.example", "host.example")}, {}}, kQuestion);
    EXPECT_EQ(itself.answer.status, DnsStatus::failed);
}

TEST(DnsReply, FollowsEightAliases) {
    for (const int length : {8, 9}) {
        WireAnswer answer;
        std::string name = kQuestion.name;
        for (int i = 0; i < length; ++i) {
            const std::string next = "n" + std::to_string(i) + ".example";
            answer.answer.push_back(cname(name, next));
            name = next;
        }
        answer.answer.push_back(a(name, "192.0.2.1"));
        EXPECT_EQ(read(answer, kQuestion).answer.status, length == 8 ? DnsStatus::found : DnsStatus::failed)
            << length;
    }
}

}  // namespace
}  // namespace gatepost::auth
