#include "gateway/spool/control_protocol.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "gateway/spool/spool_file.h"

namespace gatepost::gateway {
namespace {

using Json = nlohmann::ordered_json;
using protocol::Problem;

constexpr std::pair<ControlCommand, std::string_view> kCommands[] = {{ControlCommand::status, "status"},
                                                                     {ControlCommand::retry, "retry"},
                                                                     {ControlCommand::hold, "hold"},
                                                                     {ControlCommand::release, "release"},
                                                                     {ControlCommand::drop, "drop"}};

constexpr std::pair<QueueState, std::string_view> kStates[] = {{QueueState::waiting, "waiting"},
                                                               {QueueState::delivering, "delivering"},
                                                               {QueueState::held, "held"},
                                                               {QueueState::dropped, "dropped"}};

template <class Value, std::size_t N>
std::string_view name_in(const std::pair<Value, std::string_view> (&table)[N], Value value) {
    return std::find_if(std::begin(table), std::end(table),
                        [&](const auto& row) { return row.first == value; })
        ->second;
}

template <class Value, std::size_t N>
std::optional<Value> value_in(const std::pair<Value, std::string_view> (&table)[N], const std::string& name) {
    for (const auto& [value, known] : table)
        if (known == name) return value;
    return {};
}

std::string line_of(const Json& json) {
    return json.dump(-1, ' ', true, Json::error_handler_t::replace) + "\n";
}

// An object, or nothing. What nests deeper than ours do is not even read on.
std::optional<Json> object_of(std::string_view line) {
    constexpr int kMaxDepth = 4;
    if (line.size() > kMaxControlLine) return {};
    bool is_deep = false;
    const auto shallow = [&](int depth, Json::parse_event_t, Json&) {
        is_deep = is_deep || depth > kMaxDepth;
        return !is_deep;
    };
    Json json = Json::parse(line, shallow, false);
    if (is_deep || !json.is_object()) return {};
    return json;
}

std::string text_of(const Json& object, const char* key) {
    const auto found = object.find(key);
    return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

protocol::Result<ControlResult> result_of(const Json& object) {
    if (!object.is_object()) return Problem{"a message that is no object"};
    ControlResult result;
    result.id = text_of(object, "id");
    if (!is_spool_id(result.id)) return Problem{"a message without id"};
    result.problem = text_of(object, "problem");
    if (!result.problem.empty()) return result;
    const auto state = value_in(kStates, text_of(object, "state"));
    if (!state) return Problem{"an unknown state"};
    result.state = *state;
    const auto next = object.find("next_try");
    if (next != object.end() && next->is_number_integer()) result.next_try = next->get<std::int64_t>();
    return result;
}

}  // namespace

std::string_view name_of(ControlCommand command) {
    return name_in(kCommands, command);
}

std::string_view name_of(QueueState state) {
    return name_in(kStates, state);
}

std::string wire(const ControlRequest& request) {
    return line_of(Json{{"command", name_of(request.command)}, {"ids", request.ids}});
}

std::string wire(const std::vector<ControlResult>& results) {
    Json messages = Json::array();
    for (const auto& result : results) {
        Json message{{"id", result.id}};
        if (!result.problem.empty()) {
            message["problem"] = result.problem;
        } else {
            message["state"] = name_of(result.state);
            if (result.next_try) message["next_try"] = *result.next_try;
        }
        messages.push_back(std::move(message));
    }
    return line_of(Json{{"messages", std::move(messages)}});
}

std::string wire_problem(std::string_view problem) {
    return line_of(Json{{"problem", problem}});
}

protocol::Result<ControlRequest> parse_control_request(std::string_view line) {
    const auto object = object_of(line);
    if (!object) return Problem{"no JSON object in a line"};
    const auto command = value_in(kCommands, text_of(*object, "command"));
    if (!command) return Problem{"command must be status, retry, hold, release or drop"};
    const auto ids = object->find("ids");
    if (ids == object->end() || !ids->is_array() || ids->empty() || ids->size() > kMaxControlIds)
        return Problem{"ids must be a list of 1 to " + std::to_string(kMaxControlIds)};
    ControlRequest request{*command, {}};
    for (const auto& id : *ids) {
        if (!id.is_string() || !is_spool_id(id.get_ref<const std::string&>()))
            return Problem{"an id is 1 to 64 letters and digits"};
        request.ids.push_back(id.get<std::string>());
    }
    return request;
}

protocol::Result<std::vector<ControlResult>> parse_control_answer(std::string_view line) {
    const auto object = object_of(line);
    if (!object) return Problem{"it does not answer as gatepost does"};
    const std::string problem = text_of(*object, "problem");
    if (!problem.empty()) return Problem{problem};
    const auto messages = object->find("messages");
    if (messages == object->end() || !messages->is_array() || messages->size() > kMaxControlIds)
        return Problem{"it does not answer as gatepost does"};
    std::vector<ControlResult> results;
    for (const auto& message : *messages) {
        const auto result = result_of(message);
        if (!result) return Problem{"it answers with " + result.problem()};
        results.push_back(*result);
    }
    return results;
}

}  // namespace gatepost::gateway
