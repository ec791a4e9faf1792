#include "gateway/completion.h"

#include <gtest/gtest.h>

#include <asio/post.hpp>
#include <stdexcept>

#include "gateway/asio.h"

namespace gatepost::gateway {
namespace {

awaitable<void> fail() {
    throw std::runtime_error("what went wrong");
    co_return;
}

TEST(LogException, SaysWhatACoroutineThrewAndLetsTheOthersGoOn) {
    asio::io_context context{1};
    bool has_gone_on = false;
    asio::co_spawn(context, fail(), log_exception);
    asio::post(context, [&] { has_gone_on = true; });
    testing::internal::CaptureStderr();
    context.run();
    const std::string log = testing::internal::GetCapturedStderr();
    EXPECT_NE(log.find("bug what=\"what went wrong\""), std::string::npos) << log;
    EXPECT_TRUE(has_gone_on);
}

TEST(LogException, LogsNothingWhereNothingWasThrown) {
    testing::internal::CaptureStderr();
    log_exception(nullptr);
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

}  // namespace
}  // namespace gatepost::gateway
