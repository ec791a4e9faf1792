// What a running gatepost does at the control socket, done on the files themselves while none runs: under the
// spool's lock, so that none begins meanwhile.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "gateway/spool/control_protocol.h"
#include "gateway/spool/spool.h"

namespace gatepost::gateway {

// "queue id=3f9k2 command=drop state=dropped by=gatepost-queue uid=0": as a running gatepost says it.
std::string offline_line(ControlCommand command, const ControlResult& result, unsigned uid);
// To the system's log (syslog, facility mail), since no gatepost is there to say it in its own.
void log_offline(ControlCommand command, const ControlResult& result);

class QueueOffline {
  public:
    // A problem if the lock is taken or the folder may not be written.
    static protocol::Result<std::unique_ptr<QueueOffline>> open(const std::string& folder,
                                                                const config::Queue& limits);

    std::vector<ControlResult> change(ControlCommand command, const std::vector<std::string>& ids);

  private:
    explicit QueueOffline(std::unique_ptr<Spool> spool) : spool_(std::move(spool)) {}
    awaitable<void> change_one(ControlCommand command, ControlResult& result);

    asio::io_context context_{1};
    std::unique_ptr<Spool> spool_;
};

}  // namespace gatepost::gateway
