// What the command line asks of the queue: the rest of queue_runner.h.
#include <cstring>

#include "gateway/completion.h"
#include "gateway/log.h"
#include "gateway/spool/queue_runner.h"

namespace gatepost::gateway {
namespace {

using Shelf = Spool::Shelf;

constexpr char kBusy[] = " is being delivered just now; try again when that has ended";

// Who looks for a message later finds that an administrator has stopped or deleted it.
void log_change(ControlCommand command, const ControlResult& result) {
    LogLine line("queue");
    line.add("id", result.id).add("command", name_of(command));
    if (result.problem.empty()) line.add("state", name_of(result.state));
    log_info(line.maybe("why", result.problem));
}

}  // namespace

// All at once, so that the spool syncs them together.
awaitable<std::vector<ControlResult>> QueueRunner::execute(ControlRequest request) {
    const auto results = std::make_shared<std::vector<ControlResult>>();
    for (const auto& id : request.ids) results->push_back({id, "", QueueState::waiting, {}});
    const auto left = std::make_shared<std::size_t>(results->size());
    const auto all_done = std::make_shared<asio::steady_timer>(context_, Deadline::max());
    const auto done = [results, left, all_done](std::exception_ptr exception) {
        log_exception(exception);
        if (--*left == 0) all_done->cancel();
    };
    for (auto& result : *results) asio::co_spawn(context_, execute(request.command, result), done);
    if (*left > 0) co_await all_done->async_wait(no_throw);
    wake();
    co_return *results;
}

void QueueRunner::look_at(ControlResult& result) const {
    const auto now = Clock::now();
    const auto state = queue_.state_of(result.id, now);
    if (!state) {
        result.problem = "no message " + result.id + " in the queue";
        return;
    }
    result.problem.clear();
    result.state = state->is_held   ? QueueState::held
                   : state->is_busy ? QueueState::delivering
                                    : QueueState::waiting;
    if (result.state != QueueState::waiting) return;
    const auto left = std::chrono::duration_cast<std::chrono::seconds>(state->due - now).count();
    result.next_try = std::max<std::int64_t>(left, 0);
}

awaitable<void> QueueRunner::execute(ControlCommand command, ControlResult& result) {
    look_at(result);
    const QueueState before = result.state;
    const bool is_change = command != ControlCommand::status && result.problem.empty();
    if (!is_change) co_return;
    const std::string id = result.id;
    result.problem = id + ": it did not work; the log says why";  // should an exception come in between
    int error = 0;
    if (command == ControlCommand::retry) {
        queue_.retry(id, Clock::now());
    } else if (command == ControlCommand::release) {
        error = co_await release(id);
    } else if (before == QueueState::delivering) {
        error = EBUSY;
    } else if (command == ControlCommand::hold) {
        error = co_await hold(id);
    } else {
        error = co_await drop(id);
    }
    if (error == EBUSY) {
        result.problem = id + kBusy;
    } else if (error != 0) {
        result.problem = id + ": " + std::strerror(error);
    } else if (command == ControlCommand::retry && before == QueueState::held) {
        result.problem = id + " is held; release it first";
    } else if (command == ControlCommand::drop) {
        result.problem.clear();
        result.state = QueueState::dropped;
        result.next_try.reset();
    } else {
        look_at(result);
    }
    log_change(command, result);
}

// The queue first: what is held is not tried while its file moves.
awaitable<int> QueueRunner::hold(const std::string& id) {
    const auto state = queue_.state_of(id, Clock::now());
    const bool is_held = state && state->is_held;
    if (is_held) co_return 0;
    const bool may_hold = queue_.hold(id);
    if (!may_hold) co_return EBUSY;
    const int error = co_await spool_.move(context_, id, Shelf::queue, Shelf::hold);
    if (error != 0) queue_.release(id, Clock::now());
    co_return error;
}

awaitable<int> QueueRunner::release(const std::string& id) {
    const auto state = queue_.state_of(id, Clock::now());
    const bool is_held = state && state->is_held;
    if (!is_held) co_return 0;
    const int error = co_await spool_.move(context_, id, Shelf::hold, Shelf::queue);
    if (error == 0) queue_.release(id, Clock::now());
    co_return error;
}

// What cannot be removed is back in the queue.
awaitable<int> QueueRunner::drop(const std::string& id) {
    const bool may_drop = queue_.drop(id);
    if (!may_drop) co_return EBUSY;
    const int error = co_await spool_.remove_queued(context_, id);
    const bool is_gone = error == 0 || error == ENOENT;
    if (is_gone) co_return 0;
    const auto spooled = spool_.read(id);
    if (spooled) queue_.recover(entry_of(*spooled, environment_->settings), Clock::now());
    co_return error;
}

}  // namespace gatepost::gateway
