// `metrics`: where monitoring asks.
#include <gtest/gtest.h>

#include "config/load.h"

namespace gatepost::config {
namespace {

Loaded load(const std::string& text) {
    return load_text(
        "hostname: mx1.example.org\ndomains: [example.org]\ndownstream: {servers: [\"smtp://h\"]}\n" + text,
        "/etc/gatepost/f", "mx1.example.org");
}

TEST(Metrics, AreToldNowhereUnlessWanted) {
    for (const char* yaml : {"", "metrics:\n", "metrics: {}\n"}) {
        const Loaded loaded = load(yaml);
        ASSERT_TRUE(loaded.settings) << yaml;
        EXPECT_FALSE(loaded.settings->metrics.listen) << yaml;
    }
}

TEST(Metrics, AreToldAtAnAddressAndPort) {
    for (const char* place : {"127.0.0.1:9250", "[::1]:9250", "0.0.0.0:1"}) {
        const Loaded loaded = load("metrics: {listen: \"" + std::string(place) + "\"}\n");
        ASSERT_TRUE(loaded.settings) << place;
        ASSERT_TRUE(loaded.settings->metrics.listen) << place;
        EXPECT_EQ(loaded.settings->metrics.listen->text(), place);
    }
}

TEST(Metrics, AnswersEachMistakeWithPlaceAndRemedy) {
    const struct {
        std::string yaml, text;
    } rows[] = {
        {"metrics: {listen: localhost}",
         "f:4:19: error: 'localhost' is no address to listen on; write for example \"127.0.0.1:9250\""},
        {"metrics: {listen: \"127.0.0.1\"}",
         "f:4:19: error: '127.0.0.1' is no address to listen on; write for example \"127.0.0.1:9250\""},
        {"metrics: {listen: \"127.0.0.1:0\"}",
         "f:4:19: error: '127.0.0.1:0' is no address to listen on; write for example \"127.0.0.1:9250\""},
        {"metrics: {listen: [\"127.0.0.1:1\"]}", "f:4:19: error: listen must be a single value"},
        {"metrics: {port: 1}", "f:4:11: error: unknown key 'port' in metrics; known are: listen"},
    };
    for (const auto& row : rows) {
        const Loaded loaded = load(row.yaml + "\n");
        EXPECT_FALSE(loaded.settings) << row.yaml;
        ASSERT_EQ(loaded.findings.size(), 1u) << row.yaml;
        EXPECT_EQ(text(loaded.findings.front(), "f"), row.text);
    }
}

}  // namespace
}  // namespace gatepost::config
