#include "gateway/cli/queue_offline.h"

#include <gtest/gtest.h>

namespace gatepost::gateway {
namespace {

// Whoever looks for a message later finds who has changed it, as he does where a gateway ran.
TEST(QueueOffline, SaysWhatWasDone) {
    EXPECT_EQ(offline_line(ControlCommand::drop, {"3f9k2", "", QueueState::dropped, {}}, 0),
              "queue id=3f9k2 command=drop state=dropped by=gatepost-queue uid=0");
    EXPECT_EQ(offline_line(ControlCommand::hold, {"3f9k2", "", QueueState::held, {}}, 1000),
              "queue id=3f9k2 command=hold state=held by=gatepost-queue uid=1000");
    EXPECT_EQ(
        offline_line(ControlCommand::drop, {"3f9k2", "3f9k2: Input/output error", QueueState::held, {}}, 0),
        "queue id=3f9k2 command=drop why=\"3f9k2: Input/output error\" by=gatepost-queue uid=0");
}

}  // namespace
}  // namespace gatepost::gateway
