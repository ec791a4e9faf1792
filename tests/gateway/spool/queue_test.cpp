#include "gateway/spool/queue.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace gatepost::gateway {
namespace {

using namespace std::chrono_literals;
namespace reply = protocol::reply;
using What = Queue::Notify::What;

const Outcome kTaken{Fate::accepted, reply::kMessageTaken};
const Outcome kRefused{Fate::refused, reply::kUnknownUser};
const Outcome kDeferred{Fate::deferred, reply::kMailboxFull};
const Outcome kAway{Fate::unreachable, reply::kDownstreamDown};

class QueueTest : public testing::Test {
  protected:
    QueueTest() {
        settings_.queue.deliveries = 2;
        queue_.use(settings_);
    }

    void add(const std::string& id) { queue_.add({.id = id, .destination = "d"}, now_); }
    // What is due now, which must be a T.
    template <class T>
    T due() {
        auto action = queue_.next(now_);
        if (!action || !std::holds_alternative<T>(*action)) {
            ADD_FAILURE() << (action ? "another action" : "nothing") << " is due";
            return {};
        }
        return std::get<T>(*action);
    }
    bool is_idle() { return !queue_.next(now_); }
    void wait() {
        const auto wake = queue_.wake_at();
        ASSERT_TRUE(wake);
        now_ = std::max(now_, *wake);
    }

    config::Settings settings_;
    Queue::Time now_{1000h};
    Queue queue_{settings_, 1};
};

TEST_F(QueueTest, RemovesWhatIsDelivered) {
    add("a");
    EXPECT_EQ(due<Queue::Try>().id, "a");
    EXPECT_TRUE(is_idle());
    queue_.ended("a", {{0, kTaken, "s"}}, now_);
    EXPECT_EQ(due<Queue::Remove>().id, "a");
    queue_.done("a", 0, now_);
    EXPECT_EQ(queue_.size(), 0U);
    EXPECT_FALSE(queue_.wake_at());
}

TEST_F(QueueTest, NeverSendsAgainWhatOnlyCouldNotBeRemoved) {
    add("a");
    due<Queue::Try>();
    queue_.ended("a", {{0, kTaken, "s"}}, now_);
    for (int i = 0; i < 5; ++i) {
        EXPECT_EQ(due<Queue::Remove>().id, "a");
        queue_.done("a", EIO, now_);
        wait();
    }
}

TEST_F(QueueTest, KnowsWhomItDeliveredToWhenTheJournalDoesNot) {
    add("a");
    due<Queue::Try>();
    queue_.ended("a", {{0, kTaken, "s"}, {1, kDeferred, "s"}}, now_);
    EXPECT_EQ(due<Queue::Record>().entry.done, (std::vector<std::size_t>{0}));
    queue_.done("a", EIO, now_);
    wait();
    EXPECT_EQ(due<Queue::Try>().not_again, (std::vector<std::size_t>{0}));
    queue_.ended("a", {{1, kDeferred, "s"}}, now_);
    EXPECT_EQ(due<Queue::Record>().entry.done, (std::vector<std::size_t>{0}));
}

// The server was there for "a", then nobody is, and the one probe that may be is that of "b": "a" is put off
// until the journal has to hear how old it is.
TEST_F(QueueTest, KnowsWhomItDeliveredToWhenItIsPutOffMeanwhile) {
    settings_.downstream.retry = {60s, 60s, 24h};
    queue_.use(settings_);
    add("a");
    due<Queue::Try>();
    queue_.ended("a", {{0, kTaken, "s"}, {1, kDeferred, "s"}}, now_);
    due<Queue::Record>();
    queue_.done("a", EIO, now_);
    add("b");
    due<Queue::Try>();
    queue_.ended("b", {{0, kAway, ""}}, now_);
    due<Queue::Record>();
    queue_.done("b", 0, now_);
    ASSERT_TRUE(queue_.retry("b", now_));
    EXPECT_EQ(due<Queue::Try>().id, "b");
    std::optional<Queue::Action> action;
    for (int i = 0; i < 10 && !action; ++i) {
        wait();
        action = queue_.next(now_);
    }
    ASSERT_TRUE(action && std::holds_alternative<Queue::Record>(*action));
    EXPECT_EQ(std::get<Queue::Record>(*action).id, "a");
    EXPECT_EQ(std::get<Queue::Record>(*action).entry.done, (std::vector<std::size_t>{0}));
}

TEST_F(QueueTest, TellsOfARefusalBeforeItForgets) {
    add("a");
    due<Queue::Try>();
    queue_.ended("a", {{0, kRefused, "s"}}, now_);
    const auto notify = due<Queue::Notify>();
    EXPECT_EQ(notify.what, What::failed);
    ASSERT_EQ(notify.recipients.size(), 1U);
    queue_.done("a", ENOSPC, now_);  // then it stays open, and comes again
    EXPECT_TRUE(due<Queue::Record>().entry.done.empty());
    queue_.done("a", 0, now_);
    wait();
    EXPECT_EQ(due<Queue::Try>().id, "a");
    queue_.ended("a", {{0, kRefused, "s"}}, now_);
    due<Queue::Notify>();
    queue_.done("a", 0, now_);
    EXPECT_EQ(due<Queue::Remove>().id, "a");
}

TEST_F(QueueTest, TriesNoMoreAtOnceThanItMay) {
    for (const char* id : {"a", "b", "c"}) add(id);
    due<Queue::Try>();
    due<Queue::Try>();
    EXPECT_TRUE(is_idle());
    queue_.ended("a", {{0, kTaken, "s"}}, now_);
    due<Queue::Remove>();
    EXPECT_EQ(due<Queue::Try>().id, "c");
}

// Who waited for the place of another one goes on when that is put off, and hangs on nobody.
TEST_F(QueueTest, LeavesNobodyWaitingForAPlaceWhenTheDestinationIsAway) {
    for (const char* id : {"a", "b", "c", "d", "e"}) add(id);
    due<Queue::Try>();
    due<Queue::Try>();
    EXPECT_TRUE(is_idle());
    queue_.ended("a", {{0, kAway, ""}}, now_);
    queue_.ended("b", {{0, kAway, ""}}, now_);
    due<Queue::Record>();
    due<Queue::Record>();
    queue_.done("a", 0, now_);
    queue_.done("b", 0, now_);
    EXPECT_TRUE(is_idle());
    for (const char* id : {"a", "b", "c", "d"}) EXPECT_TRUE(queue_.drop(id)) << id;
    wait();
    if (is_idle()) wait();  // put off once more: for the probe
    EXPECT_FALSE(queue_.drop("e")) << "it is being tried";
}

TEST_F(QueueTest, GivesUpWhenItIsOldAndWasTriedOften) {
    queue_.add({.id = "a", .destination = "d", .attempts = 5, .age = 5 * 24h}, now_);
    due<Queue::Try>();
    queue_.ended("a", {{0, kAway, ""}}, now_);
    EXPECT_EQ(due<Queue::Notify>().what, What::failed);
    queue_.done("a", 0, now_);
    due<Queue::Remove>();
}

// One message a minute finds out for all of them that nobody is there; their senders must not wait for that
// many minutes.
TEST_F(QueueTest, GivesUpWhatOnlyOthersWereTriedFor) {
    settings_.downstream.retry = {60s, 60s, 1h};
    queue_.use(settings_);
    const int messages = 500;
    for (int i = 0; i < messages; ++i) add("m" + std::to_string(i));
    int told = 0;
    for (const auto end = now_ + 65min; now_ < end; wait()) {
        while (const auto action = queue_.next(now_)) {
            if (const auto* due = std::get_if<Queue::Try>(&*action)) {
                queue_.ended(due->id, {{0, kAway, ""}}, now_);
            } else if (const auto* notify = std::get_if<Queue::Notify>(&*action)) {
                ++told;
                EXPECT_EQ(notify->what, What::failed);
                queue_.done(notify->id, 0, now_);
            } else if (const auto* record = std::get_if<Queue::Record>(&*action)) {
                EXPECT_LT(record->entry.age, 1h + 3min);
                queue_.done(record->id, 0, now_);
            } else {
                queue_.done(std::get<Queue::Remove>(*action).id, 0, now_);
            }
        }
        if (queue_.size() == 0) break;
    }
    EXPECT_EQ(told, messages);
    EXPECT_EQ(queue_.size(), 0U);
}

// The place that a try has left was meant for "b"; without it "c" would hang on nobody.
TEST_F(QueueTest, LeavesNobodyWaitingForAPlaceOfOneThatIsHeldOrDropped) {
    settings_.queue.deliveries = 1;
    queue_.use(settings_);
    for (const bool is_held : {true, false}) {
        for (const char* id : {"a", "b", "c"}) add(id);
        due<Queue::Try>();
        EXPECT_TRUE(is_idle());
        queue_.ended("a", {{0, kTaken, "s"}}, now_);
        EXPECT_TRUE(is_held ? queue_.hold("b") : queue_.drop("b"));
        due<Queue::Remove>();
        queue_.done("a", 0, now_);
        EXPECT_EQ(due<Queue::Try>().id, "c");
        queue_.ended("c", {{0, kTaken, "s"}}, now_);
        due<Queue::Remove>();
        queue_.done("c", 0, now_);
        queue_.drop("b");
    }
    EXPECT_EQ(queue_.size(), 0U);
}

TEST_F(QueueTest, ProbesADestinationThatIsAwayWithOneMessage) {
    add("a");
    due<Queue::Try>();
    queue_.ended("a", {{0, kAway, ""}}, now_);
    due<Queue::Record>();
    queue_.done("a", 0, now_);
    for (const char* id : {"b", "c", "e"}) add(id);
    EXPECT_TRUE(is_idle());
    int tries = 0;
    while (tries == 0) {
        wait();
        while (queue_.next(now_)) ++tries;
    }
    EXPECT_EQ(tries, 1);
}

}  // namespace
}  // namespace gatepost::gateway
