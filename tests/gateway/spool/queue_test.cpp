#include "gateway/spool/queue.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <map>

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
    due<Queue::Remove>();
    queue_.done("a", EIO, now_);
    due<Queue::Record>();
    queue_.done("a", 0, now_);
    for (int i = 0; i < 5; ++i) {
        wait();
        EXPECT_EQ(due<Queue::Remove>().id, "a");
        queue_.done("a", EIO, now_);
    }
    wait();
    due<Queue::Remove>();
    queue_.done("a", 0, now_);
    EXPECT_EQ(queue_.size(), 0U);
}

// Or the next start would send it again, and an orderly end would be enough for that.
TEST_F(QueueTest, TheJournalHearsAtOnceOfWhatCouldNotBeRemoved) {
    add("a");
    due<Queue::Try>();
    queue_.ended("a", {{0, kTaken, "s"}, {1, kTaken, "s"}}, now_);
    due<Queue::Remove>();
    queue_.done("a", EIO, now_);
    EXPECT_EQ(due<Queue::Record>().entry.done, (std::vector<std::size_t>{0, 1}));
    queue_.done("a", EIO, now_);
    EXPECT_TRUE(is_idle());
    wait();  // nor can it be written; both are tried again
    due<Queue::Remove>();
    queue_.done("a", EIO, now_);
    EXPECT_EQ(due<Queue::Record>().entry.done, (std::vector<std::size_t>{0, 1}));
    queue_.done("a", 0, now_);
    EXPECT_TRUE(is_idle());
    wait();
    EXPECT_EQ(due<Queue::Remove>().id, "a");
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

// What a journal does not say is known until the end.
TEST_F(QueueTest, SaysAtTheEndWhatNoJournalSaysYet) {
    add("a");
    add("b");
    due<Queue::Try>();
    EXPECT_TRUE(queue_.unwritten(now_).empty()) << "that try goes on";
    queue_.ended("a", {{0, kTaken, "s"}, {1, kRefused, "s"}}, now_);
    for (const bool is_given_out : {false, true}) {
        if (is_given_out) due<Queue::Notify>();
        const auto records = queue_.unwritten(now_);
        ASSERT_EQ(records.size(), 1U);
        EXPECT_EQ(records[0].id, "a");
        EXPECT_EQ(records[0].entry.done, (std::vector<std::size_t>{0}));
        EXPECT_EQ(records[0].entry.attempts, 1U);
    }
    queue_.done("a", EIO, now_);
    due<Queue::Record>();
    queue_.done("a", EIO, now_);
    EXPECT_EQ(queue_.unwritten(now_).size(), 1U) << "the journal could not be written";
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

// A reload that raises it does not wait for the tries that are under way.
TEST_F(QueueTest, BeginsWhatIsParkedWhenItMayTryMore) {
    for (const char* id : {"a", "b", "c", "d", "e"}) add(id);
    due<Queue::Try>();
    due<Queue::Try>();
    EXPECT_TRUE(is_idle());
    settings_.queue.deliveries = 4;
    queue_.use(settings_);
    ASSERT_TRUE(queue_.wake_at());
    EXPECT_LE(*queue_.wake_at(), now_);
    EXPECT_EQ(due<Queue::Try>().id, "c");
    EXPECT_EQ(due<Queue::Try>().id, "d");
    EXPECT_TRUE(is_idle());
    settings_.queue.deliveries = 1;
    queue_.use(settings_);
    EXPECT_TRUE(is_idle()) << "what runs runs on";
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

// Not of each message only that it waits: the journal says what is wrong with the server.
TEST_F(QueueTest, TheJournalSaysWhatLiesBehindAnOutage) {
    Outcome away = kAway;
    away.why = "10.0.0.5: Connection refused";
    for (const char* id : {"a", "b"}) add(id);
    due<Queue::Try>();
    due<Queue::Try>();
    queue_.ended("a", {{0, away, ""}}, now_);
    EXPECT_EQ(due<Queue::Record>().entry.why, kAway.reply.text() + " (10.0.0.5: Connection refused)");
    queue_.done("a", 0, now_);
    queue_.ended("b", {{0, away, ""}}, now_);
    due<Queue::Record>();
    queue_.done("b", 0, now_);
    std::vector<std::string> put_off;
    for (const auto end = now_ + 6 * 24h; now_ < end && put_off.empty(); wait()) {
        while (const auto action = queue_.next(now_)) {
            if (const auto* tried = std::get_if<Queue::Try>(&*action)) {
                queue_.ended(tried->id, {{0, away, ""}}, now_);
            } else if (const auto* record = std::get_if<Queue::Record>(&*action)) {
                if (record->entry.why.starts_with("no server")) put_off.push_back(record->entry.why);
                queue_.done(record->id, 0, now_);
            } else {
                ADD_FAILURE() << "it is not given up yet";
            }
        }
    }
    ASSERT_FALSE(put_off.empty());
    EXPECT_EQ(put_off.front(), "no server could be reached (10.0.0.5: Connection refused)");
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

// Likewise who asked to hear of a delay: of each message once, when its time has come.
TEST_F(QueueTest, TellsOfTheDelayOfWhatOnlyOthersWereTriedFor) {
    settings_.downstream.retry = {60s, 60s, 5 * 24h};
    settings_.notifications.delay_after = 1h;
    queue_.use(settings_);
    const auto began = now_;
    std::map<std::string, Queue::Time> told;
    for (int i = 0; i < 500; ++i) add("m" + std::to_string(i));
    for (; now_ < began + 4h; wait()) {
        while (const auto action = queue_.next(now_)) {
            if (const auto* due = std::get_if<Queue::Try>(&*action)) {
                queue_.ended(due->id, {{0, kAway, ""}}, now_);
                continue;
            }
            const auto* notify = std::get_if<Queue::Notify>(&*action);
            if (notify) {
                EXPECT_EQ(notify->what, What::delayed);
                EXPECT_TRUE(told.emplace(notify->id, now_).second) << notify->id << " is told of twice";
            }
            std::visit([&](const auto& each) { queue_.done(each.id, 0, now_); }, *action);
        }
    }
    EXPECT_EQ(told.size(), 500U);
    for (const auto& [id, when] : told) {
        EXPECT_GE(when - began, 1h) << id;
        EXPECT_LE(when - began, 1h + 3min) << id;
    }
}

// "m" is for two routes. Once one of them has it, it waits for the other alone.
TEST_F(QueueTest, GoesWithThoseWhoWaitForTheSameOnceSomeOfItIsDelivered) {
    settings_.queue.deliveries = 1;
    queue_.use(settings_);
    queue_.add({.id = "m", .destination = "0 1 "}, now_);
    due<Queue::Try>();
    queue_.ended("m", {{0, kTaken, "s"}, {1, kAway, ""}}, now_, "1 ");
    EXPECT_EQ(due<Queue::Record>().entry.done, (std::vector<std::size_t>{0}));
    queue_.done("m", 0, now_);
    queue_.add({.id = "n", .destination = "1 "}, now_);
    EXPECT_EQ(due<Queue::Try>().id, "n");
    ASSERT_TRUE(queue_.retry("m", now_));
    EXPECT_TRUE(is_idle()) << "one at once, of one destination";
    queue_.ended("n", {{0, kTaken, "s"}}, now_);
    EXPECT_EQ(due<Queue::Remove>().id, "n");
    queue_.done("n", 0, now_);
    EXPECT_EQ(due<Queue::Try>().id, "m");
    queue_.ended("m", {{1, kTaken, "s"}}, now_, "");
    EXPECT_EQ(due<Queue::Remove>().id, "m");
    queue_.done("m", 0, now_);
    EXPECT_EQ(queue_.size(), 0U);
}

TEST_F(QueueTest, TriesMoreAtOnceAsSoonAsItMay) {
    for (const char* id : {"a", "b", "c", "d", "e", "f"}) add(id);
    for (int i = 0; i < 2; ++i) due<Queue::Try>();
    EXPECT_TRUE(is_idle());
    settings_.queue.deliveries = 5;
    queue_.use(settings_);
    for (int i = 0; i < 3; ++i) due<Queue::Try>();
    EXPECT_TRUE(is_idle());
    settings_.queue.deliveries = 1;
    queue_.use(settings_);
    for (const char* id : {"a", "b", "c", "d"}) {
        queue_.ended(id, {{0, kTaken, "s"}}, now_);
        EXPECT_EQ(due<Queue::Remove>().id, id);
        queue_.done(id, 0, now_);
        EXPECT_TRUE(is_idle()) << "fewer only when those have ended";
    }
    queue_.ended("e", {{0, kTaken, "s"}}, now_);
    due<Queue::Remove>();
    queue_.done("e", 0, now_);
    EXPECT_EQ(due<Queue::Try>().id, "f");
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

// Played until `end`, or until nothing is left: whoever is tried gets the answer that `answer` has for it.
class AwayTest : public QueueTest {
  protected:
    void play(Queue::Time end, const auto& answer) {
        while (queue_.size() > 0) {
            while (const auto action = queue_.next(now_)) {
                if (const auto* due = std::get_if<Queue::Try>(&*action)) {
                    tries_.push_back(due->id);
                    queue_.ended(due->id, {{0, answer(due->id), ""}}, now_);
                } else {
                    const bool is_record = std::holds_alternative<Queue::Record>(*action);
                    if (is_record) ++records_;
                    std::visit([&](const auto& each) { queue_.done(each.id, 0, now_); }, *action);
                }
            }
            const auto wake = queue_.wake_at();
            if (!wake || *wake > end) break;
            ASSERT_GT(*wake, now_) << "it turns round and round";
            now_ = *wake;
        }
        if (queue_.size() > 0) now_ = end;
    }
    static Outcome away(const std::string&) { return kAway; }
    static Outcome taken(const std::string&) { return kTaken; }

    std::vector<std::string> tries_;
    std::size_t records_ = 0;
};

TEST_F(AwayTest, GetsItsMailSoonWhenItComesBack) {
    for (const std::size_t messages : {1U, 3U, 50U}) {
        settings_.downstream.retry = {60s, 1h, 24h * 5};
        queue_.use(settings_);
        for (std::size_t i = 0; i < messages; ++i) add(std::to_string(i));
        tries_.clear();
        play(now_ + 7h, away);
        EXPECT_LE(tries_.size(), 7 * 60 * 60 / 45 + 2 * messages) << "one in 45 s, shortest of the pauses";
        ASSERT_EQ(queue_.size(), messages);
        const auto back = now_;
        play(now_ + 1h, taken);
        EXPECT_EQ(queue_.size(), 0U);
        EXPECT_LE(now_ - back, 2min) << messages;
    }
}

TEST_F(AwayTest, IsProbedOftenThoughMessagesAreTriedSeldom) {
    settings_.downstream.retry = {24h, 24h, 24h * 5};
    queue_.use(settings_);
    add("a");
    play(now_ + 2h, away);
    const auto back = now_;
    play(now_ + 1h, taken);
    EXPECT_EQ(queue_.size(), 0U);
    EXPECT_LE(now_ - back, 2min);
}

// Each would cost a line of the journal, and every minute one.
TEST_F(AwayTest, IsProbedAtNoCostToTheMessage) {
    settings_.downstream.retry = {60s, 1h, 24h * 5};
    settings_.notifications.delay_after = 0s;
    queue_.use(settings_);
    add("a");
    play(now_ + 48h, away);
    EXPECT_GT(tries_.size(), 48U * 60);
    EXPECT_LT(records_, 48U * 60 * 60 / (45 * 60) + 8) << "about one an hour, and some at first";
    EXPECT_GE(queue_.state_of("a", now_)->age, 48h - 2min) << "a record rounds it down";
    EXPECT_LT(queue_.state_of("a", now_)->attempts, 100U);
    play(now_ + 24h * 4, away);
    EXPECT_EQ(queue_.size(), 0U) << "it is given up at its time";
    EXPECT_LT(now_, Queue::Time(1000h) + 24h * 5 + 6h);
}

// Over one of them every connection breaks; it is the oldest.
TEST_F(AwayTest, IsProbedWithEachMessageInTurn) {
    settings_.downstream.retry = {60s, 1h, 24h * 5};
    queue_.use(settings_);
    for (const char* id : {"a", "b", "c"}) add(id);
    play(now_ + 5h, away);
    const auto breaks_over_a = [](const std::string& id) { return id == "a" ? kAway : kTaken; };
    play(now_ + 3min, breaks_over_a);
    EXPECT_EQ(queue_.size(), 1U);
    EXPECT_TRUE(queue_.state_of("a", now_));
}

TEST_F(AwayTest, IsNotProbedWhileAllThatWaitsForItIsHeld) {
    add("a");
    play(now_ + 10min, away);
    ASSERT_TRUE(queue_.hold("a"));
    EXPECT_FALSE(queue_.wake_at());
    EXPECT_TRUE(is_idle());
    ASSERT_TRUE(queue_.release("a", now_));
    EXPECT_EQ(due<Queue::Try>().id, "a");
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
