// The public DKIM suites (RFC examples, OpenDKIM, Mail::DKIM, Exim, mox, rspamd, …) as data, where they are
// at hand.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>

#include "auth/dkim_verify.h"
#include "protocol/ascii.h"

namespace gatepost::auth {
namespace {

using nlohmann::json;

const std::filesystem::path kData = std::filesystem::path(GATEPOST_SOURCE_DIR) / "../shared/conformance/data";

std::string read(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

std::string latin1(const std::string& utf8) {
    std::string out;
    for (std::size_t i = 0; i < utf8.size(); ++i) {
        const auto c = static_cast<unsigned char>(utf8[i]);
        if (c < 0x80) {
            out += utf8[i];
        } else {
            out += static_cast<char>((c & 3) << 6 | (static_cast<unsigned char>(utf8[++i]) & 63));
        }
    }
    return out;
}

std::string with_crlf(std::string text) {
    if (text.find("\r\n") != std::string::npos) return text;
    std::string out;
    for (char c : text) {
        if (c == '\n') out += '\r';
        out += c;
    }
    return out;
}

// The records of that name, which is lower-case, whatever the case in the zone; null if there are none.
const json* records(const json& zone, const std::string& name) {
    for (const auto& [owner, rows] : zone.items()) {
        if (protocol::equals_ignoring_case(owner, name)) return &rows;
    }
    return nullptr;
}

bool is_above_a_name(const json& zone, const std::string& name) {
    for (const auto& [owner, rows] : zone.items()) {
        if (protocol::is_or_is_below(protocol::lowered(owner), name)) return true;
    }
    return false;
}

DnsStatus status_of(const std::string& marker) {
    if (marker == "NXDOMAIN") return DnsStatus::nx_domain;
    return marker == "NODATA" ? DnsStatus::no_data : DnsStatus::failed;
}

DnsAnswer txt_answer(const json& zone, std::string name) {
    const json* rows = records(zone, name);
    for (int aliases = 0; rows && aliases < 8; ++aliases) {
        DnsAnswer answer{.status = DnsStatus::no_data};
        std::string alias;
        for (const auto& row : *rows) {
            const auto type = row.is_string() ? row.get<std::string>() : row[0].get<std::string>();
            if (type == "CNAME") alias = row[1];
            if (type == "TXT") {
                answer.status = DnsStatus::found;
                std::string text;
                if (row[1].is_string()) text = latin1(row[1]);
                for (const auto& part : row[1]) text += row[1].is_array() ? latin1(part) : "";
                answer.texts.push_back(text);
            }
        }
        for (const auto& row : *rows) {
            const auto type = row.is_string() ? row.get<std::string>() : row[0].get<std::string>();
            const bool is_marker = type == "TIMEOUT" || type == "SERVFAIL" || type == "REFUSED" ||
                                   type == "NXDOMAIN" || type == "NODATA";
            const bool is_for_txt = row.size() > 1 && row[1] == "TXT";
            if (is_marker && (is_for_txt || (row.size() == 1 && answer.texts.empty())))
                return {.status = status_of(type)};
        }
        if (alias.empty() || !answer.texts.empty()) return answer;
        name = protocol::lowered(alias);
        rows = records(zone, name);
    }
    return {.status = is_above_a_name(zone, name) ? DnsStatus::no_data : DnsStatus::nx_domain};
}

std::vector<DkimOutcome> verify(const std::string& message, const json& zone, std::int64_t now) {
    const auto end = message.find("\r\n\r\n");
    const auto header = protocol::Header::parse(message.substr(0, end == std::string::npos ? end : end + 2));
    if (!header) return {};  // refused before anything is verified
    DkimVerifier verifier(*header, {});
    if (end != std::string::npos) verifier.body(std::string_view(message).substr(end + 4));
    verifier.end_of_body();
    DnsFacts facts;
    for (;;) {
        auto outcomes = verifier.verify(facts, now, nullptr);
        const auto missing = facts.take_missing();
        if (missing.empty()) return outcomes;
        for (const auto& question : missing) facts.learn(question, txt_answer(zone, question.name));
    }
}

bool holds(const json& words, std::string_view word) {
    return std::any_of(words.begin(), words.end(),
                       [&](const json& one) { return one.get<std::string>() == word; });
}

std::string describe(const std::vector<DkimOutcome>& outcomes) {
    std::string out;
    for (const auto& one : outcomes) {
        out += (one.signing_domain ? one.signing_domain->text() : "?") + "/" + one.selector + "=" +
               std::string(name(one.result)) + " (" + one.why + ") ";
    }
    return out.empty() ? "none" : out;
}

bool overall_holds(const json& words, const std::vector<DkimOutcome>& outcomes) {
    if (outcomes.empty()) return holds(words, "none");
    const bool passes = std::any_of(outcomes.begin(), outcomes.end(),
                                    [](const DkimOutcome& one) { return one.result == DkimResult::pass; });
    if (passes) return holds(words, "pass");
    return std::any_of(outcomes.begin(), outcomes.end(),
                       [&](const auto& one) { return holds(words, name(one.result)); });
}

bool has_signature(const json& wanted, const std::vector<DkimOutcome>& outcomes) {
    return std::any_of(outcomes.begin(), outcomes.end(), [&](const DkimOutcome& one) {
        if (!one.signing_domain || wanted.at("domain") != one.signing_domain->text()) return false;
        if (wanted.contains("selector") && wanted["selector"] != one.selector) return false;
        if (wanted.contains("algorithm") && wanted["algorithm"] != one.algorithm) return false;
        return holds(wanted.at("result"), name(one.result));
    });
}

void check(const json& row, const std::vector<DkimOutcome>& outcomes) {
    const auto& expected = row.at("area") == "dkim" ? row.at("expect") : row.at("expect").at("dkim");
    if (expected.contains("overall")) {
        EXPECT_TRUE(overall_holds(expected["overall"], outcomes)) << describe(outcomes);
    }
    if (expected.contains("count")) {
        EXPECT_EQ(outcomes.size(), expected["count"].get<std::size_t>());
    }
    for (const auto& wanted : expected.value("signatures", json::array())) {
        EXPECT_TRUE(has_signature(wanted, outcomes)) << wanted << " in " << describe(outcomes);
    }
}

void run(const char* suite, std::size_t at_least) {
    std::ifstream file(kData / suite);
    if (!file) GTEST_SKIP() << "no conformance data here";
    std::size_t judged = 0;
    for (std::string line; std::getline(file, line);) {
        const auto row = json::parse(line);
        if (row.contains("disputed") && !row["disputed"].is_null()) continue;
        if (!row.contains("message") || (row["area"] != "dkim" && !row["expect"].contains("dkim"))) continue;
        SCOPED_TRACE(row["id"].get<std::string>());
        const auto message = with_crlf(read(kData / row["message"].get<std::string>()));
        check(row, verify(message, row.value("zone", json::object()), row["input"].value("now", 1700000000)));
        ++judged;
    }
    EXPECT_GE(judged, at_least);
}

TEST(DkimConformance, PublicSuites) {
    run("dkim.jsonl", 116);
}
TEST(DkimConformance, HostileMessages) {
    run("hostile.jsonl", 50);
}

}  // namespace
}  // namespace gatepost::auth
