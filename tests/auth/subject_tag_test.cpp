#include "auth/subject_tag.h"

#include <gtest/gtest.h>

#include <string>

namespace gatepost::auth {
namespace {

std::string untagged(const std::string& text) {
    const auto header = protocol::Header::parse(text);
    if (!header) return "no header";
    const auto without = without_subject_tag(*header);
    return without ? without->text() : "as it is";
}

TEST(SubjectTag, OfAListIsTakenAwayAndNothingElse) {
    const struct {
        std::string text, want, reason;
    } rows[] = {
        {"Subject: [talk] hello\r\n", "Subject: hello\r\n", "with its blank"},
        {"Subject: [talk]hello\r\n", "Subject: hello\r\n", "without one"},
        {"Subject: Re: [talk] hello\r\n", "Subject: Re: hello\r\n", "behind Re:"},
        {"From: a@b\r\nSubject: [x] y\r\nTo: c@d\r\n", "From: a@b\r\nSubject: y\r\nTo: c@d\r\n",
         "among others"},
        {"Subject: [a] [b] hello\r\n", "Subject: [b] hello\r\n", "the first one only"},
        {"Subject: hello\r\n", "as it is", "no tag"},
        {"Subject: hello [talk]\r\n", "as it is", "a tag behind words"},
        {"Subject: [talk hello\r\n", "as it is", "a tag without an end"},
        {"Subject: [a] x\r\nSubject: [b] y\r\n", "as it is", "two Subjects: which one would a reader see?"},
        {"From: [talk] a@b\r\n", "as it is", "no Subject"},
    };
    for (const auto& row : rows) EXPECT_EQ(untagged(row.text), row.want) << row.reason;
}

}  // namespace
}  // namespace gatepost::auth
