#include "gateway/spool/disk_spool.h"

#include <asio/post.hpp>
#include <cerrno>
#include <cstring>
#include <map>

#include "gateway/completion.h"
#include "gateway/log.h"
#include "gateway/spool/commit.h"
#include "protocol/ascii.h"

namespace gatepost::gateway {
namespace {

constexpr std::size_t kBatch = 128;  // messages; each has an open file until it is synced
constexpr std::size_t kBatchOctets = 32 * 1024 * 1024;
constexpr std::size_t kWriteAtOnce = 256 * 1024;
constexpr std::chrono::hours kLookAtDead{1};
constexpr std::chrono::milliseconds kMoment{100};  // until memory is asked for again

// What a file has beside its content, about: for the room that is taken before it is written.
constexpr std::size_t kHeadOctets = 1024;

std::size_t octets_of(const SpooledMessage& message) {
    return message.content_octets + kHeadOctets;
}

std::string place_of(Shelf shelf, const std::string& id) {
    return std::string(name(shelf)) + "/" + id;
}

std::string folder_of(const std::string& file) {
    return file.substr(0, file.find('/'));
}

// Whether what lies there takes up room of the queue.
bool counts(std::string_view file) {
    return file.starts_with("queue/") || file.starts_with("hold/");
}

void log_failure(const char* what, const std::string& id, int error) {
    LogLine line("spool");
    log_error(line.add("id", id).add("at", what).add("why", std::strerror(error)));
}

// What is begun must come to its end. Where memory is short whoever waits for the disk waits for that, too.
template <class Call>
auto patiently(Call call) {
    for (;;) {
        try {
            return call();
        } catch (const std::bad_alloc&) {
            std::this_thread::sleep_for(kMoment);
        }
    }
}

// Room that was taken for a message, given back unless that comes into the queue.
class Room {
  public:
    Room(SpoolRoom& room, std::size_t octets) : room_(room), octets_(octets) {}
    ~Room() {
        if (!is_kept_) room_.give_back(octets_);
    }
    Room(const Room&) = delete;
    void keep() { is_kept_ = true; }

  private:
    SpoolRoom& room_;
    const std::size_t octets_;
    bool is_kept_ = false;
};

}  // namespace

DiskSpool::DiskSpool(SpoolFolder folder, const config::Queue& limits)
    : folder_(std::move(folder)), room_(folder_.number(), limits), disk_(folder_.number()) {
    batch_.reserve(kBatch);
    folder_.renew_dead_after_a_gap(date_.now());
    thread_ = std::thread([this] { run(); });
}

DiskSpool::~DiskSpool() {
    finish();
}

void DiskSpool::finish() {
    {
        const std::lock_guard lock(mutex_);
        is_ending_ = true;
    }
    came_.notify_one();
    if (thread_.joinable()) thread_.join();
}

protocol::Result<std::size_t> DiskSpool::recover(const std::function<void(const Spooled&)>& found) {
    folder_.sweep();
    auto places = folder_.queued();
    if (!places) return protocol::Problem{places.problem()};
    unread_ = std::move(*places);
    return recover_rest(found);
}

std::size_t DiskSpool::recover_rest(const std::function<void(const Spooled&)>& found) {
    unread_ = folder_.recover(unread_, [&](const Spooled& spooled) {
        room_.add(octets_of(spooled.message));
        found(spooled);
    });
    return unread_.size();
}

void DiskSpool::tell_of_new(std::function<void(const SpooledMessage&)> told) {
    const std::lock_guard lock(mutex_);
    told_ = std::move(told);
}

// What is still to be removed is none of the queue's.
std::string DiskSpool::find_queued(const std::string& id) const {
    const std::string name = folder_.find_queued(id);
    return leftovers_.contains(name) ? "" : name;
}

bool DiskSpool::has(const std::string& id) const {
    return !find_queued(id).empty() || folder_.find(id).starts_with("dead/");
}

protocol::Result<Spooled> DiskSpool::read(const std::string& id) const {
    const std::string name = find_queued(id);
    if (name.empty()) return protocol::Problem{"there is no message " + protocol::escaped(id)};
    const auto file = SpooledFile::open(folder_.number(), name);
    if (!file) return protocol::Problem{file.problem().empty() ? std::strerror(errno) : file.problem()};
    return Spooled{file->message(), file->journal().state, name.starts_with("hold/")};
}

std::unique_ptr<Content> DiskSpool::content(const std::string& id) const {
    const std::string name = find_queued(id);
    if (name.empty()) return nullptr;
    auto file = SpooledFile::open(folder_.number(), name);
    if (!file && file.problem().empty()) return nullptr;  // errno says why it cannot be opened now
    const auto state = file ? file->look() : SpooledFile::State::damaged;
    if (state != SpooledFile::State::whole) {
        errno = state == SpooledFile::State::unreadable ? EIO : 0;
        return nullptr;
    }
    return std::move(*file).content();
}

awaitable<int> DiskSpool::commit(asio::io_context& context, SpooledMessage message, Content& content) {
    // It would take the place of a file that is to be removed, and be removed in its place.
    if (leftovers_.contains("queue/" + message.id)) co_return EEXIST;
    message.content_octets = content.size();
    auto head = spool_head(message);
    if (!is_spool_id(message.id) || !head) {
        LogLine line("bug");
        log_error(line.add("id", message.id).add("what", "no spool file: " + head.problem()));
        co_return EINVAL;
    }
    const std::size_t octets = octets_of(message);
    // A full queue would never empty if those whom it has given up could not be told of: each notification
    // is followed by the end of what it is about. The disk's own end is another matter.
    const bool is_ours = message.origin == Origin::notification;
    if (is_ours) room_.add(octets);
    if (!is_ours && !room_.take(octets)) co_return ENOSPC;
    Room room(room_, octets);
    Job job{Job::Kind::commit, context};
    job.id = message.id;
    job.message = std::move(message);
    job.head = std::move(*head);
    job.content = &content;
    co_await done_by_thread(job);
    if (job.error == 0) room.keep();
    co_return job.error;
}

awaitable<int> DiskSpool::record(asio::io_context& context, std::string id, JournalEntry entry) {
    Job job{Job::Kind::record, context};
    job.id = std::move(id);
    job.entry = std::move(entry);
    co_return co_await done_by_thread(job);
}

awaitable<int> DiskSpool::remove(asio::io_context& context, std::string id) {
    Job job{Job::Kind::remove, context};
    job.id = std::move(id);
    co_return co_await done_by_thread(job);
}

awaitable<int> DiskSpool::remove_queued(asio::io_context& context, std::string id) {
    Job job{Job::Kind::remove, context};
    job.id = std::move(id);
    job.is_queued = true;
    co_return co_await done_by_thread(job);
}

awaitable<int> DiskSpool::move(asio::io_context& context, std::string id, Shelf from, Shelf to) {
    Job job{Job::Kind::move, context};
    job.id = std::move(id);
    job.from = from;
    job.to = to;
    co_return co_await done_by_thread(job);
}

// All that needs memory comes first: once the thread has the job nothing may throw the caller's frame away.
template <class Token>
auto DiskSpool::hand_over(Job& job, Token token) {
    auto begin = [this, &job](auto woken) {
        job.done.async_wait(std::move(woken));
        add(job);
    };
    return asio::async_initiate<Token, void(ErrorCode)>(std::move(begin), token);
}

awaitable<int> DiskSpool::done_by_thread(Job& job) {
    const auto work = asio::make_work_guard(job.context);
    co_await hand_over(job, no_throw);
    co_return job.error;
}

void DiskSpool::add(Job& job) noexcept {
    {
        const std::lock_guard lock(mutex_);
        if (is_ending_) {
            job.error = ESHUTDOWN;
            job.done.cancel();
            return;
        }
        (last_ ? last_->next : first_) = &job;
        last_ = &job;
    }
    came_.notify_one();
}

void DiskSpool::run() {
    auto next_look = Clock::now();
    while (take_batch()) {
        if (!batch_.empty()) run(batch_);
        const auto now = Clock::now();
        if (now >= leftovers_.next()) remove_leftovers();
        if (now < next_look) continue;
        next_look = now + kLookAtDead;
        look_round();
    }
    remove_leftovers();
}

void DiskSpool::remove_leftovers() noexcept {
    try {
        if (leftovers_.next() != Deadline::max()) leftovers_.remove(disk_, Clock::now());
    } catch (const std::exception& exception) {  // memory is short: the next time, then
        log_bug(exception.what());
    }
}

void DiskSpool::look_round() noexcept {
    try {
        const auto now = date_.now();
        folder_.remove_dead(now, room_.limits().dead_letters);
        folder_.note_date(now);
    } catch (const std::exception& exception) {  // memory is short: the next time, then
        log_bug(exception.what());
    }
}

// All that waits, but for bounds; none when it is time to look round, false when that was the last.
bool DiskSpool::take_batch() {
    std::unique_lock lock(mutex_);
    const auto look = std::min(Clock::now() + kLookAtDead, leftovers_.next());
    came_.wait_until(lock, look, [this] { return is_ending_ || first_; });
    batch_.clear();
    std::size_t octets = 0;
    while (first_ && batch_.size() < kBatch && octets < kBatchOctets) {
        Job* const job = first_;
        first_ = std::exchange(job->next, nullptr);
        if (!first_) last_ = nullptr;
        batch_.push_back(job);
        octets += job->message.content_octets;
    }
    return !is_ending_ || !batch_.empty();
}

// Nobody would catch what is thrown in this thread; who waits is told that it did not work.
void DiskSpool::run(const Batch& batch) {
    try {
        record(batch);
        const Batch left = change_names(batch);
        commit(batch, left);
    } catch (const std::exception& exception) {
        disk_.forget();
        for (Job* job : batch) job->error = EIO;
        try {
            LogLine line("bug");
            log_error(line.add("what", exception.what()));
        } catch (const std::exception&) {  // memory is short: then without a word
        }
    }
    wake(batch);
}

// Recipients that are done must stay done; the rest of a journal may be lost, and then a try is counted less.
void DiskSpool::record(const Batch& batch) {
    std::vector<std::pair<Job*, std::string>> appended;
    for (Job* job : batch) {
        if (job->kind != Job::Kind::record) continue;
        const std::string name = folder_.find_queued(job->id);
        job->error = ENOENT;
        if (name.empty()) continue;
        const auto file = SpooledFile::open(folder_.number(), name);
        if (!file) job->error = file.problem().empty() ? errno : EIO;
        if (!file) continue;
        // Thousands of tries: what says that a recipient is done must still be read at the next start.
        const bool is_long = file->journal().octets > kMaxJournal / 2 && job->entry.done.empty();
        job->error = 0;
        if (is_long) continue;
        job->error = disk_.run({DiskStep::Kind::append, name, {}, journal_line(file->message(), job->entry)});
        if (job->error == 0) appended.emplace_back(job, name);
    }
    for (auto& [job, name] : appended) {
        if (!job->entry.done.empty()) job->error = disk_.run({DiskStep::Kind::sync_file, name});
    }
    disk_.forget();
    for (const Job* job : batch) {
        const bool has_failed = job->error != 0 && job->error != ENOENT;  // gone: there is nothing to keep
        if (job->kind == Job::Kind::record && has_failed) log_failure("record", job->id, job->error);
    }
}

// Durable before anybody hears of it, or the machine's end would bring a message back. What is moved is
// durable where it comes before it is where it has left. Who waits only for queue/, which something has left,
// is returned: it is synced once for them and for those who come.
DiskSpool::Batch DiskSpool::change_names(const Batch& batch) {
    Folders entered, left;
    for (Job* job : batch) {
        if (job->kind != Job::Kind::remove && job->kind != Job::Kind::move) continue;
        const bool is_move = job->kind == Job::Kind::move;
        const std::string found = job->is_queued ? folder_.find_queued(job->id) : folder_.find(job->id);
        const std::string name = is_move ? place_of(job->from, job->id) : found;
        const std::string target = is_move ? place_of(job->to, job->id) : "";
        job->error = change_name(name, target);
        // Gone already, but perhaps only because it was not synced the last time.
        if (!is_move && job->error == ENOENT) {
            for (const char* shelf : {"queue", "hold"}) left[shelf].push_back(job);
            continue;
        }
        if (job->error != 0) {
            log_failure(is_move ? "move" : "remove", job->id, job->error);
            continue;
        }
        if (is_move) entered[folder_of(target)].push_back(job);
        left[folder_of(name)].push_back(job);
    }
    Batch waiting = std::move(left["queue"]);
    left.erase("queue");
    for (const auto* folders : {&entered, &left}) sync(*folders);
    return waiting;
}

void DiskSpool::sync(const Folders& folders) {
    for (const auto& [folder, jobs] : folders) {
        const int error = disk_.run({DiskStep::Kind::sync_folder, folder});
        for (Job* job : jobs) {
            if (error != 0) job->error = error;
        }
    }
}

// `target` empty: it goes.
int DiskSpool::change_name(const std::string& name, const std::string& target) {
    if (name.empty() || !is_spool_id(std::string_view(name).substr(name.find('/') + 1))) return ENOENT;
    const auto file = SpooledFile::open(folder_.number(), name);
    const std::size_t octets = file ? octets_of(file->message()) : folder_.octets(name);
    const int error = target.empty() ? disk_.run({DiskStep::Kind::remove, name})
                                     : disk_.run({DiskStep::Kind::rename, name, target});
    if (error != 0) return error;
    if (counts(name) && !counts(target)) room_.give_back(octets);
    if (!counts(name) && counts(target)) room_.add(octets);
    return 0;
}

// `left`: who has taken something out of queue/.
void DiskSpool::commit(const Batch& batch, const Batch& left) {
    Batch jobs;
    std::vector<std::string> ids;
    for (Job* job : batch) {
        if (job->kind != Job::Kind::commit) continue;
        jobs.push_back(job);
        ids.push_back(job->id);
    }
    if (jobs.empty() && left.empty()) return;
    Commit machine(std::move(ids), !left.empty());
    const Disk::Writer writer = [&](int file, std::size_t item) { return write(file, *jobs[item]); };
    while (const auto step = patiently([&] { return machine.next(); }))
        machine.ended(result_of(*step, writer));
    disk_.forget();
    leftovers_.add(patiently([&] { return machine.left(); }), Clock::now());
    for (Job* job : left) {
        if (machine.folder_error() != 0) job->error = machine.folder_error();
    }
    for (std::size_t i = 0; i < jobs.size(); ++i) jobs[i]->error = machine.errors()[i];
    for (const Job* job : jobs) tell(*job);
}

// A step that there is no memory for has failed: what was made so far is removed again.
int DiskSpool::result_of(const DiskStep& step, const Disk::Writer& writer) {
    try {
        return disk_.run(step, writer);
    } catch (const std::bad_alloc&) {
        return ENOMEM;
    }
}

// Whatever goes wrong here the message is durable, and its client must not hear anything else.
void DiskSpool::tell(const Job& job) noexcept {
    try {
        if (job.error != 0) return log_failure("commit", job.id, job.error);
        std::function<void(const SpooledMessage&)> told;
        {
            const std::lock_guard lock(mutex_);
            told = told_;
        }
        if (told) told(job.message);
    } catch (const std::exception& exception) {  // it is in the queue, but waits there for the next start
        log_bug(exception.what());
    }
}

// A small message goes out in one call.
int DiskSpool::write(int file, Job& job) {
    auth::Sha256 hash;
    hash.update(job.head);
    written_ = job.head;
    std::size_t octets = 0;
    const auto reader = job.content->reader();
    for (auto portion = reader->next(); !portion.empty(); portion = reader->next()) {
        hash.update(portion);
        octets += portion.size();
        written_ += portion;
        if (written_.size() < kWriteAtOnce) continue;
        if (const int error = write_all(file, written_)) return error;
        written_.clear();
    }
    if (reader->failed() || octets != job.message.content_octets) return EIO;
    written_ += spool_trailer(hash.finish());
    return write_all(file, written_);
}

// One call for all who wait in one context. They may be gone as soon as they are called.
void DiskSpool::wake(const Batch& batch) noexcept {
    Job* contexts = nullptr;  // the first of each
    for (Job* job : batch) {
        Job* same = contexts;
        while (same && &same->context != &job->context) same = same->next_context;
        if (same) {
            job->next = std::exchange(same->next, job);
        } else {
            job->next_context = std::exchange(contexts, job);
        }
    }
    while (contexts) {
        Job* const first = std::exchange(contexts, contexts->next_context);
        while (!call(*first)) std::this_thread::sleep_for(kMoment);
    }
}

// False if memory is short: whoever waits for the disk waits for that, too.
bool DiskSpool::call(Job& first) noexcept {
    try {
        asio::post(first.context, [sleeping = &first] {
            for (Job* job = sleeping; job; job = job->next) job->done.cancel();
        });
        return true;
    } catch (const std::exception&) {
        return false;
    }
}

}  // namespace gatepost::gateway
