#include "simulated_spool.h"

#include <cerrno>

#include "auth/crypto.h"
#include "gateway/spool/commit.h"

namespace gatepost::simulation {

using gateway::DiskStep;
using Kind = DiskStep::Kind;

namespace {

const char* word(Kind kind) {
    constexpr const char* kWords[] = {"write", "append", "sync_file", "rename", "remove", "sync_folder"};
    return kWords[static_cast<std::size_t>(kind)];
}

}  // namespace

std::string file_of(const gateway::SpooledMessage& message, std::string_view content) {
    std::string file = *gateway::spool_head(message);
    file += content;
    return file + gateway::spool_trailer(auth::sha256(file));
}

std::optional<SpoolFile> SimulatedSpool::read(const World& world, const std::string& name) {
    const std::string* text = world.disk.read(name);
    if (!text) return {};
    auto head = gateway::parse_spool_head(*text);
    if (!head) return {};
    SpoolFile file;
    const std::size_t end = head->octets + head->message.content_octets;
    file.journal_at = end + gateway::kSpoolTrailer;
    file.octets = text->size();
    if (file.octets < file.journal_at) return {};
    const std::string_view whole = *text;
    const auto digest = gateway::parse_spool_trailer(whole.substr(end, gateway::kSpoolTrailer));
    if (!digest || *digest != auth::sha256(whole.substr(0, end))) return {};
    file.content = whole.substr(head->octets, end - head->octets);
    file.journal = gateway::read_journal(head->message, whole.substr(file.journal_at));
    file.message = std::move(head->message);
    return file;
}

std::string SimulatedSpool::find(const std::string& id) const {
    for (const char* shelf : {"queue/", "dead/"}) {
        if (world_.disk.read(shelf + id)) return shelf + id;
    }
    return "";
}

void SimulatedSpool::add(std::shared_ptr<Job> job) {
    waiting_.push_back(std::move(job));
    is_wanted_ = true;
}

int SimulatedSpool::run(const DiskStep& step, std::string_view text) {
    if (step.kind == Kind::sync_file && world_.breaks(Break::no_file_sync)) return 0;
    if (step.kind == Kind::sync_folder && world_.breaks(Break::no_folder_sync)) return 0;
    int error = world_.disk.run(step, text);
    if (error != 0 && step.kind == Kind::sync_file && world_.breaks(Break::sync_again_after_failure))
        error = world_.disk.run(step);
    world_.trace("disk:", word(step.kind), step.name, step.target, error == 0 ? "" : "fails");
    return error;
}

Activity SimulatedSpool::run() {
    for (;;) {
        co_await until(is_wanted_);
        is_wanted_ = false;
        const Batch batch = std::move(waiting_);
        waiting_.clear();
        std::vector<Left> left;
        Activity parts[] = {record(batch), remove(batch, left), commit(batch, left)};
        for (auto& part : parts) {
            while (!part.is_over()) {
                part.resume();
                co_await rest_of(part);
            }
        }
        for (const auto& job : batch) job->is_done = true;
    }
}

// What the disk has taken for good.
void SimulatedSpool::note_recorded(const Job& job) {
    const auto file = read(world_, find_queued(job.id));
    if (!file) return;
    for (const std::size_t done : job.entry.done)
        world_.ledger.recorded(job.id, file->message.recipients[done].path.text());
}

// Where the queue's own steps look: a dead letter of the same message is not theirs.
std::string SimulatedSpool::find_queued(const std::string& id) const {
    return world_.disk.read("queue/" + id) ? "queue/" + id : "";
}

Activity SimulatedSpool::record(const Batch& batch) {
    Batch appended;
    for (const auto& job : batch) {
        if (job->kind != Job::Kind::record) continue;
        co_await turn();
        const std::string name = find_queued(job->id);
        const auto file = read(world_, name);
        job->error = ENOENT;
        if (!file) continue;
        const DiskStep step{Kind::append, name, {}, gateway::journal_line(file->message, job->entry)};
        job->error = run(step);
        if (job->error == 0) appended.push_back(job);
    }
    for (const auto& job : appended) {
        if (job->entry.done.empty()) continue;
        co_await turn();
        const DiskStep step{Kind::sync_file, find_queued(job->id)};
        if (!world_.breaks(Break::record_without_sync)) job->error = run(step);
        if (job->error == 0) note_recorded(*job);
    }
    for (const auto& job : batch) {
        if (job->kind != Job::Kind::record || job->error == 0 || job->entry.done.empty()) continue;
        if (Attempt* attempt = world_.ledger.find(job->id)) attempt->has_failed_note = true;
    }
}

// Also what is gone already, perhaps since a sync that failed.
Activity SimulatedSpool::remove(const Batch& batch, std::vector<Left>& left) {
    for (const auto& job : batch) {
        if (job->kind != Job::Kind::remove) continue;
        co_await turn();
        const std::string name = find_queued(job->id);
        auto file = read(world_, name);
        const DiskStep step{Kind::remove, name};
        job->error = name.empty() ? ENOENT : run(step);
        Attempt* attempt = world_.ledger.find(job->id);
        if (job->error != 0 && attempt) attempt->has_failed_note = true;
        if (job->error != 0 && job->error != ENOENT) continue;
        left.push_back({job, std::move(file)});
        if (!world_.breaks(Break::remove_without_sync)) continue;
        note_left(left.back(), 0);
        left.pop_back();
    }
}

// `error`: of the sync of the folder.
void SimulatedSpool::note_left(const Left& left, int error) {
    if (error != 0) left.job->error = error;
    Attempt* attempt = world_.ledger.find(left.job->id);
    if (!attempt) return;
    attempt->has_failed_note = attempt->has_failed_note || error != 0;
    if (error != 0 || !left.file) return;
    for (const auto& recipient : left.file->message.recipients)
        world_.ledger.recorded(left.job->id, recipient.path.text());
}

// A notification that had left the queue may come again, under the same id.
void SimulatedSpool::begin_anew(const std::string& id) {
    Attempt* attempt = world_.ledger.find(id);
    if (!attempt || attempt->message != kNoMessage) return;
    for (auto& place : attempt->places) place.is_recorded = false;
}

// The folder is synced once, before anybody hears of what has left it or of what came.
Activity SimulatedSpool::commit(const Batch& batch, const std::vector<Left>& left) {
    Batch jobs;
    std::vector<std::string> ids;
    for (const auto& job : batch) {
        if (job->kind != Job::Kind::commit) continue;
        jobs.push_back(job);
        ids.push_back(job->id);
    }
    if (jobs.empty() && left.empty()) co_return;
    gateway::Commit machine(std::move(ids), !left.empty());
    while (auto step = machine.next()) {
        co_await turn();
        const bool is_late = world_.breaks(Break::rename_before_sync);
        if (step->kind == Kind::sync_file && world_.breaks(Break::answer_before_sync)) {
            for (auto& job : jobs) job->is_done = true;
        }
        int error = 0;
        if (step->kind == Kind::write) {
            const Job& job = *jobs[step->item];
            error = run(*step, file_of(job.message, job.content));
            begin_anew(job.id);
        } else if (step->kind != Kind::sync_file || !is_late) {
            error = run(*step);
        }
        if (is_late && step->kind == Kind::rename && error == 0) {
            co_await turn();
            const DiskStep late{Kind::sync_file, step->target};
            error = run(late);
        }
        machine.ended(error);
        if (step->kind != Kind::sync_folder) continue;
        for (const Left& each : left) note_left(each, error);
        for (const auto& job : jobs) begin_anew(job->id);  // whose namesake has left with the same sync
    }
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        const bool is_denied = world_.breaks(Break::answer_in_spite_of_error);
        jobs[i]->error = is_denied ? 0 : machine.errors()[i];
        Attempt* attempt = world_.ledger.find(jobs[i]->id);
        if (attempt && jobs[i]->error != 0) attempt->has_failed_commit = true;
        if (attempt && jobs[i]->error == 0) attempt->spooled_at = world_.milliseconds();
        if (jobs[i]->error == 0) told_(jobs[i]->message);
    }
}

}  // namespace gatepost::simulation
