#include "gateway/spool/control_protocol.h"

#include <gtest/gtest.h>

namespace gatepost::gateway {
namespace {

TEST(ControlRequest, IsOneLineAndReadsBack) {
    const ControlRequest request{ControlCommand::hold, {"3f9k2", "ABC"}};
    EXPECT_EQ(wire(request), R"({"command":"hold","ids":["3f9k2","ABC"]})"
                             "\n");
    for (const auto command : {ControlCommand::status, ControlCommand::retry, ControlCommand::hold,
                               ControlCommand::release, ControlCommand::drop}) {
        const ControlRequest each{command, {"3f9k2"}};
        const std::string line = wire(each);
        const auto parsed = parse_control_request({line.data(), line.size() - 1});
        ASSERT_TRUE(parsed) << line;
        EXPECT_EQ(*parsed, each) << line;
    }
}

TEST(ControlRequest, RefusesWhatIsNone) {
    const struct {
        const char* why;
        std::string line;
    } cases[] = {
        {"nothing", ""},
        {"no JSON", "hold 3f9k2"},
        {"no object", R"(["hold"])"},
        {"cut short", R"({"command":"hold","ids":["3f)"},
        {"something behind it", R"({"command":"hold","ids":["3f"]} x)"},
        {"no command", R"({"ids":["3f9k2"]})"},
        {"an unknown command", R"({"command":"delete","ids":["3f9k2"]})"},
        {"a command that is no text", R"({"command":1,"ids":["3f9k2"]})"},
        {"no ids", R"({"command":"hold"})"},
        {"an empty list", R"({"command":"hold","ids":[]})"},
        {"ids that are no list", R"({"command":"hold","ids":"3f9k2"})"},
        {"an id that is a number", R"({"command":"hold","ids":[1]})"},
        {"an id that leads out of the folder", R"({"command":"drop","ids":["../etc"]})"},
        {"an empty id", R"({"command":"drop","ids":[""]})"},
        {"a long id", R"({"command":"drop","ids":[")" + std::string(65, 'a') + R"("]})"},
        {"deep nesting", std::string(100'000, '[')},
        {"deep nesting in an object", R"({"command":"hold","ids":)" + std::string(100'000, '[')},
        {"a line too long",
         R"({"command":"hold","ids":["a"],"x":")" + std::string(kMaxControlLine, 'x') + "\"}"},
    };
    for (const auto& [why, line] : cases) EXPECT_FALSE(parse_control_request(line)) << why;
}

TEST(ControlRequest, HoldsNoMoreIdsThanALineTakes) {
    ControlRequest request{ControlCommand::status,
                           std::vector<std::string>(kMaxControlIds, std::string(64, 'a'))};
    std::string line = wire(request);
    EXPECT_LE(line.size(), kMaxControlLine);
    EXPECT_TRUE(parse_control_request(line));
    request.ids.push_back("b");
    EXPECT_FALSE(parse_control_request(wire(request)));
}

TEST(ControlAnswer, SaysOfEachMessageWhatBecameOfIt) {
    const std::vector<ControlResult> results{{"a1", "", QueueState::waiting, 90},
                                             {"b2", "", QueueState::delivering, {}},
                                             {"c3", "", QueueState::held, {}},
                                             {"d4", "", QueueState::dropped, {}},
                                             {"e5", "no message e5 in the queue", {}, {}}};
    const std::string line = wire(results);
    EXPECT_EQ(line, R"({"messages":[{"id":"a1","state":"waiting","next_try":90},)"
                    R"({"id":"b2","state":"delivering"},{"id":"c3","state":"held"},)"
                    R"({"id":"d4","state":"dropped"},{"id":"e5","problem":"no message e5 in the queue"}]})"
                    "\n");
    const auto parsed = parse_control_answer(line);
    ASSERT_TRUE(parsed) << parsed.problem();
    EXPECT_EQ(*parsed, results);
}

TEST(ControlAnswer, OfTheLongestRequestFitsIntoALine) {
    const ControlResult longest{
        std::string(64, 'a'), "a delivery is under way; try again when it has ended", {}, {}};
    EXPECT_LE(wire(std::vector<ControlResult>(kMaxControlIds, longest)).size(), kMaxControlLine);
}

TEST(ControlAnswer, TellsAProblemOfTheWholeRequest) {
    const auto parsed = parse_control_answer(wire_problem("ids must be a list"));
    ASSERT_FALSE(parsed);
    EXPECT_EQ(parsed.problem(), "ids must be a list");
}

TEST(ControlAnswer, RefusesWhatIsNone) {
    for (const char* line :
         {"", "{}", "[]", R"({"messages":1})", R"({"messages":[1]})", R"({"messages":[{}]})",
          R"({"messages":[{"id":"a"}]})", R"({"messages":[{"id":"a","state":"lost"}]})",
          R"({"messages":[{"id":"../a","state":"held"}]})"})
        EXPECT_FALSE(parse_control_answer(line)) << line;
}

}  // namespace
}  // namespace gatepost::gateway
