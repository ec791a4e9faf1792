// `recipients`: who is there.
#include <gtest/gtest.h>

#include <string>

#include "config/load.h"

namespace gatepost::config {
namespace {

const std::string kGood =
    "hostname: mx1.example.org\n"
    "domains: [example.org]\n"
    "downstream: {servers: [\"smtp://10.0.0.5:25\"]}\n";

Loaded load(const std::string& yaml) {
    return load_text(kGood + yaml, "/etc/gatepost/f", "mx1.example.org");
}

TEST(Recipients, EveryKeyIsTaken) {
    const Loaded loaded = load(
        "recipients: {file: users, folder: /var/vmail/%d/%n/100%%, remembered: 11, positive: 12m,\n"
        "  refresh: 13s, negative: 14s}\n");
    ASSERT_TRUE(loaded.settings) << text(loaded.findings.at(0), "f");
    Recipients expected;
    expected.file = "/etc/gatepost/users";
    expected.file_place = {4, 20};
    expected.folder = "/var/vmail/%d/%n/100%%";
    expected.remembered = 11;
    expected.positive = seconds(720);
    expected.refresh = seconds(13);
    expected.negative = seconds(14);
    EXPECT_EQ(loaded.settings->recipients, expected);
    EXPECT_EQ(load("").settings->recipients, Recipients()) << "no section at all";
}

TEST(Recipients, MistakesAreToldWithTheirPlace) {
    const std::string pattern =
        ": error: folder must have %n for the local-part, may have %d for the domain and %% for a percent "
        "sign, e.g. /var/vmail/%d/%n\n";
    const struct {
        const char* yaml;
        std::string expected;
        const char* reason;
    } rows[] = {
        {"recipients: {folder: /var/vmail/%d}\n", "f:4:22" + pattern, "everybody would be there"},
        {"recipients: {folder: /var/vmail/%n/%u}\n", "f:4:22" + pattern, "unknown letter"},
        {"recipients: {folder: /var/vmail/%n%}\n", "f:4:22" + pattern, "no letter"},
        {"recipients: {folder: /var/vmail/%%n}\n", "f:4:22" + pattern, "a percent sign and an n"},
        {"recipients: {negative: 2h}\n", "f:4:24: error: negative must be from 0s to 3600s\n",
         "a new user would be refused all that time"},
        {"recipients: {positive: 1m}\n",
         "f:4:24: error: refresh must not be longer than positive: what is too old to be believed spares no "
         "question\n",
         "the default of refresh is an hour"},
        {"recipients: {files: x}\n",
         "f:4:14: error: unknown key 'files' in recipients; did you mean 'file'?\n", "a slip"},
    };
    for (const auto& row : rows) {
        const Loaded loaded = load(row.yaml);
        std::string all;
        for (const auto& finding : loaded.findings) all += text(finding, "f") + "\n";
        EXPECT_EQ(all, row.expected) << row.reason;
        EXPECT_FALSE(loaded.settings) << row.reason;
    }
}

}  // namespace
}  // namespace gatepost::config
