// The public SPF suites as data (conformance/README.md), through the real path.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "auth/spf.h"
#include "tests/support/spf_zone.h"

namespace gatepost::tests {
namespace {

using nlohmann::json;

const std::map<std::string, RecordType> kTypes = {{"A", RecordType::a},     {"AAAA", RecordType::aaaa},
                                                  {"MX", RecordType::mx},   {"PTR", RecordType::ptr},
                                                  {"TXT", RecordType::txt}, {"CNAME", RecordType::cname}};
const std::map<std::string, DnsStatus> kMarks = {{"TIMEOUT", DnsStatus::failed},
                                                 {"SERVFAIL", DnsStatus::failed},
                                                 {"REFUSED", DnsStatus::failed},
                                                 {"NXDOMAIN", DnsStatus::nx_domain},
                                                 {"NODATA", DnsStatus::no_data}};

// One code point is one octet.
std::string octets(const std::string& utf8) {
    std::string out;
    for (std::size_t i = 0; i < utf8.size(); ++i) {
        const auto lead = static_cast<unsigned char>(utf8[i]);
        if (lead < 0x80) {
            out += utf8[i];
        } else {
            out += static_cast<char>(((lead & 3) << 6) | (static_cast<unsigned char>(utf8[++i]) & 0x3f));
        }
    }
    return out;
}

std::string name_of(const std::string& text) {
    auto name = protocol::lowered(octets(text));
    if (name.ends_with('.')) name.pop_back();
    return name;
}

void add_record(SpfZoneData& zone, const std::string& name, const json& record) {
    const std::string word = record.is_string() ? record.get<std::string>() : record[0].get<std::string>();
    if (const auto mark = kMarks.find(word); mark != kMarks.end()) {
        auto& node = zone.node(name);
        if (record.is_array() && record.size() > 1) {
            if (const auto type = kTypes.find(record[1]); type != kTypes.end())
                node.broken[type->second] = mark->second;
        } else {
            node.has_mark = true;
            node.mark = mark->second;
        }
        return;
    }
    zone.node(name);
    if (!kTypes.contains(word)) return;
    switch (kTypes.at(word)) {
        case RecordType::cname: zone.node(name).alias = name_of(record[1]); break;
        case RecordType::mx: zone.mx(name, name_of(record[1][1])); break;
        case RecordType::ptr: zone.records(name, RecordType::ptr).names.push_back(name_of(record[1])); break;
        case RecordType::txt: {
            std::string text;
            if (record[1].is_string())
                text = octets(record[1]);
            else
                for (const auto& part : record[1]) text += octets(part);
            zone.txt(name, text);
            break;
        }
        default: zone.address(name, record[1]);
    }
}

bool holds(const json& expected, const std::string& got) {
    if (expected.is_string()) return expected == got;
    return std::find(expected.begin(), expected.end(), got) != expected.end();
}

void judge(const json& given) {
    SpfZoneData zone;
    for (const auto& [name, records] : given["zone"].items()) {
        for (const auto& record : records) add_record(zone, name_of(name), record);
    }
    const auto& input = given["input"];
    const auto ip = protocol::IpAddress::parse(std::string(input["client_ip"]));
    ASSERT_TRUE(ip);
    const auth::SpfClient client{*ip, input["helo"], "mx.receiver.example", 1'700'000'000};
    const std::string reverse_path = input["mail_from"];
    DnsFacts facts;
    const auto helo = settle_in(zone, facts, [&](DnsFacts& f) { return auth::check_helo(client, f); });
    const auto sender =
        settle_in(zone, facts, [&](DnsFacts& f) { return auth::check_mail_from(client, reverse_path, f); });
    const auto& expect = given["expect"];
    EXPECT_TRUE(holds(expect["mailfrom"], std::string(name(sender.result))))
        << name(sender.result) << " " << sender.why;
    if (expect.contains("helo")) {
        EXPECT_TRUE(holds(expect["helo"], std::string(name(helo.result)))) << name(helo.result);
    }
    if (expect.contains("explanation")) {
        EXPECT_TRUE(holds(expect["explanation"], sender.explanation)) << sender.explanation;
    }
}

TEST(SpfConformance, GivesTheRightWordInEveryJudgedCase) {
    const std::filesystem::path path = GATEPOST_SOURCE_DIR "/../shared/conformance/data/spf.jsonl";
    if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is not there";
    std::ifstream file(path);
    unsigned judged = 0;
    for (std::string line; std::getline(file, line);) {
        const auto given = json::parse(line);
        if (given.contains("disputed") && !given["disputed"].is_null()) continue;
        SCOPED_TRACE(given["id"].get<std::string>());
        judge(given);
        ++judged;
    }
    EXPECT_GT(judged, 300u);
}

}  // namespace
}  // namespace gatepost::tests
