#include "gateway/metrics_answer.h"

#include <fmt/format.h>

namespace gatepost::gateway {
namespace {

constexpr const char* kPlain = "text/plain; charset=utf-8";
constexpr const char* kExposition = "text/plain; version=0.0.4; charset=utf-8";

std::string answer(std::string_view status, std::string_view type, std::string_view body, bool has_body) {
    return fmt::format(
        "HTTP/1.1 {}\r\nContent-Type: {}\r\nContent-Length: {}\r\n{}Connection: close\r\n\r\n{}", status,
        type, body.size(), status.starts_with("405") ? "Allow: GET, HEAD\r\n" : "", has_body ? body : "");
}

std::string problem(std::string_view status, bool has_body = true) {
    return answer(status, kPlain, std::string(status.substr(4)) + "; GET /metrics is what there is\n",
                  has_body);
}

// Up to the next space or the end of the line, which it takes away with it.
std::string_view take_word(std::string_view& line) {
    const auto end = line.find(' ');
    const std::string_view word = line.substr(0, end);
    line.remove_prefix(end == line.npos ? line.size() : end + 1);
    return word;
}

}  // namespace

std::string metrics_answer(std::string_view head, const std::function<std::string()>& text) {
    const auto end = head.find("\r\n");
    if (end == head.npos || head.find("\r\n\r\n") == head.npos) return problem("400 Bad Request");
    std::string_view line = head.substr(0, end);
    const std::string_view method = take_word(line), target = take_word(line), version = line;
    if (!version.starts_with("HTTP/1.")) return problem("400 Bad Request");
    const bool is_head = method == "HEAD";
    if (method != "GET" && !is_head) return problem("405 Method Not Allowed");
    if (target.substr(0, target.find('?')) != "/metrics") return problem("404 Not Found", !is_head);
    return answer("200 OK", kExposition, text(), !is_head);
}

}  // namespace gatepost::gateway
