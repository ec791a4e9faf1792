#include "gateway/cli/queue_command.h"

#include <sysexits.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <iostream>
#include <map>

#include "gateway/cli/control_client.h"
#include "gateway/cli/queue_export.h"
#include "gateway/cli/queue_folder.h"
#include "gateway/cli/queue_offline.h"
#include "gateway/cli/queue_selection.h"
#include "protocol/ascii.h"

namespace gatepost::gateway {
namespace {

using Verb = QueueRequest::Verb;

int complain(const std::string& what, int status) {
    std::fprintf(stderr, "gatepost queue: %s\n", what.c_str());
    return status;
}

constexpr char kNoMessage[] = "no message ";

std::string no_message(const std::string& id) {
    return kNoMessage + protocol::escaped(id) + " in the queue";
}

// Ends in success all the same: there is nothing that could fail.
int complain_of_none(const QueueRequest& request) {
    return request.as_json ? EX_OK : complain("no message is meant by that", EX_OK);
}

void print(const std::string& text) {
    std::fwrite(text.data(), 1, text.size(), stdout);
}

struct Where {
    QueueFolder folder;
    std::string control;  // the socket
    config::Queue limits;
    std::int64_t expire;  // downstream.retry.expire, seconds
};

// What a running gatepost says of these messages; where none runs, nothing is known.
void add_states(const Where& where, std::vector<QueuedMessage>& messages) {
    std::vector<std::string> ids;
    for (const auto& message : messages)
        if (message.place == QueuePlace::queue) ids.push_back(message.message.id);
    if (ids.empty()) return;
    const auto client = ControlClient::connect(where.control);
    if (client && !*client) return;
    const auto results =
        client ? (*client)->ask(ControlCommand::status, ids)
               : protocol::Result<std::vector<ControlResult>>(protocol::Problem{client.problem()});
    if (!results) {
        complain("next tries are not known: " + results.problem(), 0);
        return;
    }
    std::map<std::string_view, const ControlResult*> by_id;
    for (const auto& result : *results) by_id[result.id] = &result;
    for (auto& message : messages) {
        const auto found = by_id.find(message.message.id);
        if (found == by_id.end() || !found->second->problem.empty()) continue;
        message.is_delivering = found->second->state == QueueState::delivering;
        message.next_try = found->second->next_try;
    }
}

// After add_states().
void add_expiry(const Where& where, std::vector<QueuedMessage>& messages, std::int64_t now) {
    for (auto& message : messages) message.expires = seconds_left(message, where.expire, now);
}

int list(const QueueRequest& request, const Where& where) {
    const Selection selected = select(where.folder, request);
    if (!selected.problem.empty()) return complain(selected.problem, EX_NOPERM);
    std::vector<QueuedMessage> messages = selected.messages;
    add_states(where, messages);
    const std::int64_t now = std::time(nullptr);
    add_expiry(where, messages, now);
    if (request.as_json) {
        print(queue_json(messages, selected.totals, now) + "\n");
    } else {
        print(queue_table(messages, now) + totals_text(selected.totals));
        if (!where.folder.is_there())
            complain("nothing was ever spooled: there is no " + where.folder.text(), 0);
    }
    for (const auto& line : selected.unreadable) complain(line, 0);
    return EX_OK;
}

int show(const QueueRequest& request, const Where& where) {
    const std::string& id = request.ids.front();
    const auto file = where.folder.open(id, {QueuePlace::queue, QueuePlace::hold, QueuePlace::dead});
    if (!file) return complain(no_message(id), EX_NOINPUT);
    auto message = file->read();
    if (!message) return complain(id + ": " + message.problem(), EX_DATAERR);
    std::vector<QueuedMessage> one{*message};
    add_states(where, one);
    const std::int64_t now = std::time(nullptr);
    add_expiry(where, one, now);
    print(request.as_json ? shown_json(one.front(), now) + "\n" : shown_text(one.front(), now));
    if (!request.with_header && !request.with_message) return EX_OK;
    print("\n");
    const std::string problem = print_content(*file, request.with_message);
    return problem.empty() ? EX_OK : complain(id + ": " + problem, EX_DATAERR);
}

// Dead letters are in nobody's memory: their files go, whether gatepost runs or not.
ControlResult drop_dead_letter(const QueueFolder& folder, const std::string& id) {
    ControlResult result{id, "", QueueState::dropped, {}};
    if (::unlink(folder.path(QueuePlace::dead, id).c_str()) != 0) result.problem = no_message(id);
    log_offline(ControlCommand::drop, result);
    return result;
}

protocol::Result<std::vector<ControlResult>> change_queued(ControlCommand command, const Where& where,
                                                           const std::vector<std::string>& ids) {
    if (ids.empty()) return std::vector<ControlResult>();
    const auto client = ControlClient::connect(where.control);
    if (!client) return protocol::Problem{client.problem()};
    if (*client) return (*client)->ask(command, ids);
    const auto offline = QueueOffline::open(where.folder.text(), where.limits);
    if (!offline) return protocol::Problem{offline.problem()};
    auto results = (*offline)->change(command, ids);
    for (const auto& result : results) log_offline(command, result);
    return results;
}

bool is_agreed(std::size_t messages) {
    std::fprintf(stderr, "Delete %zu message%s for good? Nobody is told. [y/N] ", messages,
                 messages == 1 ? "" : "s");
    std::string answer;
    std::getline(std::cin, answer);
    return answer == "y" || answer == "Y" || answer == "yes";
}

int tell(const std::vector<ControlResult>& results, bool as_json) {
    int status = EX_OK;
    if (as_json) print(wire(results));
    for (const auto& result : results) {
        if (!result.problem.empty()) {
            status = result.problem.starts_with(kNoMessage) ? EX_NOINPUT : EX_TEMPFAIL;
            complain(result.problem, 0);
        } else if (!as_json) {
            std::printf("%s %s\n", result.id.c_str(), std::string(name_of(result.state)).c_str());
        }
    }
    return status;
}

int change(const QueueRequest& request, const Where& where) {
    const bool is_drop = request.command == ControlCommand::drop;
    if (is_drop && !request.is_agreed && (request.all || !::isatty(STDIN_FILENO)))
        return complain("drop deletes for good: say so with --yes", EX_USAGE);
    const Targets targets = find_targets(where.folder, request);
    if (!targets.problem.empty()) return complain(targets.problem, EX_NOPERM);
    const std::size_t chosen = targets.queued.size() + targets.dead.size();
    if (is_drop && !request.is_agreed && chosen > 0 && !is_agreed(chosen)) return EX_OK;
    std::vector<ControlResult> all = targets.missing;
    if (all.empty() && targets.queued.empty() && targets.dead.empty()) complain_of_none(request);
    const auto results = change_queued(request.command, where, targets.queued);
    if (!results) return complain(results.problem(), EX_TEMPFAIL);
    all.insert(all.end(), results->begin(), results->end());
    for (const auto& id : targets.dead) all.push_back(drop_dead_letter(where.folder, id));
    return tell(all, request.as_json);
}

int copy(const QueueRequest& request, const Where& where) {
    const Targets targets = find_targets(where.folder, request);
    if (!targets.problem.empty()) return complain(targets.problem, EX_NOPERM);
    std::vector<std::string> ids = targets.queued;
    ids.insert(ids.end(), targets.dead.begin(), targets.dead.end());
    if (request.all && ids.empty()) return complain_of_none(request);
    if (request.target == "-" && ids.size() + targets.missing.size() != 1)
        return complain("only one message at a time goes to standard output", EX_USAGE);
    int status = EX_OK;
    for (const auto& result : targets.missing) status = complain(result.problem, EX_NOINPUT);
    for (const auto& id : ids) {
        const Exported exported = export_message(where.folder, id, request);
        if (!exported.problem.empty()) status = complain(exported.problem, exported.status);
        if (exported.problem.empty() && !exported.file.empty()) std::printf("%s\n", exported.file.c_str());
        if (exported.status == EX_CANTCREAT) break;  // no folder, no room: the next one fails likewise
    }
    return status;
}

}  // namespace

int run_queue(const QueueRequest& request, const config::Settings& settings) {
    const Where where{QueueFolder(settings.state + "/spool"), settings.state + "/control", settings.queue,
                      settings.downstream.retry.expire.count()};
    const auto readable = where.folder.ids(QueuePlace::queue);
    if (!readable) return complain(readable.problem(), EX_NOPERM);
    if (request.verb == Verb::list) return list(request, where);
    if (request.verb == Verb::show) return show(request, where);
    const bool is_filtered = !request.from.empty() || !request.to.empty();
    if (request.ids.empty() && !request.all) return complain("name messages, or say --all", EX_USAGE);
    if (!request.ids.empty() && is_filtered)
        return complain("--from, --to and --domain choose among --all, not among named messages", EX_USAGE);
    return request.verb == Verb::change ? change(request, where) : copy(request, where);
}

}  // namespace gatepost::gateway
