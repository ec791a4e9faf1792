#include "gateway/cli/queue_selection.h"

#include <algorithm>

#include "protocol/ascii.h"

namespace gatepost::gateway {
namespace {

bool passes(const QueuedMessage& message, const QueueRequest& request) {
    const auto& spooled = message.message;
    if (!request.from.empty() && !is_address(spooled.sender.reverse_path, request.from)) return false;
    const auto is_wanted = [&](const protocol::Recipient& each) { return is_address(each.path, request.to); };
    return request.to.empty() || std::any_of(spooled.recipients.begin(), spooled.recipients.end(), is_wanted);
}

std::vector<QueuePlace> places_of_list(const QueueRequest& request) {
    if (request.only_dead) return {QueuePlace::dead};
    if (request.only_held) return {QueuePlace::hold};
    return {QueuePlace::queue, QueuePlace::hold};
}

// Of --all: what the command can be about.
std::vector<QueuePlace> places_of(const QueueRequest& request) {
    if (request.verb != QueueRequest::Verb::change) return places_of_list(request);
    switch (request.command) {
        case ControlCommand::release: return {QueuePlace::hold};
        case ControlCommand::drop: return places_of_list(request);
        default: return {QueuePlace::queue};
    }
}

void add_from(const QueueFolder& folder, QueuePlace place, const QueueRequest& request, Selection& found) {
    const auto ids = folder.ids(place);
    if (!ids) {
        found.problem = ids.problem();
        return;
    }
    for (const auto& id : *ids) {
        const auto file = folder.open(id, {place});
        if (!file) continue;  // gone meanwhile
        auto message = file->read();
        if (!message) {
            ++found.totals.unreadable;
            found.unreadable.push_back(id + ": " + message.problem());
        } else if (passes(*message, request)) {
            found.totals.add(*message);
            message->tries.clear();
            found.messages.push_back(std::move(*message));
        }
    }
}

void add_named(const QueueFolder& folder, const QueueRequest& request, const std::string& id,
               Targets& targets) {
    const bool takes_dead =
        request.verb == QueueRequest::Verb::copy || request.command == ControlCommand::drop;
    std::vector<QueuePlace> queued;
    if (!request.only_dead && !request.only_held) queued.push_back(QueuePlace::queue);
    if (!request.only_dead) queued.push_back(QueuePlace::hold);
    if (folder.open(id, queued)) {
        targets.queued.push_back(id);
    } else if (request.only_held) {
        targets.missing.push_back({id, "no message " + protocol::escaped(id) + " is held", {}, {}});
    } else if (!folder.open(id, {QueuePlace::dead})) {
        targets.missing.push_back({id, "no message " + protocol::escaped(id) + " in the queue", {}, {}});
    } else if (takes_dead) {
        targets.dead.push_back(id);
    } else {
        targets.missing.push_back({id, id + " is a dead letter: it can be exported or dropped", {}, {}});
    }
}

}  // namespace

bool is_address(const protocol::Path& path, const std::string& wanted) {
    if (wanted == "<>") return path.is_null;
    std::string_view text = wanted;
    if (text.starts_with('<') && text.ends_with('>')) text = text.substr(1, text.size() - 2);
    if (text.starts_with('@')) return protocol::equals_ignoring_case(path.domain_text(), text.substr(1));
    return protocol::equals_ignoring_case(path.text(), text);
}

Selection select(const QueueFolder& folder, const QueueRequest& request) {
    Selection found;
    for (const QueuePlace place : places_of(request)) add_from(folder, place, request, found);
    const bool is_plain_list = request.verb == QueueRequest::Verb::list && !request.only_held &&
                               !request.only_dead && request.from.empty() && request.to.empty();
    const auto dead = is_plain_list ? folder.ids(QueuePlace::dead) : std::vector<std::string>();
    if (is_plain_list && dead) found.totals.dead = dead->size();
    std::sort(found.messages.begin(), found.messages.end(), [](const auto& a, const auto& b) {
        return std::tie(a.message.arrived, a.message.id) < std::tie(b.message.arrived, b.message.id);
    });
    return found;
}

Targets find_targets(const QueueFolder& folder, const QueueRequest& request) {
    Targets targets;
    for (const auto& id : request.ids) add_named(folder, request, id, targets);
    if (!request.all) return targets;
    const Selection found = select(folder, request);
    targets.problem = found.problem;
    for (const auto& message : found.messages) {
        auto& list = message.place == QueuePlace::dead ? targets.dead : targets.queued;
        list.push_back(message.message.id);
    }
    return targets;
}

}  // namespace gatepost::gateway
