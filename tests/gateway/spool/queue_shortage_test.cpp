// The queue where memory is short: whichever allocation fails, no message is left behind, and no place of a
// try is lost.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <map>
#include <new>

#include "gateway/spool/queue.h"
#include "tests/support/memory_shortage.h"

thread_local gatepost::tests::MemoryShortage gatepost::tests::memory_shortage;

namespace {

void* allocated(std::size_t octets) {
    auto& shortage = gatepost::tests::memory_shortage;
    if (shortage.left == 0) {
        if (--shortage.failing == 0) shortage = {};
        throw std::bad_alloc();
    }
    if (shortage.left > 0) --shortage.left;
    void* const memory = std::malloc(std::max<std::size_t>(octets, 1));
    if (!memory) throw std::bad_alloc();
    return memory;
}

void* allocated_or_null(std::size_t octets) noexcept {
    try {
        return allocated(octets);
    } catch (const std::bad_alloc&) {
        return nullptr;
    }
}

}  // namespace

// Of the whole test program. Each form has its partner here: AddressSanitizer has forms of its own.
void* operator new(std::size_t octets) {
    return allocated(octets);
}
void* operator new[](std::size_t octets) {
    return allocated(octets);
}
void* operator new(std::size_t octets, const std::nothrow_t&) noexcept {
    return allocated_or_null(octets);
}
void* operator new[](std::size_t octets, const std::nothrow_t&) noexcept {
    return allocated_or_null(octets);
}
void operator delete(void* memory) noexcept {
    std::free(memory);
}
void operator delete[](void* memory) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
    std::free(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
    std::free(memory);
}

namespace gatepost::gateway {
namespace {

using namespace std::chrono_literals;
namespace reply = protocol::reply;

const Outcome kTaken{Fate::accepted, reply::kMessageTaken};
const Outcome kRefused{Fate::refused, reply::kUnknownUser};
const Outcome kDeferred{Fate::deferred, reply::kMailboxFull};
const Outcome kAway{Fate::unreachable, reply::kDownstreamDown};

// Four messages for one destination, with a place for one try at a time: delivered in part and refused in
// part, away and then there, deferred with a note of the delay.
class Story {
  public:
    // So many of the queue's allocations succeed, then one fails.
    explicit Story(long allocations) : left_(allocations) {
        settings_.queue.deliveries = 1;
        settings_.notifications.delay_after = 1s;
        queue_.use(settings_);
        for (const char* id : {"a", "b", "c", "d"}) {
            again([&] { queue_.add({.id = id, .destination = "d"}, now_); });
        }
        for (int i = 0; i < 200 && queue_.size() > 0; ++i) go_on();
    }

    bool was_short = false;
    const Queue& queue() const { return queue_; }
    std::map<std::string, int> tries;

  private:
    // What the runner does: the same once more.
    void again(const std::function<void()>& what) {
        bool has_failed = false;
        tests::memory_shortage.left = left_;
        try {
            what();
        } catch (const std::bad_alloc&) {
            has_failed = true;
        }
        left_ = std::exchange(tests::memory_shortage.left, -1);
        was_short = was_short || left_ < 0;
        if (has_failed) what();
    }
    void go_on() {
        std::optional<Queue::Action> action;
        again([&] { action = queue_.next(now_); });
        if (!action) {
            const auto wake = queue_.wake_at();
            if (wake) now_ = std::max(now_, *wake);
            return;
        }
        if (const auto* due = std::get_if<Queue::Try>(&*action)) {
            const auto tried = came_of(due->id, ++tries[due->id]);
            again([&] { queue_.ended(due->id, tried, now_); });
        } else if (const auto* notify = std::get_if<Queue::Notify>(&*action)) {
            again([&] { queue_.done(notify->id, 0, now_); });
        } else if (const auto* record = std::get_if<Queue::Record>(&*action)) {
            again([&] { queue_.done(record->id, 0, now_); });
        } else {
            again([&] { queue_.done(std::get<Queue::Remove>(*action).id, 0, now_); });
        }
    }
    static std::vector<Tried> came_of(const std::string& id, int number) {
        if (number > 1) return {{1, kTaken, "s"}};
        if (id == "a") return {{0, kTaken, "s", true}, {1, kRefused, "s"}};
        if (id == "b") return {{0, kAway, ""}, {1, kAway, ""}};
        return {{0, kTaken, "s"}, {1, kDeferred, "s"}};
    }

    long left_;
    config::Settings settings_;
    Queue::Time now_{1000h};
    Queue queue_{settings_, 1};
};

TEST(QueueShortage, LeavesNoMessageBehindWhicheverAllocationFails) {
    constexpr long kMost = 5000;
    const std::map<std::string, int> undisturbed{{"a", 1}, {"b", 2}, {"c", 2}, {"d", 2}};
    long allocation = 0;
    for (; allocation < kMost; ++allocation) {
        Story story(allocation);
        if (!story.was_short) break;
        ASSERT_EQ(story.queue().size(), 0U) << "allocation " << allocation;
        ASSERT_EQ(story.queue().tries(), 0U) << "allocation " << allocation;
        ASSERT_EQ(story.tries, undisturbed) << "allocation " << allocation;
    }
    EXPECT_GT(allocation, 50) << "some of them must have failed";
    EXPECT_LT(allocation, kMost);
}

// What runs the queue could not even begin it.
TEST(QueueShortage, GivesOutAgainWhatCouldNotBeBegun) {
    config::Settings settings;
    settings.queue.deliveries = 1;
    Queue queue(settings, 1);
    const Queue::Time now{1000h};
    queue.add({.id = "a", .destination = "d"}, now);
    const auto given = [&] {
        auto action = queue.next(now);
        return action ? *action : Queue::Action(Queue::Remove{"nothing is due"});
    };
    ASSERT_TRUE(std::holds_alternative<Queue::Try>(given()));
    EXPECT_FALSE(queue.next(now)) << "it runs";
    queue.put_back("a", now);
    EXPECT_EQ(queue.tries(), 0U);
    ASSERT_TRUE(std::holds_alternative<Queue::Try>(given()));
    queue.ended("a", {{0, kRefused, "s"}, {1, kDeferred, "s"}}, now);
    ASSERT_TRUE(std::holds_alternative<Queue::Notify>(given()));
    queue.put_back("a", now);
    auto again = given();
    ASSERT_TRUE(std::holds_alternative<Queue::Notify>(again));
    EXPECT_EQ(std::get<Queue::Notify>(again).recipients.size(), 1U);
    queue.done("a", 0, now);
    ASSERT_TRUE(std::holds_alternative<Queue::Record>(given()));
    queue.put_back("a", now);
    again = given();
    ASSERT_TRUE(std::holds_alternative<Queue::Record>(again));
    EXPECT_EQ(std::get<Queue::Record>(again).entry.done, std::vector<std::size_t>{0});
    queue.done("a", 0, now);
    EXPECT_EQ(queue.state_of("a", now)->attempts, 1U) << "what was not begun is no attempt";
    queue.put_back("a", now);
    EXPECT_FALSE(queue.next(now)) << "what is not given out is not put back";
}

}  // namespace
}  // namespace gatepost::gateway
