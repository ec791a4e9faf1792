// The spool on a real disk. Whoever wants something written hands it to one thread and waits; the thread
// takes all that waits at once and syncs it together, so that many messages cost hardly more than one.
#pragma once

#include <cerrno>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "gateway/spool/disk.h"
#include "gateway/spool/leftovers.h"
#include "gateway/spool/running_date.h"
#include "gateway/spool/spool.h"
#include "gateway/spool/spool_folder.h"
#include "gateway/spool/spool_room.h"

namespace gatepost::gateway {

class DiskSpool final : public Spool {
  public:
    DiskSpool(SpoolFolder folder, const config::Queue& limits);
    ~DiskSpool() override;

    protocol::Result<std::size_t> recover(const std::function<void(const Spooled&)>& found) override;
    std::size_t recover_rest(const std::function<void(const Spooled&)>& found) override;
    void tell_of_new(std::function<void(const SpooledMessage&)> told) override;
    void use(const config::Queue& limits) override { room_.use(limits); }
    void finish() override;

    std::optional<protocol::Reply> refusal(std::size_t octets) const override {
        return room_.refusal(octets);
    }
    Load load() const override { return {room_.messages(), room_.octets()}; }
    awaitable<int> commit(asio::io_context& context, SpooledMessage message, Content& content) override;
    bool has(const std::string& id) const override;
    protocol::Result<Spooled> read(const std::string& id) const override;
    std::unique_ptr<Content> content(const std::string& id) const override;
    awaitable<int> record(asio::io_context& context, std::string id, JournalEntry entry) override;
    awaitable<int> remove(asio::io_context& context, std::string id) override;
    awaitable<int> remove_queued(asio::io_context& context, std::string id) override;
    awaitable<int> move(asio::io_context& context, std::string id, Shelf from, Shelf to) override;

    const SpoolRoom& room() const { return room_; }

  private:
    // What somebody waits for: on the frame of his coroutine, which stays until he is woken.
    struct Job {
        enum class Kind { commit, record, remove, move };
        Kind kind;
        asio::io_context& context;
        asio::steady_timer done{context, Deadline::max()};
        std::string id = {};
        SpooledMessage message = {};  // commit
        std::string head = {};
        Content* content = nullptr;
        JournalEntry entry = {};  // record
        bool is_queued = false;   // remove: not from dead/
        Shelf from = Shelf::queue, to = Shelf::queue;
        int error = EIO;
        Job* next = nullptr;  // in the queue, later of those who are woken together
        Job* next_context = nullptr;
    };
    using Batch = std::vector<Job*>;
    using Folders = std::map<std::string, Batch>;  // whose names have changed, and for whom

    std::string find_queued(const std::string& id) const;
    awaitable<int> done_by_thread(Job& job);
    template <class Token>
    auto hand_over(Job& job, Token token);
    void add(Job& job) noexcept;
    void run();
    void look_round() noexcept;
    void remove_leftovers() noexcept;
    bool take_batch();
    void run(const Batch& batch);
    void record(const Batch& batch);
    Batch change_names(const Batch& batch);
    void sync(const Folders& folders);
    int change_name(const std::string& name, const std::string& target);
    void commit(const Batch& batch, const Batch& left);
    int result_of(const DiskStep& step, const Disk::Writer& writer);
    void tell(const Job& job) noexcept;
    int write(int file, Job& job);
    static void wake(const Batch& batch) noexcept;
    static bool call(Job& first) noexcept;

    SpoolFolder folder_;
    SpoolRoom room_;
    std::vector<SpoolFolder::Place> unread_;  // of recover()
    Leftovers leftovers_;
    Disk disk_;            // the thread's
    std::string written_;  // the thread's: what goes out with the next write
    const RunningDate date_;
    std::mutex mutex_;
    std::condition_variable came_;
    Job *first_ = nullptr, *last_ = nullptr;  // of those that wait
    Batch batch_;                             // the thread's
    std::function<void(const SpooledMessage&)> told_;
    bool is_ending_ = false;
    std::thread thread_;
};

}  // namespace gatepost::gateway
