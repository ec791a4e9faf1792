// Whatever strangers chose for names, the field that we write says what we meant and nothing else (attacks
// 39, 40).
#include <gtest/gtest.h>

#include <random>

#include "auth/authentication_results.h"
#include "auth/authres_parse.h"
#include "protocol/ascii.h"
#include "protocol/field_cursor.h"

namespace gatepost::auth {
namespace {

using protocol::Domain;
using protocol::FieldCursor;

class Hostile {
  public:
    std::string text() {
        static constexpr std::string_view kPieces[] = {"bank.example",
                                                       "; dmarc=pass",
                                                       "(",
                                                       ")",
                                                       "\"",
                                                       "\\",
                                                       "\r\n",
                                                       "\r",
                                                       "\n",
                                                       "\0",
                                                       "\x1b[2J",
                                                       " ",
                                                       "\t",
                                                       "header.from=bank.example",
                                                       "=",
                                                       ";",
                                                       "a",
                                                       ".",
                                                       "\xc2\x9b",
                                                       "\xff",
                                                       "\xe2\x80\xae",
                                                       "[",
                                                       "]",
                                                       "@",
                                                       "<",
                                                       ">",
                                                       ",",
                                                       "mx.receiver.example",
                                                       "\x7f",
                                                       "(()",
                                                       "\\\"",
                                                       "spf=pass",
                                                       "[192.0.2.1]",
                                                       "b\xc3\xbc"
                                                       "cher.example"};
        std::string out;
        for (auto count = random_() % 6; count > 0; --count) out += kPieces[random_() % std::size(kPieces)];
        if (random_() % 20 == 0) out += std::string(random_() % 3000, '(');
        return out;
    }
    unsigned below(unsigned limit) { return static_cast<unsigned>(random_() % limit); }

  private:
    std::mt19937 random_{8601};
};

Verification hostile_verification(Hostile& hostile) {
    Verification v;
    for (auto count = hostile.below(4); count > 0; --count) {
        DkimOutcome outcome;
        outcome.result = DkimResult::fail;
        outcome.signing_domain = Domain::parse(hostile.text());
        outcome.selector = hostile.text();
        outcome.algorithm = hostile.text();
        outcome.signature = hostile.text();
        outcome.why = hostile.text();
        v.dkim.push_back(outcome);
    }
    v.mail_from = {.result = SpfResult::fail,
                   .domain = hostile.text(),
                   .explanation = hostile.text(),
                   .mechanism = hostile.text(),
                   .why = hostile.text()};
    v.helo = {.result = SpfResult::softfail, .domain = hostile.text(), .why = hostile.text()};
    v.iprev.result = IprevResult::fail;
    v.iprev.names = {hostile.text()};
    v.iprev.claimed = hostile.text();
    v.dmarc.result = DmarcResult::fail;
    v.dmarc.why = hostile.text();
    return v;
}

// "method=result" of each resinfo, as a reader that knows comments and quotations sees them.
std::vector<std::string> results_in(std::string_view body) {
    const std::string text = protocol::unfolded(body);
    FieldCursor cursor(text);
    std::vector<std::string> parts(1);
    while (!cursor.at_end()) {
        if (cursor.skip_cfws() == FieldCursor::Gap::broken) return {"broken comment"};
        if (cursor.at_end()) break;
        if (cursor.peek() == '"') {
            if (!cursor.take_quoted()) return {"broken quotation"};
            parts.back() += 'q';
        } else if (cursor.take(';')) {
            parts.emplace_back();
        } else {
            if (!parts.back().empty() && parts.back().back() != ' ') parts.back() += ' ';
            parts.back() += cursor.take_while(
                [](char c) { return c != ';' && c != '"' && c != '(' && !protocol::is_wsp(c); });
        }
    }
    for (auto& part : parts) part = part.substr(0, part.find(' '));
    return parts;
}

TEST(WrittenResults, SayOnlyWhatWasMeant) {
    Hostile hostile;
    for (int round = 0; round < 3000; ++round) {
        const auto v = hostile_verification(hostile);
        const auto kind = hostile.below(2) == 0 ? ReversePathKind::mailbox : ReversePathKind::null;
        const auto field = authentication_results(v, *protocol::IpAddress::parse("2001:db8::1"),
                                                  hostile.text(), "mx.receiver.example", kind);
        const auto body = std::string_view(field).substr(23);
        EXPECT_EQ(parsed_authserv_id(body.substr(0, body.size() - 2)), "mx.receiver.example") << field;
        std::vector<std::string> expected{"mx.receiver.example"};
        if (v.dkim.empty()) expected.push_back("dkim=none");
        for (std::size_t i = 0; i < v.dkim.size(); ++i) expected.push_back("dkim=fail");
        expected.push_back("spf=fail");
        if (kind == ReversePathKind::mailbox) expected.push_back("spf=softfail");
        for (const char* rest : {"iprev=fail", "arc=none", "dmarc=fail"}) expected.push_back(rest);
        EXPECT_EQ(results_in(body.substr(0, body.size() - 2)), expected) << field;
        for (std::size_t at = 0; at < field.size();) {
            const auto end = field.find("\r\n", at);
            ASSERT_NE(end, std::string::npos) << field;
            EXPECT_LE(end - at, 998u);
            EXPECT_TRUE(at == 0 || field[at] == '\t') << field;
            for (auto i = at; i < end; ++i)
                EXPECT_TRUE(field[i] == '\t' || (field[i] >= ' ' && field[i] <= '~')) << field;
            at = end + 2;
        }
    }
}

}  // namespace
}  // namespace gatepost::auth
