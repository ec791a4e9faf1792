// `queue`, and `downstream.spool`: what is kept here and how much of it.
#include <gtest/gtest.h>

#include "config/load.h"

namespace gatepost::config {
namespace {

using namespace std::chrono_literals;

Loaded load(const std::string& text) {
    return load_text("hostname: mx1.example.org\ndomains: [example.org]\n" + text, "/etc/gatepost/f",
                     "mx1.example.org");
}

TEST(Queue, TakesEveryKey) {
    const Loaded loaded = load(
        "downstream: {servers: [\"smtp://10.0.0.5\"], spool: always}\n"
        "queue: {messages: 7, size: 2MiB, free_space: 1GiB, deliveries: 3, dead_letters: 12h}\n");
    ASSERT_TRUE(loaded.settings);
    EXPECT_EQ(loaded.settings->downstream.spool, SpoolMode::always);
    Queue expected;
    expected.messages = 7;
    expected.size = 2 * 1024 * 1024;
    expected.free_space = 1024 * 1024 * 1024;
    expected.deliveries = 3;
    expected.dead_letters = 12h;
    EXPECT_EQ(loaded.settings->queue, expected);
}

TEST(Queue, KeepsNothingUnlessTold) {
    const Loaded loaded = load("downstream: {servers: [\"maildir:///m\"]}\n");
    ASSERT_TRUE(loaded.settings);
    EXPECT_EQ(loaded.settings->downstream.spool, SpoolMode::never);
    EXPECT_EQ(loaded.settings->queue, Queue());
}

TEST(Queue, StandsBeforeEachKindOfServer) {
    for (const char* server : {"smtp://h", "lmtp://h:24", "lmtp+unix:///run/lmtp", "maildir:///m"}) {
        const Loaded loaded =
            load("downstream: {servers: [\"" + std::string(server) + "\"], spool: outage}\n");
        ASSERT_TRUE(loaded.settings) << server;
        EXPECT_EQ(loaded.settings->downstream.spool, SpoolMode::outage);
    }
}

TEST(Retry, GrowsFromTheFirstPauseUpToTheLongestBeforeItEnds) {
    const struct {
        const char* retry;
        const char* expected;
    } rows[] = {
        {"first: 1h, max: 1h, expire: 1h", ""},
        {"first: 2h, max: 1h",
         "f:3:68: error: max must not be shorter than first: each pause is longer than the one before, up to "
         "max\n"},
        {"first: 2h",
         "f:3:59: error: max must not be shorter than first: each pause is longer than the one before, up to "
         "max\n"},
        {"first: 1h, expire: 30m",
         "f:3:71: error: expire must not be shorter than first: nothing would be tried a second time\n"},
    };
    for (const auto& row : rows) {
        const Loaded loaded =
            load("downstream: {servers: [\"smtp://10.0.0.5\"], retry: {" + std::string(row.retry) + "}}\n");
        std::string findings;
        for (const auto& finding : loaded.findings) findings += text(finding, "f") + "\n";
        EXPECT_EQ(findings, row.expected) << row.retry;
    }
}

TEST(Queue, AnswersEachMistakeWithPlaceAndRemedy) {
    const struct {
        std::string yaml, text;
    } rows[] = {
        {"queue: {messages: 0}", "f:4:19: error: messages must be a whole number from 1 to 10000000"},
        {"queue: {deliveries: many}", "f:4:21: error: deliveries must be a whole number from 1 to 100"},
        {"queue: {dead_letters: 5}",
         "f:4:23: error: dead_letters must be a time with its unit, such as 250ms, 30s, 5m, 1h or 5d"},
        {"queue: {sizes: 5}", "f:4:9: error: unknown key 'sizes' in queue; did you mean 'size'?"},
    };
    for (const auto& row : rows) {
        const Loaded loaded = load("downstream: {servers: [\"smtp://h\"]}\n" + row.yaml + "\n");
        EXPECT_FALSE(loaded.settings) << row.yaml;
        ASSERT_EQ(loaded.findings.size(), 1u) << row.yaml;
        EXPECT_EQ(text(loaded.findings.front(), "f"), row.text);
    }
    const Loaded short_max =
        load("downstream: {servers: [\"smtp://h\"], spool: always, retry: {first: 2h}}\n");
    EXPECT_FALSE(short_max.settings) << "it would wait for twice as long as max";
    const Loaded small = load("downstream: {servers: [\"smtp://h\"]}\nqueue: {size: 1KiB}\n");
    EXPECT_FALSE(small.settings) << "not even one message";
}

TEST(Queue, WarnsOfMessagesThatNeverFitIn) {
    for (const auto& [mode, findings] :
         {std::pair("always", 1u), std::pair("outage", 1u), std::pair("never", 0u)}) {
        const Loaded loaded = load("downstream: {servers: [\"smtp://h\"], spool: " + std::string(mode) +
                                   "}\nqueue: {size: 2MiB}\nlimits: {message_size: 3MiB}\n");
        ASSERT_TRUE(loaded.settings) << mode;
        ASSERT_EQ(loaded.findings.size(), findings) << mode;
        if (findings == 0) continue;
        EXPECT_TRUE(text(loaded.findings.front(), "f").starts_with("f:4:15: warning: queue.size is less"))
            << text(loaded.findings.front(), "f");
    }
}

}  // namespace
}  // namespace gatepost::config
