#include "policy/notification.h"

#include <gtest/gtest.h>

namespace gatepost::policy {
namespace {

using config::DownstreamKind;
using config::DownstreamServer;

constexpr auto kFailed = NotificationEvent::failed;
constexpr auto kDelayed = NotificationEvent::delayed;
constexpr auto kRelayed = NotificationEvent::relayed;
constexpr NotificationChoice kNotify{NotificationAction::notify, ""};

NotificationChoice dead(std::string_view why) {
    return {NotificationAction::dead_letter, why};
}
NotificationChoice nothing(std::string_view why) {
    return {NotificationAction::nothing, why};
}

config::Settings with_smtp() {
    config::Settings settings;
    settings.downstream.servers.emplace_back();
    return settings;
}

// Nothing speaks against it.
NotificationFacts good(NotificationEvent event, const std::string& notify = "") {
    return {.event = event, .notify = notify, .may_notify = true, .has_key = true};
}

TEST(Notification, IsSentAsTheSenderAskedFor) {
    const struct {
        const char* notify;
        NotificationEvent event;
        NotificationChoice choice;
        const char* reason;
    } rows[] = {
        {"", kFailed, kNotify, "RFC 3461 section 4.1: what is usual"},
        {"", kDelayed, nothing("not_asked"), "delays only for those who want to know"},
        {"", kRelayed, nothing("not_asked"), "nor a success"},
        {"NEVER", kFailed, dead("not_asked"), "never means never; but it is not lost"},
        {"never", kDelayed, nothing("not_asked"), "in any case"},
        {"NEVER", kRelayed, nothing("not_asked"), "whatever happens"},
        {"FAILURE", kFailed, kNotify, "asked for"},
        {"failure", kFailed, kNotify, "in any case"},
        {"FAILURE", kDelayed, nothing("not_asked"), "not that"},
        {"DELAY", kDelayed, kNotify, "asked for"},
        {"DELAY", kFailed, dead("not_asked"), "section 5.2.6: no FAILURE, no notification"},
        {"SUCCESS", kFailed, dead("not_asked"), "the same"},
        {"SUCCESS", kRelayed, kNotify, "section 5.2.2: the next server confirms nothing"},
        {"SUCCESS,FAILURE,DELAY", kFailed, kNotify, "one of three"},
        {"SUCCESS,FAILURE,DELAY", kDelayed, kNotify, "the last"},
        {"Success,Failure", kRelayed, kNotify, "the first"},
        {"UNFAILURE", kFailed, dead("not_asked"), "whole words"},
    };
    for (const auto& row : rows) {
        EXPECT_EQ(choose_notification(good(row.event, row.notify), with_smtp()), row.choice)
            << row.notify << ": " << row.reason;
    }
}

TEST(Notification, NeverHitsAnInnocent) {
    const struct {
        void (*change)(NotificationFacts&);
        const char *why, *reason;
    } rows[] = {
        {[](NotificationFacts& facts) { facts.has_null_path = true; }, "null_path", "no bounce of a bounce"},
        {[](NotificationFacts& facts) { facts.is_notification = true; }, "notification", "nor of our own"},
        {[](NotificationFacts& facts) { facts.is_list = true; }, "list", "lists and automata"},
        {[](NotificationFacts& facts) { facts.may_notify = false; }, "unauthenticated", "backscatter"},
        {[](NotificationFacts& facts) { facts.has_key = false; }, "no_key",
         "unsigned it is a forgery's twin"},
    };
    for (const auto& row : rows) {
        for (const auto event : {kFailed, kDelayed, kRelayed}) {
            auto facts = good(event, "SUCCESS,FAILURE,DELAY");
            ASSERT_EQ(choose_notification(facts, with_smtp()), kNotify);
            row.change(facts);
            EXPECT_EQ(choose_notification(facts, with_smtp()),
                      event == kFailed ? dead(row.why) : nothing(row.why))
                << row.reason;
        }
    }
}

TEST(Notification, IsOnlySentWhereTheAdministratorLetsIt) {
    auto settings = with_smtp();
    settings.notifications.is_on = false;
    EXPECT_EQ(choose_notification(good(kFailed), settings), dead("off"));
    settings = with_smtp();
    settings.downstream.servers[0].kind = DownstreamKind::maildir;
    EXPECT_EQ(choose_notification(good(kFailed), settings), dead("no_way_out"));
}

TEST(Notification, LeavesOnlyBySmtp) {
    const struct {
        std::vector<DownstreamKind> servers, relay;
        bool has_way_out;
        const char* reason;
    } rows[] = {
        {{DownstreamKind::smtp}, {}, true, "the default downstream"},
        {{DownstreamKind::lmtp}, {}, false, "LMTP takes mail for its own users only"},
        {{DownstreamKind::lmtp_unix}, {}, false, "likewise"},
        {{DownstreamKind::maildir}, {}, false, "a folder sends nothing"},
        {{DownstreamKind::lmtp, DownstreamKind::smtp}, {}, true, "one of them"},
        {{DownstreamKind::maildir}, {DownstreamKind::smtp}, true, "a relay of its own"},
    };
    for (const auto& row : rows) {
        config::Settings settings;
        for (const auto kind : row.servers) settings.downstream.servers.push_back({.kind = kind});
        for (const auto kind : row.relay) settings.notifications.relay.push_back({.kind = kind});
        EXPECT_EQ(has_way_out(settings), row.has_way_out) << row.reason;
    }
}

}  // namespace
}  // namespace gatepost::policy
