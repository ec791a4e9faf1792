#include "process.h"

#include <cerrno>

#include "auth/crypto.h"

namespace gatepost::simulation {

using namespace gateway;
using Kind = DiskStep::Kind;
namespace reply = protocol::reply;

std::string spool_id(std::size_t attempt) {
    return "a" + std::to_string(attempt);
}

std::size_t attempt_of(const std::string& id) {
    return std::stoul(id.substr(1));
}

namespace {

constexpr const char* kStepNames[] = {"write", "append", "sync", "rename", "remove", "sync folder"};

std::string content_of(std::size_t attempt) {
    std::string text = "Subject: a" + std::to_string(attempt) + "\r\n\r\n";
    for (std::size_t i = 0; i < attempt % 5 * 40; ++i) text += static_cast<char>('a' + i % 26);
    return text + "\r\n";
}

std::string file_of(std::size_t attempt, const std::vector<std::size_t>& recipients) {
    SpooledMessage message;
    message.id = spool_id(attempt);
    message.sender.reverse_path = protocol::parse_reverse_path("<from@example.net>")->path;
    for (const auto recipient : recipients) {
        const std::string path = "<r" + std::to_string(recipient) + "@example.org>";
        message.recipients.push_back({protocol::parse_forward_path(path)->path, "", ""});
    }
    const std::string content = content_of(attempt);
    message.content_octets = content.size();
    std::string text = *spool_head(message) + content;
    auth::Sha256 hash;
    hash.update(text);
    return text + spool_trailer(hash.finish());
}

}  // namespace

Process::Process(World& world, Downstream& downstream, const std::vector<Letter>& letters,
                 const config::Settings& settings, Break order, Tell tell)
    : world_(world),
      downstream_(downstream),
      letters_(letters),
      settings_(settings),
      order_(order),
      tell_(std::move(tell)),
      queue_(settings, world.dice.roll()) {}

int Process::run(const DiskStep& step) {
    const int error = world_.disk.run(step);
    world_.trace("disk: ", kStepNames[static_cast<int>(step.kind)], " ", step.name, error ? " fails" : "");
    return error;
}

// As SpoolFolder reads it; nothing: it is not there, or not whole.
std::optional<Process::File> Process::read(const std::string& id) const {
    const std::string* text = world_.disk.read("queue/" + id);
    if (!text) return {};
    auto head = parse_spool_head(*text);
    if (!head) return {};
    const std::size_t end = head->octets + head->message.content_octets;
    if (text->size() < end + kSpoolTrailer) return {};
    const auto digest = parse_spool_trailer(std::string_view(*text).substr(end, kSpoolTrailer));
    auth::Sha256 hash;
    hash.update(std::string_view(*text).substr(0, end));
    if (!digest || hash.finish() != *digest || head->message.id != id) return {};
    File file{attempt_of(id), {}, std::move(head->message), {}, 0};
    if (text->substr(head->octets, file.message.content_octets) != content_of(file.attempt)) {
        world_.ledger.violation("the content of " + id + " is not what came");
    }
    for (const auto& recipient : file.message.recipients)
        file.recipients.push_back(std::stoul(recipient.path.local_part.substr(1)));
    file.journal = read_journal(file.message, std::string_view(*text).substr(end + kSpoolTrailer));
    file.octets = end + kSpoolTrailer + file.journal.octets;
    return file;
}

QueueEntry Process::entry_of(const std::string& id, std::size_t attempt) const {
    const auto& letter = letters_[world_.ledger.attempt(attempt).message];
    return {.id = id, .destination = letter.destination == 0 ? "one" : "two", .octets = 1000};
}

void Process::recover() {
    for (const auto& name : world_.disk.names_in("tmp")) run({.kind = Kind::remove, .name = name});
    for (const auto& name : world_.disk.names_in("queue")) {
        const std::string id = name.substr(6);
        const auto file = read(id);
        if (!file) {
            world_.ledger.violation("torn in the queue: " + id);
            continue;
        }
        world_.disk.truncate(name, file->octets);
        QueueEntry entry = entry_of(id, file->attempt);
        entry.attempts = file->journal.state.last.attempts;
        entry.age = file->journal.state.last.age;
        entry.is_delay_told = file->journal.state.last.is_delay_told;
        queue_.recover(std::move(entry), time());
        world_.trace("recovers ", id);
    }
    drive();
}

void Process::begin_session(std::size_t attempt, bool is_connected) {
    open_.insert(attempt);
    const auto& recipients = world_.ledger.attempt(attempt).recipients;
    const auto session = std::make_shared<Session>(
        Session{attempt, Handover(settings_.downstream.spool, recipients.size(), is_connected), {}});
    world_.in_process(soon(), [this, session] { go_on(session); });
}

void Process::go_on(const SessionPointer& session) {
    const auto action = session->handover.next();
    Attempt& attempt = world_.ledger.attempt(session->attempt);
    if (const auto* final = std::get_if<Handover::Answer>(&action)) return answer(session, final->reply);
    if (const auto* spool = std::get_if<Handover::Spool>(&action)) {
        for (const auto index : spool->recipients) session->spooled.push_back(attempt.recipients.at(index));
        waiting_.push_back(session);
        if (!is_committing_) begin_batch();
        return;
    }
    const auto outcomes = downstream_.take(letters_[attempt.message], session->attempt, attempt.recipients);
    world_.in_process(soon(), [this, session, outcomes] {
        for (const auto& outcome : outcomes) {
            session->is_partly_delivered |= outcome.fate == Fate::accepted;
            world_.ledger.attempt(session->attempt).is_unknown |= outcome.fate == Fate::unknown;
        }
        session->handover.delivered(outcomes);
        go_on(session);
    });
}

void Process::answer(const SessionPointer& session, const protocol::Reply& reply) {
    if (std::exchange(session->is_answered, true)) return;
    world_.trace("answers a", session->attempt, ": ", reply.text());
    open_.erase(session->attempt);
    tell_(session->attempt, reply);
}

void Process::begin_batch() {
    is_committing_ = !waiting_.empty();
    if (!is_committing_) return;
    std::vector<std::string> ids, contents;
    for (const auto& session : waiting_) {
        ids.push_back(spool_id(session->attempt));
        contents.push_back(file_of(session->attempt, session->spooled));
    }
    const auto batch = std::make_shared<Batch>(
        Batch{Commit(std::move(ids)), std::exchange(waiting_, {}), std::move(contents), {}});
    world_.in_process(soon(), [this, batch] { step(batch); });
}

void Process::step(const std::shared_ptr<Batch>& batch) {
    const auto next = batch->machine.next();
    if (!next) {
        end(*batch);
        return begin_batch();
    }
    batch->machine.ended(run(*batch, *next));
    world_.in_process(soon() / 8, [this, batch] { step(batch); });
}

// In the right order, unless one is to be broken.
int Process::run(Batch& batch, const DiskStep& step) {
    if (step.kind == Kind::sync_file) {
        if (order_ == Break::no_fsync) return 0;
        if (order_ == Break::rename_before_fsync) {
            batch.synced_late.push_back("queue/" + step.name.substr(4));
            return 0;
        }
        if (order_ == Break::reply_before_sync) {
            for (const auto& session : batch.sessions) answer(session, reply::kOk);
        }
    }
    if (step.kind == Kind::sync_folder && order_ == Break::no_folder_sync) return 0;
    const int error = world_.disk.run(step, batch.contents);
    world_.trace("disk: ", kStepNames[static_cast<int>(step.kind)], " ", step.name, error ? " fails" : "");
    return error;
}

void Process::end(Batch& batch) {
    if (!batch.synced_late.empty()) {  // the broken order: the names are there, and now the octets follow
        const auto late = std::make_shared<Batch>(std::move(batch));
        world_.in_process(soon(), [this, late] {
            for (const auto& name : late->synced_late) run({.kind = Kind::sync_file, .name = name});
            late->synced_late.clear();
            end(*late);
        });
        return;
    }
    for (std::size_t i = 0; i < batch.sessions.size(); ++i) {
        const auto& session = batch.sessions[i];
        Attempt& attempt = world_.ledger.attempt(session->attempt);
        const bool is_safe = batch.machine.errors()[i] == 0;
        if (is_safe) {
            const std::string id = spool_id(session->attempt);
            queue_.add(entry_of(id, session->attempt), time());
            session->handover.spooled({});
        } else {
            attempt.has_failed_commit = true;
            attempt.is_partly_spooled |= session->is_partly_delivered;
            session->handover.spooled(protocol::Reply(reply::kNoStorage));
        }
        go_on(session);
    }
    drive();
}

}  // namespace gatepost::simulation
