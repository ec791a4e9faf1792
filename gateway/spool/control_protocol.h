// What the command line says to a running gatepost about its queue, over the socket `control` below `state`:
// one JSON object a line each way, a request and its answer. Bytes and values, no I/O.
//
//   {"command":"hold","ids":["3f9k2"]}
//   {"messages":[{"id":"3f9k2","state":"held"}]}
//
// States are waiting, delivering, held and dropped; "next_try" stands beside waiting, in seconds from now.
// What could not be done has "problem" in place of "state"; a request that is none gets {"problem":"…"}.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/result.h"

namespace gatepost::gateway {

constexpr std::size_t kMaxControlLine = 256 * 1024;  // octets, with the line's end
constexpr std::size_t kMaxControlIds = 1000;         // of a request; their answer fits into a line

enum class ControlCommand { status, retry, hold, release, drop };
enum class QueueState { waiting, delivering, held, dropped };

struct ControlRequest {
    ControlCommand command = ControlCommand::status;
    std::vector<std::string> ids;
    friend bool operator==(const ControlRequest&, const ControlRequest&) = default;
};

// What became of one message, or how it stands.
struct ControlResult {
    std::string id;
    std::string problem;  // empty: done
    QueueState state = QueueState::waiting;
    std::optional<std::int64_t> next_try;  // seconds from now; with waiting
    friend bool operator==(const ControlResult&, const ControlResult&) = default;
};

std::string_view name_of(ControlCommand command);
std::string_view name_of(QueueState state);

// With their line ends. `problem` of the whole request, for a peer that does not speak like this.
std::string wire(const ControlRequest& request);
std::string wire(const std::vector<ControlResult>& results);
std::string wire_problem(std::string_view problem);

// Of one line without its end.
protocol::Result<ControlRequest> parse_control_request(std::string_view line);
protocol::Result<std::vector<ControlResult>> parse_control_answer(std::string_view line);

}  // namespace gatepost::gateway
