#include "gateway/conductor.h"

#include <systemd/sd-daemon.h>

#include <csignal>
#include <ctime>

#include "gateway/log.h"
#include "gateway/net/certificate.h"

namespace gatepost::gateway {
namespace {

constexpr std::chrono::seconds kLookAtFiles{3};  // a few calls of stat(2)
constexpr std::chrono::hours kWarnAgain{24};

}  // namespace

Conductor::Conductor(asio::io_context& context, Workers& workers, Spool* spool, QueueRunner* queue,
                     std::shared_ptr<const Snapshot> snapshot, std::string file, std::string listening_on)
    : context_(context),
      workers_(workers),
      spool_(spool),
      queue_(queue),
      snapshot_(std::move(snapshot)),
      file_(std::move(file)),
      listening_on_(std::move(listening_on)),
      signals_(context, SIGTERM, SIGINT, SIGHUP),
      tick_(context),
      file_tick_(context) {}

void Conductor::start() {
    std::uint64_t microseconds = 0;
    if (sd_watchdog_enabled(0, &microseconds) > 0) watchdog_ = std::chrono::microseconds(microseconds / 2);
    wait_for_signal();
    if (watchdog_.count() > 0) watch();
    use_certificates();
    watch_files();
    tell_ready();
}

void Conductor::wait_for_signal() {
    signals_.async_wait([this](ErrorCode error, int signal) {
        if (error) return;
        if (signal == SIGHUP) {
            reload();
            wait_for_signal();
        } else {
            drain();
        }
    });
}

void Conductor::tell_ready() {
    const auto& settings = snapshot_->settings;
    sd_notifyf(0, "READY=1\nSTATUS=listening on %s for %zu domains", listening_on_.c_str(),
               settings.domains.size());
}

// Whatever goes wrong, memory that runs out too, what runs goes on.
void Conductor::reload() {
    try {
        take_new_configuration();
    } catch (const std::exception& exception) {
        log_error(LogLine("reload").add("file", file_).add("state", "refused").add("why", exception.what()));
    }
    tell_ready();
}

void Conductor::take_new_configuration() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%llu",
               static_cast<unsigned long long>(now.tv_sec) * 1000000ull +
                   static_cast<unsigned long long>(now.tv_nsec) / 1000);
    SnapshotResult result = read_again();
    for (const auto& problem : result.problems) {
        LogLine line("config");
        log_warning(line.add("problem", problem));
    }
    LogLine line("reload");
    if (!result.snapshot) {
        log_error(
            line.add("file", file_).add("state", "refused").add("why", "the running configuration stays"));
    } else {
        warn_of_restart(result.snapshot->settings);
        use(result.snapshot);
        log_info(line.add("file", file_).add("state", "done"));
    }
}

void Conductor::use(std::shared_ptr<const Snapshot> next) {
    for (const auto& worker : workers_) worker->use(next);
    snapshot_ = std::move(next);
    if (spool_) spool_->use(snapshot_->settings.queue);
    if (queue_) queue_->use(snapshot_);
    use_certificates();
}

void Conductor::use_certificates() {
    certificates_.loaded(snapshot_->stamps);
    warn_of_expiry();
}

// An expired certificate is served all the same: most senders look at none, and STARTTLS without a good
// name is better than none.
void Conductor::warn_of_expiry() {
    next_warning_ = Clock::now() + kWarnAgain;
    if (!snapshot_->tls) return;
    for (const auto& [file, days] : snapshot_->tls->expiries()) {
        if (days >= kWarnDays) continue;
        LogLine line("certificate");
        line.add("file", file).add("state", days < 0 ? "expired" : "expires soon");
        line.add("days_left", std::to_string(days)).add("remedy", "renew it; gatepost tls show");
        days < 0 ? log_error(line) : log_warning(line);
    }
}

void Conductor::watch_files() {
    file_tick_.expires_after(kLookAtFiles);
    file_tick_.async_wait([this](ErrorCode error) {
        if (error) return;
        look_at_certificates();
        look_at_recipients();
        watch_files();
    });
}

// Whatever goes wrong, what runs goes on, and it is tried again.
void Conductor::look_at_certificates() {
    try {
        if (certificates_.has_changed(stamps_of(snapshot_->settings))) take_new_certificates();
        if (Clock::now() >= next_warning_) warn_of_expiry();
    } catch (const std::exception& exception) {
        certificates_.loaded({});
        log_error(LogLine("certificate").add("state", "refused").add("why", exception.what()));
    }
}

// With a mistake in it the old list stays; the next change is the next chance.
void Conductor::look_at_recipients() {
    try {
        if (!snapshot_->recipients || !snapshot_->recipients->has_changed()) return;
        const auto problem = snapshot_->recipients->read_again();
        LogLine line("recipients");
        if (problem) {
            log_error(line.add("state", "refused").add("why", *problem + "; the old list stays in use"));
        } else {
            log_info(line.add("state", "read").add("entries", snapshot_->recipients->list()->size()));
        }
    } catch (const std::exception& exception) {
        log_error(LogLine("recipients").add("state", "refused").add("why", exception.what()));
    }
}

// Nothing else of the configuration: it may be half edited.
void Conductor::take_new_certificates() {
    auto next = std::make_shared<Snapshot>(*snapshot_);
    const std::string problem = load_certificates(next->settings, snapshot_.get(), *next);
    LogLine line("certificate");
    if (!problem.empty()) {
        log_error(line.add("state", "refused").add("why", problem + "; the old ones stay in use"));
        return;
    }
    for (const auto& worker : workers_) worker->use_certificates(next);
    if (queue_) queue_->use_certificates(next);
    snapshot_ = std::move(next);
    use_certificates();
    log_info(line.add("state", "reloaded"));
}

// A file that cannot even be read is a problem like others.
SnapshotResult Conductor::read_again() const {
    if (file_.empty()) return {snapshot_, {}};
    try {
        return take_snapshot(file_, Purpose::serving, snapshot_.get());
    } catch (const std::exception& error) {
        return {nullptr, {file_ + ": error: " + error.what()}};
    }
}

void Conductor::warn_of_restart(const config::Settings& next) {
    const auto endpoints = [](const config::Settings& settings) {
        std::vector<std::string> all;
        for (const auto& listener : settings.listeners) all.push_back(listener.endpoint.text());
        return all;
    };
    const auto& running = snapshot_->settings;
    if (!spool_ && next.downstream.spool != config::SpoolMode::never) {
        LogLine line("config");
        log_warning(line.add("problem", "downstream.spool: nothing is spooled before a restart"));
    }
    if (next.state != running.state) {
        LogLine line("config");
        log_warning(line.add("problem", "state: before a restart the spool stays in " + running.state +
                                            ", and `gatepost queue` looks in vain in " + next.state));
    }
    const bool is_same = endpoints(next) == endpoints(running) && next.workers == running.workers &&
                         next.metrics == running.metrics;
    if (is_same) return;
    LogLine line("config");
    log_warning(line.add(
        "problem", "listeners, workers and metrics change only with a restart; all else is in use now"));
}

// Restarted by systemd if a worker hangs: then, and only then, no sign of life is passed on.
void Conductor::watch() {
    tick_.expires_after(watchdog_);
    tick_.async_wait([this](ErrorCode error) {
        if (error) return;
        bool all_alive = true;
        for (const auto& worker : workers_) all_alive = worker->take_sign_of_life() && all_alive;
        if (queue_) all_alive = queue_->take_sign_of_life() && all_alive;
        if (all_alive) sd_notify(0, "WATCHDOG=1");
        watch();
    });
}

void Conductor::drain() {
    sd_notify(0, "STOPPING=1");
    LogLine line("stop");
    log_info(line.add("state", "draining"));
    for (const auto& worker : workers_) worker->drain();
    if (queue_) queue_->drain();
    wait_for_last(Clock::now() + snapshot_->settings.limits.drain_timeout);
    wait_for_second_signal();
}

// It ends at once what still runs; a reload does not.
void Conductor::wait_for_second_signal() {
    signals_.async_wait([this](ErrorCode error, int signal) {
        if (error) return;
        if (signal == SIGHUP) return wait_for_second_signal();
        context_.stop();
    });
}

void Conductor::wait_for_last(Deadline deadline) {
    tick_.expires_after(std::chrono::milliseconds(50));
    tick_.async_wait([this, deadline](ErrorCode error) {
        bool all_done = !queue_ || queue_->running() == 0;
        for (const auto& worker : workers_) all_done = worker->is_done() && all_done;
        if (error || all_done || Clock::now() >= deadline) {
            context_.stop();
        } else {
            sd_notify(0, "WATCHDOG=1");
            wait_for_last(deadline);
        }
    });
}

}  // namespace gatepost::gateway
