#include "gateway/spool/queue_runner.h"

#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <algorithm>
#include <asio/post.hpp>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <random>

#include "gateway/completion.h"
#include "gateway/log.h"
#include "gateway/spool/key_check.h"

namespace gatepost::gateway {
namespace {

namespace reply = protocol::reply;

// Notifications and entries of journals at once. Tries are bounded by the queue itself.
constexpr std::size_t kMaxSteps = 200;
constexpr std::chrono::milliseconds kMoment{100};  // until memory is asked for again
constexpr std::chrono::seconds kSignOfLife{5};
constexpr int kRounds = 100;
constexpr std::chrono::seconds kLongestRest{60};

void log_trouble(const std::string& id, std::string_view at, std::string_view why) {
    LogLine line("queue");
    log_error(line.add("id", id).add("at", at).add("why", why));
}

}  // namespace

QueueRunner::QueueRunner(Spool& spool, std::shared_ptr<const Snapshot> snapshot, asio::thread_pool& disk)
    : spool_(spool),
      work_(asio::make_work_guard(context_)),
      disk_(disk),
      environment_(std::make_shared<Environment>(context_, disk, std::move(snapshot))),
      queue_(environment_->settings, std::random_device()()),
      folder_(environment_->settings.state + "/spool"),
      notifier_(spool, context_, folder_, counts_),
      control_(context_, *this),
      timer_(context_),
      reading_(context_) {}

QueueRunner::~QueueRunner() {
    spool_.tell_of_new(nullptr);
}

std::string QueueRunner::start() {
    const std::string why = recover();
    if (!why.empty()) return why;
    spool_.tell_of_new([this](const SpooledMessage& message) { add_new(message); });
    const std::string path = environment_->settings.state + "/control";
    const std::string problem = control_.open(path);
    if (!problem.empty()) {
        LogLine line("queue");
        log_error(
            line.add("at", path).add("why", problem).add("remedy", "until then gatepost queue only shows"));
    }
    asio::co_spawn(context_, check_notification_key(environment_), log_exception);
    wake();
    thread_ = std::thread([this] {
        for (bool is_behind = false;;) {
            try {
                if (is_behind) drive();
                is_behind = false;
                context_.run();
                return;
            } catch (const std::exception& error) {  // memory is short: what it cost is made up for
                log_bug(error.what());
                is_behind = true;
                std::this_thread::sleep_for(kMoment);
            }
        }
    });
    return "";
}

std::string QueueRunner::recover() {
    std::size_t messages = 0;
    const auto now = Clock::now();
    auto next_sign = now;
    const auto unread = spool_.recover([&](const Spooled& spooled) {
        ++messages;
        if (const auto time = Clock::now();
            time >= next_sign) {  // a long queue takes more than systemd waits
            sd_notifyf(0, "EXTEND_TIMEOUT_USEC=60000000\nSTATUS=reading the queue, %zu messages so far",
                       messages);
            next_sign = time + kSignOfLife;
        }
        queue_.recover(entry_of(spooled, environment_->settings), now);
    });
    if (!unread) return unread.problem();
    LogLine line("spool");
    log_info(line.add("state", "open").add("messages", messages).add("unread", *unread));
    if (*unread > 0) recover_rest_later();
    return "";
}

// What was answered 250 must not wait for the next start because no descriptor was left at this one.
void QueueRunner::recover_rest_later() {
    reading_.expires_after(rest_);
    rest_ = std::min(2 * rest_, kLongestRest);
    reading_.async_wait([this](ErrorCode error) {
        if (error) return;
        std::size_t unread = 1;
        try {
            unread = spool_.recover_rest([this](const Spooled& spooled) {
                queue_.recover(entry_of(spooled, environment_->settings), Clock::now());
            });
            wake();
        } catch (const std::exception& exception) {  // memory is short
            log_bug(exception.what());
        }
        if (unread > 0) recover_rest_later();
    });
}

// In the spool's thread. What is copied is what the choice needs; the file has the rest. Where memory is
// short whoever waits for the disk waits with it: what is not known here would not be tried before the next
// start.
void QueueRunner::add_new(const SpooledMessage& message) {
    for (int round = 1;; ++round) {
        try {
            std::list<SpooledMessage> small(1);
            small.front().id = message.id;
            small.front().origin = message.origin;
            small.front().content_octets = message.content_octets;
            small.front().recipients = message.recipients;
            const std::lock_guard lock(mutex_);
            asio::post(context_, [this] { wake(); });
            new_.splice(new_.end(), small);
            return;
        } catch (const std::bad_alloc&) {
            if (round == kRounds) throw;
            std::this_thread::sleep_for(kMoment);
        }
    }
}

void QueueRunner::take_new() {
    std::list<SpooledMessage> taken;
    {
        const std::lock_guard lock(mutex_);
        taken.swap(new_);
    }
    try {
        for (; !taken.empty(); taken.pop_front())
            queue_.add(entry_of({taken.front(), {}, false}, environment_->settings), Clock::now());
    } catch (...) {
        const std::lock_guard lock(mutex_);
        new_.splice(new_.begin(), taken);
        throw;
    }
}

// Once for all that has changed; never from within itself.
void QueueRunner::wake() {
    if (std::exchange(is_woken_, true)) return;
    try {
        asio::post(context_, [this] {
            is_woken_ = false;
            drive();
        });
    } catch (...) {
        is_woken_ = false;
        throw;
    }
}

// Where memory is short it throws, and is called again by whoever catches that.
void QueueRunner::drive() {
    take_new();
    tell_of_ended();
    while (steps_ < kMaxSteps) {
        std::list<Begun> next(1);
        auto action = queue_.next(Clock::now());
        if (!action) break;
        // While it is draining the queue is left to believe that this one is being tried.
        if (is_draining_ && std::holds_alternative<Queue::Try>(*action)) continue;
        next.front().due = std::move(*action);
        begun_.splice(begun_.end(), next);
        begin();
    }
    running_ = begun_.size() + ended_.size();
    if (steps_ >= kMaxSteps) return;  // the end of one of them comes here again
    wake_at(queue_.wake_at().value_or(Deadline::max()));
}

void QueueRunner::wake_at(Deadline time) {
    timer_.expires_at(time);
    timer_.async_wait([this](ErrorCode error) {
        if (!error) wake();
    });
}

// Marks the end of what was begun, and be it that its coroutine was thrown away.
class QueueRunner::End {
  public:
    End(QueueRunner& runner, Begun& begun) : runner_(runner), begun_(begun) { begun_.has_started = true; }
    ~End() { runner_.ended_.splice(runner_.ended_.end(), runner_.begun_, begun_.place); }
    End(const End&) = delete;

  private:
    QueueRunner& runner_;
    Begun& begun_;
};

// The last of begun_.
void QueueRunner::begin() {
    const auto place = std::prev(begun_.end());
    Begun& begun = *place;
    begun.place = place;
    const bool is_step = !std::holds_alternative<Queue::Try>(begun.due);
    const auto done = [this](std::exception_ptr exception) {
        log_exception(exception);
        wake();
    };
    ++running_;
    is_step ? ++steps_ : ++counts_.tries;
    try {
        asio::co_spawn(context_, carry_out(begun), done);
    } catch (...) {
        if (begun.has_started) throw;  // then its end is seen
        is_step ? --steps_ : --counts_.tries;
        std::visit([this](const auto& due) { queue_.put_back(due.id, Clock::now()); }, begun.due);
        begun_.erase(place);
        throw;
    }
}

awaitable<void> QueueRunner::carry_out(Begun& begun) {
    const End end(*this, begun);
    if (const auto* due = std::get_if<Queue::Try>(&begun.due)) {
        co_await run(*due, begun.attempt);
    } else if (const auto* notify = std::get_if<Queue::Notify>(&begun.due)) {
        co_await run(*notify, begun.error);
    } else if (const auto* record = std::get_if<Queue::Record>(&begun.due)) {
        co_await run(*record, begun.error);
    } else {
        co_await run(std::get<Queue::Remove>(begun.due), begun.error);
    }
}

void QueueRunner::tell_of_ended() {
    while (!ended_.empty()) {
        const Begun& first = ended_.front();
        if (const auto* due = std::get_if<Queue::Try>(&first.due)) {
            ended(*due, first.attempt);
        } else {
            std::visit([&](const auto& step) { queue_.done(step.id, first.error, Clock::now()); }, first.due);
            --steps_;
        }
        ended_.pop_front();
    }
}

// Those of whom nothing was heard, for an exception came in between, are tried again.
void QueueRunner::ended(const Queue::Try& due, const Attempt& attempt) {
    std::vector<Tried> tried = attempt.tried;
    const Outcome nothing{Fate::deferred, reply::kLocalError};
    for (const std::size_t recipient : attempt.open) {
        const auto is_it = [&](const Tried& each) { return each.recipient == recipient; };
        if (std::none_of(tried.begin(), tried.end(), is_it)) tried.push_back({recipient, nothing, ""});
    }
    if (attempt.is_gone) {
        queue_.gone(due.id, Clock::now());
    } else {
        queue_.ended(due.id, tried, Clock::now(), destination_after(attempt));
    }
    for (const Tried& each : tried) ++counts_.tried[static_cast<std::size_t>(each.outcome.fate)];
    --counts_.tries;
}

// One after the other. Whom one has delivered to is in the journal before the next begins: its servers may
// take minutes, and an end of this process meanwhile would bring those a duplicate.
awaitable<void> QueueRunner::try_routes(Environment& environment, const Spooled& spooled, Content& content,
                                        Attempt& attempt) {
    std::size_t left = attempt.routes.size();
    for (const auto& [route, recipients] : attempt.routes) {
        const std::size_t before = attempt.tried.size();
        co_await try_to_deliver(environment, route, spooled, content, attempt);
        if (--left > 0) co_await write_down(spooled.message.id, attempt, before);
    }
}

// Those that were tried after the first `before`. What cannot be written now is written at the end.
awaitable<void> QueueRunner::write_down(const std::string& id, const Attempt& attempt, std::size_t before) {
    std::vector<std::size_t> done;
    for (std::size_t i = before; i < attempt.tried.size(); ++i)
        if (attempt.tried[i].outcome.fate == Fate::accepted) done.push_back(attempt.tried[i].recipient);
    if (done.empty()) co_return;
    Queue::Record record = queue_.record_of(id, std::move(done), Clock::now());
    record.entry.time = std::time(nullptr);
    co_await spool_.record(context_, id, std::move(record.entry));
}

awaitable<void> QueueRunner::run(const Queue::Try& due, Attempt& attempt) {
    const std::shared_ptr<Environment> environment = environment_;
    auto spooled = spool_.read(due.id);
    if (!spooled) {
        log_trouble(due.id, "reading", spooled.problem());
        errno = ENOENT;
        const bool is_damaged = !spool_.content(due.id) && errno == 0;
        if (is_damaged) co_await set_aside(due.id);
        attempt.is_gone = !is_there(due.id);
        co_return;
    }
    for (const std::size_t recipient : due.not_again) spooled->journal.done.at(recipient) = true;
    attempt.number = spooled->journal.last.attempts + 1;
    attempt.open = open_recipients(*spooled);
    if (attempt.open.empty()) {  // all that was left undone is its end
        const int error = co_await spool_.remove_queued(context_, due.id);
        attempt.is_gone = error == 0 || error == ENOENT;
        co_return;
    }
    find_routes(spooled->message, environment->settings, attempt);
    const std::unique_ptr<Content> content = spool_.content(due.id);
    const int error = content ? 0 : errno;
    if (content) {
        co_await try_routes(*environment, *spooled, *content, attempt);
    } else if (error != 0) {  // no descriptor left, say: it is whole, and comes again
        log_trouble(due.id, "reading", std::strerror(error));
    } else {
        co_await set_aside(due.id);
        attempt.is_gone = !is_there(due.id);
    }
}

// Someone else may have taken it away. What cannot be told counts as being there.
bool QueueRunner::is_there(const std::string& id) const {
    const auto is_in = [&](const char* shelf) {
        return ::access((folder_ + shelf + id).c_str(), F_OK) == 0 || errno != ENOENT;
    };
    return is_in("/queue/") || is_in("/hold/");
}

awaitable<void> QueueRunner::set_aside(const std::string& id) {
    const int error = co_await spool_.move(context_, id, Spool::Shelf::queue, Spool::Shelf::corrupt);
    log_trouble(id, "reading", error == 0 ? "it is damaged: set aside in corrupt" : std::strerror(error));
}

awaitable<void> QueueRunner::run(const Queue::Notify& due, int& error) {
    const std::shared_ptr<Environment> environment = environment_;
    const auto spooled = spool_.read(due.id);
    if (!spooled) {
        log_trouble(due.id, "notifying", spooled.problem());
        co_return;
    }
    const bool is_done = co_await notifier_.tell(environment->snapshot, *spooled, due);
    if (is_done) error = 0;
}

awaitable<void> QueueRunner::run(const Queue::Record& due, int& error) {
    JournalEntry entry = due.entry;
    entry.time = std::time(nullptr);
    error = co_await spool_.record(context_, due.id, entry);
}

awaitable<void> QueueRunner::run(const Queue::Remove& due, int& error) {
    error = co_await spool_.remove_queued(context_, due.id);
    if (error == ENOENT) error = 0;
}

void QueueRunner::use(std::shared_ptr<const Snapshot> snapshot) {
    asio::post(context_, [this, snapshot = std::move(snapshot)] {
        const auto next =
            std::make_shared<Environment>(context_, disk_, snapshot, &spool_, environment_.get());
        const auto before = std::exchange(environment_, next);
        if (&before->relay != &next->relay) before->relay.retire();
        queue_.use(snapshot->settings);
        wake();
        asio::co_spawn(context_, check_notification_key(environment_), log_exception);
    });
}

void QueueRunner::use_certificates(std::shared_ptr<const Snapshot> snapshot) {
    asio::post(context_,
               [this, snapshot = std::move(snapshot)] { environment_->use_certificates(*snapshot); });
}

void QueueRunner::drain() {
    asio::post(context_, [this] {
        is_draining_ = true;
        control_.close();
        environment_->relay.retire();
    });
}

void QueueRunner::stop() {
    asio::post(context_, [this] { context_.stop(); });
}

void QueueRunner::join() {
    if (thread_.joinable()) thread_.join();
}

std::vector<Queue::Record> QueueRunner::unwritten() const {
    const auto now = Clock::now();
    std::vector<Queue::Record> records = queue_.unwritten(now);
    for (const auto* list : {&begun_, &ended_}) {
        for (const Begun& begun : *list) {
            const auto* due = std::get_if<Queue::Try>(&begun.due);
            if (!due) continue;
            std::vector<std::size_t> done;
            for (const Tried& each : begun.attempt.tried) {
                if (each.outcome.fate == Fate::accepted) done.push_back(each.recipient);
            }
            if (!done.empty()) records.push_back(queue_.record_of(due->id, std::move(done), now));
        }
    }
    return records;
}

void QueueRunner::write_down() {
    try {
        asio::io_context context{1};
        const auto done = [](std::exception_ptr exception, int) { log_exception(exception); };
        for (auto& [id, entry] : unwritten()) {
            if (!spool_.read(id)) continue;  // it has left the queue
            entry.time = std::time(nullptr);
            asio::co_spawn(context, spool_.record(context, id, entry), done);
        }
        context.run();
    } catch (const std::exception& exception) {  // memory is short: duplicates, then
        log_bug(exception.what());
    }
}

bool QueueRunner::take_sign_of_life() {
    const bool was_alive = is_alive_.exchange(false);
    asio::post(context_, [this] { is_alive_ = true; });
    return was_alive;
}

}  // namespace gatepost::gateway
