// One life of a gateway's process: sessions, the spool's thread, the queue and its tries, driven as Intake,
// DiskSpool, QueueRunner and Notifier drive them. Its end drops all of it where it stands.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "activity.h"
#include "gateway/spool/handover.h"
#include "simulated_downstream.h"
#include "simulated_spool.h"
#include "world.h"

namespace gatepost::simulation {

// What a client and its session have in common.
struct Wire {
    std::string id;
    std::size_t message = 0;
    std::vector<std::size_t> recipients;  // of the message
    std::vector<Heard> at_recipient;      // as far as it came
    Heard at_end = Heard::nothing;
    bool is_open = true, is_over = false;
};

class SimulatedGateway {
  public:
    SimulatedGateway(World& world, SimulatedDownstream& downstream, const config::Settings& settings);

    bool is_up() const { return is_up_; }  // what lies in the spool is known
    void accept(std::shared_ptr<Wire> wire);

    // Begins what the queue wants now.
    void drive();
    std::optional<Time> wake_at() const { return queue_.wake_at(); }
    std::size_t queued() const { return queue_.size(); }

    // Of all that goes on, what can go on now: one of them is resumed.
    std::size_t ready() const;
    void resume(std::size_t which);

  private:
    struct Accepted {
        std::vector<std::size_t> recipients;  // of the message
        bool is_away = false;
    };
    Activity recover();
    Activity serve(std::shared_ptr<Wire> wire);
    Activity ask(Wire& wire, Accepted& accepted);
    Activity hand_over(Wire& wire, const Accepted& accepted);
    Activity try_it(gateway::Queue::Try due);
    Activity notify(gateway::Queue::Notify due);
    Activity keep_dead_letter(const gateway::Queue::Notify& due, const SpoolFile& file, int& error);
    Activity send_notice(const gateway::Queue::Notify& due, const SpoolFile& file, int& error);
    Activity record(gateway::Queue::Record due);
    Activity remove(gateway::Queue::Remove due);

    void hear(Wire& wire, std::size_t recipient, const gateway::Outcome& outcome, Accepted& accepted);
    void answer(Wire& wire, const protocol::Reply& reply);
    std::vector<gateway::Outcome> deliver(const Wire& wire, const Accepted& accepted);
    std::shared_ptr<Job> spool(const Wire& wire, const Accepted& accepted,
                               const std::vector<std::size_t>& which);
    void recover(const std::string& name);
    void note_notice(const std::string& about, const Job& job);

    World& world_;
    SimulatedDownstream& downstream_;
    const config::Settings& settings_;
    SimulatedSpool spool_;
    gateway::Queue queue_;
    std::vector<Activity> activities_;
    bool is_up_ = false;
};

// The recipients and the sender of a message of the plan.
const protocol::Recipient& recipient_of(std::size_t message, std::size_t recipient);
const protocol::Path& sender_of(std::size_t message);
std::string content_of(const MessagePlan& plan, std::size_t message);

}  // namespace gatepost::simulation
