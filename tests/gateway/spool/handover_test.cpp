#include "gateway/spool/handover.h"

#include <gtest/gtest.h>

namespace gatepost::gateway {
namespace {

using config::SpoolMode;
namespace reply = protocol::reply;

const Outcome kTaken{Fate::accepted, reply::kMessageTaken};
const Outcome kRefused{Fate::refused, reply::kUnknownUser};
const Outcome kDeferred{Fate::deferred, reply::kMailboxFull};
const Outcome kAway{Fate::unreachable, reply::kDownstreamDown};
const Outcome kSilent{Fate::unknown, reply::kDownstreamTimeout};

struct Case {
    const char* why;
    SpoolMode mode;
    std::vector<Outcome> outcomes;
    std::vector<std::size_t> spooled;  // recipients; empty: answered at once
    int code;                          // of the answer
};

TEST(Handover, SpoolsOrAnswersByWhatTheDownstreamSaid) {
    const Case cases[] = {
        {"taken", SpoolMode::never, {kTaken}, {}, 250},
        {"specs/smtp.md M-34", SpoolMode::never, {kRefused}, {}, 550},
        {"M-34", SpoolMode::never, {kDeferred}, {}, 452},
        {"M-34", SpoolMode::never, {kAway}, {}, 451},
        {"RFC 1047: the client sends again", SpoolMode::never, {kSilent}, {}, 451},
        {"a living downstream's word", SpoolMode::outage, {kRefused}, {}, 550},
        {"a living downstream's word", SpoolMode::outage, {kDeferred}, {}, 452},
        {"vanished", SpoolMode::outage, {kAway, kAway}, {0, 1}, 250},
        {"vanished, perhaps with it", SpoolMode::outage, {kSilent}, {0}, 250},
        {"M-35: all refused", SpoolMode::outage, {kRefused, kRefused}, {}, 550},
        {"nobody has it, one may get it yet", SpoolMode::outage, {kRefused, kDeferred}, {}, 452},
        {"12.F", SpoolMode::outage, {kTaken, kRefused, kDeferred}, {1, 2}, 250},
        {"gone after the first answer", SpoolMode::outage, {kTaken, kSilent}, {1}, 250},
    };
    for (const auto& each : cases) {
        Handover handover(each.mode, each.outcomes.size(), true);
        ASSERT_TRUE(std::holds_alternative<Handover::Deliver>(handover.next())) << each.why;
        handover.delivered(each.outcomes);
        auto action = handover.next();
        const auto* spool = std::get_if<Handover::Spool>(&action);
        ASSERT_EQ(spool != nullptr, !each.spooled.empty()) << each.why;
        if (spool) {
            EXPECT_EQ(spool->recipients, each.spooled) << each.why;
            handover.spooled({});
            action = handover.next();
        }
        EXPECT_EQ(handover.is_spooled(), !each.spooled.empty()) << each.why;
        EXPECT_EQ(std::get<Handover::Answer>(action).reply.code, each.code) << each.why;
    }
}

TEST(Handover, SpoolsAtOnceWhereNobodyIsThereOrTheModeSaysSo) {
    for (const auto& [mode, is_connected] :
         {std::pair{SpoolMode::outage, false}, {SpoolMode::always, false}, {SpoolMode::always, true}}) {
        Handover handover(mode, 3, is_connected);
        const auto action = handover.next();
        ASSERT_TRUE(std::holds_alternative<Handover::Spool>(action));
        EXPECT_EQ(std::get<Handover::Spool>(action).recipients, (std::vector<std::size_t>{0, 1, 2}));
        handover.spooled(protocol::Reply(reply::kNoStorage));
        EXPECT_EQ(std::get<Handover::Answer>(handover.next()).reply.code, 452);
        EXPECT_FALSE(handover.is_spooled());
    }
}

// Rather twice for the one than never for the other.
TEST(Handover, SaysLaterIfTheRestCannotBeSpooled) {
    Handover handover(SpoolMode::outage, 2, true);
    handover.delivered({kTaken, kDeferred});
    ASSERT_TRUE(std::holds_alternative<Handover::Spool>(handover.next()));
    handover.spooled(protocol::Reply(reply::kNoStorage));
    EXPECT_TRUE(std::get<Handover::Answer>(handover.next()).reply.is_temporary());
}

TEST(Handover, SaysLaterIfNotAllWereAnsweredFor) {
    Handover handover(SpoolMode::outage, 2, true);
    handover.delivered({kTaken});
    EXPECT_TRUE(std::get<Handover::Answer>(handover.next()).reply.is_temporary());
}

}  // namespace
}  // namespace gatepost::gateway
