// Who is told what became of a message that was not refused in its session: nobody who may not have sent it
// (specs/smtp.md M-36; attacks.md 44, 45). What nobody is told of is kept as a dead letter.
#pragma once

#include <string>
#include <string_view>

#include "config/settings.h"

namespace gatepost::policy {

enum class NotificationEvent { failed, delayed, relayed };

// What is known of a message and one recipient of it.
struct NotificationFacts {
    NotificationEvent event = NotificationEvent::failed;
    std::string notify;            // NOTIFY= as it came, empty if it did not (RFC 3461 section 4.1)
    bool has_null_path = false;    // MAIL FROM:<>
    bool is_notification = false;  // one of ours
    bool is_list = false;          // by its header from a mailing list or an automaton
    bool may_notify = false;       // the reverse-path was authenticated
    bool has_key = false;          // there is a key to sign with
};

enum class NotificationAction { notify, dead_letter, nothing };

struct NotificationChoice {
    NotificationAction action = NotificationAction::nothing;
    std::string_view why;  // of a dead letter, one word for the log; of nothing likewise
    friend bool operator==(const NotificationChoice&, const NotificationChoice&) = default;
};

// Only a failure makes a dead letter: what is delayed or was handed on is not lost.
NotificationChoice choose_notification(const NotificationFacts& facts, const config::Settings& settings);

// Whether a notification can leave: to notifications.relay, or to the default downstream if that speaks SMTP.
bool has_way_out(const config::Settings& settings);

}  // namespace gatepost::policy
