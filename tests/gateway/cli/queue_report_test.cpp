#include "gateway/cli/queue_report.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace gatepost::gateway {
namespace {

constexpr std::int64_t kNow = 1'800'000'000;  // 2027-01-15T08:00:00Z

protocol::Path path(const std::string& text) {
    return protocol::parse_reverse_path("<" + text + ">")->path;
}

QueuedMessage waiting() {
    QueuedMessage message;
    auto& spooled = message.message;
    spooled.id = "3f9k2";
    spooled.arrived = kNow - 2 * 3600;
    spooled.sender.reverse_path = path("alice@sender.example");
    spooled.sender.client.address = *protocol::IpAddress::parse("192.0.2.1");
    spooled.sender.client.helo = "mail.sender.example";
    spooled.sender.parameters.body = protocol::BodyKind::eight_bit;
    spooled.sender.parameters.require_tls = true;
    spooled.recipients = {{path("bob@example.org"), "", ""},
                          {path("carol@example.org"), "FAILURE,DELAY", "rfc822;carol@example.org"},
                          {path("dave@example.net"), "", ""}};
    spooled.may_notify = true;
    spooled.facts = {{"spf", "pass"}, {"dmarc", "none"}, {"why", "no record"}};
    spooled.content_octets = 14 * 1024;
    message.tries = {
        {kNow - 3600, std::chrono::seconds(3600), 1, {0}, false, "451 4.4.1 Mail server not reachable"},
        {kNow - 60, std::chrono::seconds(7140), 2, {}, false, "450 4.2.1 Mailbox busy"}};
    message.journal.last = message.tries.back();
    message.journal.done = {true, false, false};
    message.next_try = 720;
    message.expires = 5 * 86400 - 7260;
    return message;
}

QueuedMessage held() {
    QueuedMessage message;
    message.message.id = "b";
    message.message.arrived = kNow - 5;
    message.message.sender.reverse_path.is_null = true;
    message.message.recipients = {{path("eve@example.org"), "", ""}};
    message.message.content_octets = 100;
    message.journal.done = {false};
    message.place = QueuePlace::hold;
    return message;
}

QueuedMessage dead() {
    QueuedMessage message = waiting();
    message.message.id = "c77";
    message.place = QueuePlace::dead;
    message.journal.done = {true, true, true};
    message.journal.last.why = "550 5.1.1 \x1b[31mNo such user\r\nX: y";
    message.next_try.reset();
    message.expires.reset();
    return message;
}

QueueTotals totals_of(const std::vector<QueuedMessage>& messages) {
    QueueTotals totals;
    for (const auto& message : messages) totals.add(message);
    return totals;
}

TEST(QueueTable, IsAlignedAndEscaped) {
    EXPECT_EQ(queue_table({waiting(), held(), dead()}, kNow),
              "ID     AGE  TRIES  NEXT  SIZE  FROM                    TO                      LAST PROBLEM\n"
              "3f9k2   2h      2   12m   14K  <alice@sender.example>  <carol@example.org> +1  450 4.2.1 "
              "Mailbox busy\n"
              "b       5s      0  held   100  <>                      <eve@example.org>       -\n"
              "c77     2h      2  dead   14K  <alice@sender.example>  <bob@example.org> +2    "
              "550 5.1.1 \\x1b[31mNo such user\\x0d\\x0aX: y\n");
}

TEST(QueueTable, SaysWhenTheNextTryIs) {
    const struct {
        const char* why;
        std::optional<std::int64_t> next_try;
        bool is_delivering;
        const char* shown;
    } cases[] = {{"no gatepost runs", {}, false, "-"},
                 {"it waits for its turn", 0, false, "due"},
                 {"just now", {}, true, "now"},
                 {"in a while", 59, false, "59s"},
                 {"tomorrow", 86400, false, "24h"}};
    for (const auto& [why, next_try, is_delivering, shown] : cases) {
        QueuedMessage message = waiting();
        message.next_try = next_try;
        message.is_delivering = is_delivering;
        const std::string table = queue_table({message}, kNow);
        EXPECT_NE(
            table.find("  2  " + std::string(4 - std::min<std::size_t>(4, std::string(shown).size()), ' ') +
                       shown + "  "),
            std::string::npos)
            << why << "\n"
            << table;
    }
}

TEST(QueueTable, IsNothingWithoutMessages) {
    EXPECT_EQ(queue_table({}, kNow), "");
}

TEST(QueueTotals, CountsPlaces) {
    EXPECT_EQ(totals_text(totals_of({})), "0 messages\n");
    EXPECT_EQ(totals_text(totals_of({waiting()})), "1 message, 14K\n");
    EXPECT_EQ(totals_text(totals_of({dead(), dead()})), "2 dead letters, 28K\n");
    QueueTotals totals = totals_of({waiting(), held(), dead()});
    EXPECT_EQ(totals_text(totals), "2 messages, 28K; 1 held; 1 dead letter\n");
    totals.unreadable = 2;
    EXPECT_EQ(totals_text(totals), "2 messages, 28K; 1 held; 1 dead letter; 2 unreadable\n");
}

TEST(QueueShow, TellsTheWholeStory) {
    EXPECT_EQ(shown_text(waiting(), kNow),
              "3f9k2  waiting, next try in 12m\n"
              "  arrived    2027-01-15T06:00:00Z, 2h ago\n"
              "  expires    2027-01-20T05:59:00Z, in 4d\n"
              "  from       <alice@sender.example>\n"
              "  to         <bob@example.org>  done\n"
              "             <carol@example.org>  NOTIFY=FAILURE,DELAY\n"
              "             <dave@example.net>\n"
              "  client     192.0.2.1 (mail.sender.example)\n"
              "  parameters BODY=8BITMIME REQUIRETLS\n"
              "  size       14336 octets\n"
              "  found      spf=pass dmarc=none why=\"no record\"\n"
              "  notify     yes\n"
              "  journal    2027-01-15T07:00:00Z  try 1  451 4.4.1 Mail server not reachable\n"
              "             2027-01-15T07:59:00Z  try 2  450 4.2.1 Mailbox busy\n");
}

TEST(QueueShow, SaysWhenAMessageExpires) {
    constexpr std::int64_t kAfter = 5 * 86400;
    const auto shown = [](QueuedMessage message) {
        message.expires = seconds_left(message, kAfter, kNow);
        const std::string text = shown_text(message, kNow);
        const auto at = text.find("  expires    ");
        return at == text.npos ? "" : text.substr(at + 13, text.find('\n', at) - at - 13);
    };
    QueuedMessage message = waiting();  // its journal says 7140 s, a minute ago
    EXPECT_EQ(seconds_left(message, kAfter, kNow), kAfter - 7200);
    EXPECT_EQ(shown(message), "2027-01-20T06:00:00Z, in 4d");
    message.next_try.reset();
    EXPECT_EQ(shown(message), "after 4d more, once gatepost runs") << "its time stands still";
    message.is_delivering = true;
    EXPECT_EQ(shown(message), "2027-01-20T06:00:00Z, in 4d");
    message.journal.last.age = std::chrono::days(6);
    EXPECT_EQ(shown(message), "with the next try");
    EXPECT_EQ(shown(held()), "not while it is held");
    EXPECT_EQ(shown(dead()), "");
    QueuedMessage untried = waiting();
    untried.journal.last = {};
    EXPECT_EQ(seconds_left(untried, kAfter, kNow), kAfter - 7200) << "since it came";
}

TEST(QueueShow, SaysWhyNobodyIsNotified) {
    const auto shown = [](auto change) {
        QueuedMessage message = waiting();
        change(message.message);
        return shown_text(message, kNow);
    };
    const auto has = [](const std::string& text, const char* part) {
        return text.find(part) != std::string::npos;
    };
    EXPECT_TRUE(has(shown([](auto& m) { m.may_notify = false; }),
                    "notify     no: the sender was not authenticated\n"));
    EXPECT_TRUE(
        has(shown([](auto& m) { m.is_list = true; }), "notify     no: from a list or an automaton\n"));
    EXPECT_TRUE(has(shown([](auto& m) { m.sender.reverse_path.is_null = true; }),
                    "notify     no: the null sender\n"));
    EXPECT_TRUE(has(shown([](auto& m) { m.origin = Origin::notification; }),
                    "notify     no: it is a notification itself\n"));
}

TEST(QueueShow, LetsNothingOfAStrangerReachTheTerminal) {
    QueuedMessage message = waiting();
    message.message.sender.client.helo = "\x1b]0;x\x07";
    message.message.sender.reverse_path.local_part = "a\x9b";
    message.message.facts = {{"spf", "pass\n  notify     yes"}};
    message.tries[0].why = "\r\nfaked";
    for (const char octet : shown_text(message, kNow))
        EXPECT_TRUE(octet == '\n' || (octet >= 0x20 && octet < 0x7f));
    EXPECT_EQ(shown_text(message, kNow).find("\n  notify     yes\n  notify"), std::string::npos);
}

TEST(QueueJson, OfTheListHasItsKeys) {
    const std::vector<QueuedMessage> messages{waiting(), held(), dead()};
    const auto json = nlohmann::json::parse(queue_json(messages, totals_of(messages), kNow));
    const auto first = nlohmann::json::parse(R"({
        "id": "3f9k2", "state": "waiting", "arrived": 1799992800, "attempts": 2, "next_try": 1800000720,
        "expires": 1800424740,
        "octets": 14336, "from": "alice@sender.example", "to": ["carol@example.org", "dave@example.net"],
        "done": ["bob@example.org"], "problem": "450 4.2.1 Mailbox busy"})");
    EXPECT_EQ(json["messages"][0], first);
    EXPECT_EQ(json["messages"][1]["state"], "held");
    EXPECT_EQ(json["messages"][1]["from"], "");
    EXPECT_TRUE(json["messages"][1]["next_try"].is_null());
    EXPECT_TRUE(json["messages"][1]["expires"].is_null());
    EXPECT_EQ(json["messages"][2]["state"], "dead");
    EXPECT_EQ(
        json["total"],
        nlohmann::json::parse(R"({"waiting": 1, "held": 1, "dead": 1, "octets": 28772, "unreadable": 0})"));
}

TEST(QueueJson, IsOneLineWhateverIsInIt) {
    const std::string line = queue_json({dead()}, totals_of({dead()}), kNow);
    for (const char octet : line) EXPECT_TRUE(octet >= 0x20 && octet < 0x7f);
    EXPECT_EQ(queue_json({}, {}, kNow),
              R"({"messages":[],"total":{"waiting":0,"held":0,"dead":0,"octets":0,"unreadable":0}})");
}

TEST(QueueJson, OfOneMessageHasAllOfIt) {
    const auto json = nlohmann::json::parse(shown_json(waiting(), kNow));
    EXPECT_EQ(json["id"], "3f9k2");
    EXPECT_EQ(json["client"],
              nlohmann::json::parse(R"({"address": "192.0.2.1", "helo": "mail.sender.example"})"));
    EXPECT_EQ(json["parameters"],
              nlohmann::json::parse(R"({"body": "8BITMIME", "smtputf8": false, "require_tls": true,
                                                           "ret": "", "envid": ""})"));
    EXPECT_EQ(json["recipients"][1],
              nlohmann::json::parse(R"({"address": "carol@example.org", "notify": "FAILURE,DELAY",
                                        "orcpt": "rfc822;carol@example.org"})"));
    EXPECT_EQ(json["found"],
              nlohmann::json::parse(R"({"spf": "pass", "dmarc": "none", "why": "no record"})"));
    EXPECT_EQ(json["journal"][0],
              nlohmann::json::parse(R"({"time": 1799996400, "age": 3600, "attempts": 1, "done": [0],
                                        "problem": "451 4.4.1 Mail server not reachable"})"));
    EXPECT_EQ(json["may_notify"], true);
    EXPECT_EQ(json["is_notification"], false);
}

TEST(SpanText, IsRoundedDown) {
    const std::pair<std::int64_t, const char*> cases[] = {{-5, "0s"},      {0, "0s"},      {59, "59s"},
                                                          {60, "1m"},      {3599, "59m"},  {3600, "1h"},
                                                          {172799, "47h"}, {172800, "2d"}, {864000, "10d"}};
    for (const auto& [seconds, text] : cases) EXPECT_EQ(span_text(seconds), text);
}

TEST(SizeText, HasTwoDigitsOrMore) {
    const std::pair<std::size_t, const char*> cases[] = {
        {0, "0"},       {1023, "1023"},    {1024, "1.0K"},      {2355, "2.3K"},
        {10240, "10K"}, {1048576, "1.0M"}, {3ull << 30, "3.0G"}};
    for (const auto& [octets, text] : cases) EXPECT_EQ(size_text(octets), text);
}

}  // namespace
}  // namespace gatepost::gateway
