#include "gateway/service.h"

#include <sys/resource.h>
#include <sysexits.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "gateway/conductor.h"
#include "gateway/log.h"
#include "gateway/metrics_server.h"
#include "gateway/metrics_source.h"
#include "gateway/server/listening.h"

namespace gatepost::gateway {
namespace {

// As many descriptors as the system lets us have: a client needs one, its delivery another.
void raise_descriptor_limit(std::size_t sessions) {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    const std::size_t wanted = 2 * sessions + 200;
    if (limit.rlim_cur >= wanted) return;
    LogLine line("limits");
    log_warning(
        line.add("descriptors", limit.rlim_cur).add("wanted", wanted).add("remedy", "raise LimitNOFILE="));
}

unsigned worker_count(const config::Settings& settings) {
    return settings.workers > 0 ? settings.workers : std::max(1u, std::thread::hardware_concurrency());
}

// A set of sockets for each worker; every worker listens on every address.
struct Doors {
    std::vector<std::vector<int>> sockets;
    Backlog backlog = Backlog::ours;
};

protocol::Result<Doors> doors_for(const config::Settings& settings, unsigned workers) {
    Doors doors;
    auto& sockets = doors.sockets;
    sockets.resize(workers);
    const std::vector<int> inherited = inherited_sockets();
    if (!inherited.empty()) doors.backlog = Backlog::of_the_next_process;
    for (unsigned i = 0; i < workers; ++i) {
        for (const int socket : inherited) sockets[i].push_back(i == 0 ? socket : ::dup(socket));
        if (!inherited.empty()) continue;
        for (const auto& listener : settings.listeners) {
            const auto socket =
                listen_on(listener, settings.file, i == 0 ? Sharing::first : Sharing::with_our_own);
            if (!socket) return protocol::Problem{socket.problem()};
            sockets[i].push_back(*socket);
        }
    }
    return doors;
}

double unix_time() {
    return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

int refused_start(const std::string& why, int status) {
    stop_log();
    std::fprintf(stderr, "%s\n", why.c_str());
    return status;
}

}  // namespace

int serve(std::shared_ptr<const Snapshot> snapshot, const std::string& file) {
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGXFSZ, SIG_IGN);  // a limit on file sizes is "no room", not the end
    const auto& settings = snapshot->settings;
    raise_descriptor_limit(settings.limits.sessions);
    const auto spool = open_spool(settings);
    if (!spool) {
        std::fprintf(stderr, "%s\n", spool.problem().c_str());
        return EX_CANTCREAT;
    }
    auto doors = doors_for(settings, worker_count(settings));
    if (!doors) {
        std::fprintf(stderr, "%s\n", doors.problem().c_str());
        return EX_UNAVAILABLE;
    }
    const std::string listening_on = addresses_of(doors->sockets.front());
    start_log();
    asio::io_context context{1};
    asio::thread_pool disk(2);
    Admission admission;
    Workers workers;
    for (auto& set : doors->sockets)
        workers.push_back(std::make_unique<Worker>(std::move(set), doors->backlog, snapshot, admission, disk,
                                                   spool->get()));
    std::unique_ptr<QueueRunner> queue;
    if (*spool) queue = std::make_unique<QueueRunner>(**spool, snapshot, disk);
    const double started = unix_time();
    MetricsServer monitoring(context, [&, queue = queue.get(), spool = spool->get()] {
        return exposition(metrics_of(started, admission, spool, queue));
    });
    if (const auto& place = settings.metrics.listen) {
        const std::string why = monitoring.open(*place);
        if (!why.empty())
            return refused_start("metrics.listen: " + place->text() + ": " + why, EX_UNAVAILABLE);
    }
    const std::string unknown = queue ? queue->start() : "";
    if (!unknown.empty()) return refused_start(unknown, EX_IOERR);
    Conductor conductor(context, workers, spool->get(), queue.get(), snapshot, file, listening_on);
    conductor.start();
    for (const auto& worker : workers) worker->start();
    LogLine line("start");
    log_info(line.add("version", GATEPOST_VERSION)
                 .add("hostname", settings.hostname)
                 .add("listen", listening_on)
                 .add("workers", workers.size())
                 .add("config", file.empty() ? "built-in" : file));
    context.run();
    disk.join();  // what is being written to disk ends before what waits for it
    if (*spool) (*spool)->finish();
    for (const auto& worker : workers) worker->stop();
    if (queue) queue->stop();
    for (const auto& worker : workers) worker->join();
    if (queue) queue->join();
    LogLine stopped("stop");
    log_info(stopped.add("state", "done").add("cut_off", admission.sessions()));
    stop_log();
    return EX_OK;
}

}  // namespace gatepost::gateway
