#include "gateway/metrics.h"

#include <gtest/gtest.h>

#include <sstream>

#include "gateway/metrics_answer.h"

namespace gatepost::gateway {
namespace {

bool has_line(const std::string& text, const std::string& wanted) {
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);)
        if (line == wanted) return true;
    return false;
}

// Every sample has the HELP and TYPE of its family before it, as the format wants; names and labels are of
// the allowed letters.
TEST(Metrics, EachSampleBelongsToAFamilyThatWasDeclared) {
    Metrics metrics;
    metrics.version = "1.2.3";
    metrics.has_queue = true;
    const std::string text = exposition(metrics);
    ASSERT_TRUE(text.ends_with("\n"));
    std::istringstream stream(text);
    std::string family;
    std::size_t samples = 0;
    for (std::string line; std::getline(stream, line);) {
        if (line.starts_with("# TYPE ")) {
            const auto end = line.find(' ', 7);
            family = line.substr(7, end - 7);
            EXPECT_EQ(line.substr(end + 1), family.ends_with("_total") ? "counter" : "gauge") << line;
        } else if (!line.starts_with("# HELP ")) {
            ++samples;
            EXPECT_EQ(line.substr(0, line.find_first_of(" {")), family) << line;
            EXPECT_EQ(family.find_first_not_of("abcdefghijklmnopqrstuvwxyz_"), family.npos) << family;
        }
    }
    EXPECT_EQ(samples, 15u);
}

TEST(Metrics, SaysWhatWasCounted) {
    Metrics metrics;
    metrics.version = "1.2.3";
    metrics.started = 1795475255.25;
    metrics.sessions = 1;
    metrics.has_queue = true;
    metrics.queued_messages = 2;
    metrics.queued_octets = 10'000'000'000;
    metrics.running_tries = 3;
    metrics.accepted = 4;
    metrics.refused = 5;
    metrics.deferred = 6;
    metrics.unreachable = 7;
    metrics.unknown = 8;
    metrics.failure_notices = 9;
    metrics.delay_notices = 10;
    metrics.relay_notices = 11;
    metrics.dead_letters = 12;
    const std::string text = exposition(metrics);
    for (const char* line :
         {"gatepost_build_info{version=\"1.2.3\"} 1", "process_start_time_seconds 1795475255.250",
          "gatepost_sessions 1", "gatepost_queue_messages 2", "gatepost_queue_bytes 10000000000",
          "gatepost_queue_tries_running 3", "gatepost_queue_recipients_tried_total{outcome=\"accepted\"} 4",
          "gatepost_queue_recipients_tried_total{outcome=\"refused\"} 5",
          "gatepost_queue_recipients_tried_total{outcome=\"deferred\"} 6",
          "gatepost_queue_recipients_tried_total{outcome=\"unreachable\"} 7",
          "gatepost_queue_recipients_tried_total{outcome=\"unknown\"} 8",
          "gatepost_notifications_total{event=\"failed\"} 9",
          "gatepost_notifications_total{event=\"delayed\"} 10",
          "gatepost_notifications_total{event=\"relayed\"} 11", "gatepost_dead_letters_total 12"})
        EXPECT_TRUE(has_line(text, line)) << line << "\n" << text;
}

TEST(Metrics, SayNothingOfAQueueThatIsNotThere) {
    EXPECT_EQ(exposition(Metrics()).find("queue"), std::string::npos);
}

TEST(MetricsAnswer, IsForGetAndHeadOfOnePath) {
    const struct {
        const char *head, *status;
        bool has_text;
    } rows[] = {
        {"GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n", "200 OK", true},
        {"GET /metrics?x=y HTTP/1.0\r\n\r\n", "200 OK", true},
        {"HEAD /metrics HTTP/1.1\r\n\r\n", "200 OK", false},
        {"GET / HTTP/1.1\r\n\r\n", "404 Not Found", false},
        {"GET /metricsx HTTP/1.1\r\n\r\n", "404 Not Found", false},
        {"GET /../metrics HTTP/1.1\r\n\r\n", "404 Not Found", false},
        {"POST /metrics HTTP/1.1\r\nContent-Length: 1\r\n\r\nx", "405 Method Not Allowed", false},
        {"get /metrics HTTP/1.1\r\n\r\n", "405 Method Not Allowed", false},
        {"GET /metrics HTTP/1.1\r\n", "400 Bad Request", false},  // cut off
        {"GET /metrics\r\n\r\n", "400 Bad Request", false},
        {"GET  /metrics HTTP/1.1\r\n\r\n", "400 Bad Request", false},
        {"EHLO x\r\n\r\n", "400 Bad Request", false},
        {"\r\n\r\n", "400 Bad Request", false},
        {"", "400 Bad Request", false},
        {"\x16\x03\x01", "400 Bad Request", false},  // TLS
    };
    for (const auto& row : rows) {
        const std::string answer = metrics_answer(row.head, [] { return std::string("the text\n"); });
        EXPECT_TRUE(answer.starts_with("HTTP/1.1 " + std::string(row.status) + "\r\n")) << row.head << answer;
        EXPECT_EQ(answer.ends_with("\r\n\r\nthe text\n"), row.has_text) << row.head << answer;
        EXPECT_NE(answer.find("\r\nConnection: close\r\n"), answer.npos);
    }
}

// What HEAD says is what GET would have sent (RFC 9110 section 9.3.2).
TEST(MetricsAnswer, SaysHowLongItIs) {
    for (const char* method : {"GET", "HEAD"}) {
        const std::string answer = metrics_answer(std::string(method) + " /metrics HTTP/1.1\r\n\r\n",
                                                  [] { return std::string("12345"); });
        EXPECT_NE(answer.find("\r\nContent-Length: 5\r\n"), answer.npos) << answer;
    }
}

}  // namespace
}  // namespace gatepost::gateway
