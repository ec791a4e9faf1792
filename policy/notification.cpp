#include "policy/notification.h"

#include <algorithm>

#include "protocol/ascii.h"

namespace gatepost::policy {
namespace {

bool lists(std::string_view notify, std::string_view event) {
    while (!notify.empty()) {
        const auto comma = std::min(notify.find(','), notify.size());
        if (protocol::equals_ignoring_case(notify.substr(0, comma), event)) return true;
        notify.remove_prefix(std::min(comma + 1, notify.size()));
    }
    return false;
}

// RFC 3461 section 4.1: without the parameter a failure is told, and of a delay we say nothing.
bool is_asked_for(const NotificationFacts& facts) {
    switch (facts.event) {
        case NotificationEvent::failed: return facts.notify.empty() || lists(facts.notify, "FAILURE");
        case NotificationEvent::delayed: return lists(facts.notify, "DELAY");
        case NotificationEvent::relayed: return lists(facts.notify, "SUCCESS");
    }
    return false;
}

// Why nobody is told; empty if somebody is. The first reason counts: what can never be mended stands before
// what an administrator can do something about.
std::string_view objection(const NotificationFacts& facts, const config::Settings& settings) {
    const struct {
        bool holds;
        std::string_view why;
    } rows[] = {
        {facts.is_notification, "notification"},
        {facts.has_null_path, "null_path"},
        {!is_asked_for(facts), "not_asked"},
        {facts.is_list, "list"},
        {!facts.may_notify, "unauthenticated"},
        {!settings.notifications.is_on, "off"},
        {!facts.has_key, "no_key"},
        {!has_way_out(settings), "no_way_out"},
    };
    for (const auto& row : rows) {
        if (row.holds) return row.why;
    }
    return {};
}

}  // namespace

bool has_way_out(const config::Settings& settings) {
    if (!settings.notifications.relay.empty()) return true;
    const auto& servers = settings.downstream.servers;
    return std::any_of(servers.begin(), servers.end(), [](const config::DownstreamServer& server) {
        return server.kind == config::DownstreamKind::smtp;
    });
}

NotificationChoice choose_notification(const NotificationFacts& facts, const config::Settings& settings) {
    const auto why = objection(facts, settings);
    if (why.empty()) return {NotificationAction::notify, {}};
    const bool is_lost = facts.event == NotificationEvent::failed;
    return {is_lost ? NotificationAction::dead_letter : NotificationAction::nothing, why};
}

}  // namespace gatepost::policy
