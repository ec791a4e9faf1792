// What the main thread does while the workers work: signals, systemd, and a look at files that change.
#pragma once

#include <asio/signal_set.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "gateway/environment.h"
#include "gateway/net/certificate_watch.h"
#include "gateway/server/worker.h"
#include "gateway/snapshot.h"
#include "gateway/spool/queue_runner.h"
#include "gateway/spool/spool.h"

namespace gatepost::gateway {

using Workers = std::vector<std::unique_ptr<Worker>>;

class Conductor {
  public:
    // `spool` and `queue` are both null if nothing is ever spooled. `file`: what SIGHUP reads again; empty if
    // there is none. `listening_on`: for those who ask systemd.
    Conductor(asio::io_context& context, Workers& workers, Spool* spool, QueueRunner* queue,
              std::shared_ptr<const Snapshot> snapshot, std::string file, std::string listening_on);
    Conductor(const Conductor&) = delete;

    // Ready from now on. The context stops when all have come to their end after SIGTERM or SIGINT.
    void start();

  private:
    void wait_for_signal();
    void tell_ready();

    void reload();
    void take_new_configuration();
    void use(std::shared_ptr<const Snapshot> next);
    SnapshotResult read_again() const;
    void warn_of_restart(const config::Settings& next);

    void use_certificates();
    void warn_of_expiry();
    void watch_files();
    void look_at_certificates();
    void take_new_certificates();
    void look_at_recipients();

    void watch();
    void drain();
    void wait_for_second_signal();
    void wait_for_last(Deadline deadline);

    asio::io_context& context_;
    Workers& workers_;
    Spool* const spool_;
    QueueRunner* const queue_;
    std::shared_ptr<const Snapshot> snapshot_;
    const std::string file_;
    const std::string listening_on_;
    asio::signal_set signals_;
    asio::steady_timer tick_, file_tick_;
    CertificateWatch certificates_;
    Deadline next_warning_ = Deadline::max();
    std::chrono::microseconds watchdog_{0};
};

}  // namespace gatepost::gateway
