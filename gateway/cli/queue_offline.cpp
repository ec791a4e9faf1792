#include "gateway/cli/queue_offline.h"

#include <syslog.h>
#include <unistd.h>

#include <cstring>
#include <ctime>

#include "gateway/completion.h"
#include "gateway/log.h"

namespace gatepost::gateway {

using Shelf = Spool::Shelf;

std::string offline_line(ControlCommand command, const ControlResult& result, unsigned uid) {
    LogLine line("queue");
    line.add("id", result.id).add("command", name_of(command));
    if (result.problem.empty()) line.add("state", name_of(result.state));
    return line.maybe("why", result.problem)
        .add("by", "gatepost-queue")
        .add("uid", std::uint64_t(uid))
        .text();
}

void log_offline(ControlCommand command, const ControlResult& result) {
    const std::string line = offline_line(command, result, ::getuid());
    ::openlog("gatepost", LOG_PID, LOG_MAIL);
    ::syslog(result.problem.empty() ? LOG_NOTICE : LOG_WARNING, "%s", line.c_str());
    ::closelog();
}

protocol::Result<std::unique_ptr<QueueOffline>> QueueOffline::open(const std::string& folder,
                                                                   const config::Queue& limits) {
    auto spool = Spool::open(folder, limits);
    if (!spool) return protocol::Problem{spool.problem()};
    return std::unique_ptr<QueueOffline>(new QueueOffline(std::move(*spool)));
}

// A retry forgets the tries so far, so that the message comes early when gatepost starts.
awaitable<void> QueueOffline::change_one(ControlCommand command, ControlResult& result) {
    const protocol::Result<Spooled> spooled = spool_->read(result.id);
    if (!spooled) {
        result.problem = spooled.problem();
        co_return;
    }
    const Shelf shelf = spooled->is_held ? Shelf::hold : Shelf::queue;
    int error = 0;
    result.state = spooled->is_held ? QueueState::held : QueueState::waiting;
    if (command == ControlCommand::hold && shelf == Shelf::queue) {
        error = co_await spool_->move(context_, result.id, Shelf::queue, Shelf::hold);
        result.state = QueueState::held;
    } else if (command == ControlCommand::release && shelf == Shelf::hold) {
        error = co_await spool_->move(context_, result.id, Shelf::hold, Shelf::queue);
        result.state = QueueState::waiting;
    } else if (command == ControlCommand::drop) {
        error = co_await spool_->remove(context_, result.id);
        result.state = QueueState::dropped;
    } else if (command == ControlCommand::retry && shelf == Shelf::hold) {
        result.problem = result.id + " is held; release it first";
    } else if (command == ControlCommand::retry) {
        JournalEntry entry = spooled->journal.last;
        entry.time = std::time(nullptr);
        entry.attempts = 0;
        error = co_await spool_->record(context_, result.id, entry);
    }
    if (error != 0) result.problem = result.id + ": " + std::strerror(error);
}

std::vector<ControlResult> QueueOffline::change(ControlCommand command, const std::vector<std::string>& ids) {
    std::vector<ControlResult> results(ids.size());
    for (std::size_t i = 0; i < ids.size(); ++i) {
        results[i].id = ids[i];
        asio::co_spawn(context_, change_one(command, results[i]), log_exception);
        context_.run();
        context_.restart();
    }
    return results;
}

}  // namespace gatepost::gateway
