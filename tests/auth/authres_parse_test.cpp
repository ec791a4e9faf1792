#include "auth/authres_parse.h"

#include <gtest/gtest.h>

namespace gatepost::auth {
namespace {

using Id = std::optional<std::string>;
constexpr auto kNone = std::nullopt;

struct Row {
    const char* body;
    Id id;
};

TEST(AuthserId, IsReadOutOfTheStandardsExamples) {
    const Row rows[] = {
        // RFC 8601 appendix B.2 to B.7.
        {" example.org 1; none", "example.org"},
        {" example.com;\r\n          spf=pass smtp.mailfrom=example.net", "example.com"},
        {" example.com;\r\n          auth=pass (cram-md5) smtp.auth=sender@example.net;\r\n"
         "          spf=pass smtp.mailfrom=example.net",
         "example.com"},
        {" example.com; iprev=pass\r\n          policy.iprev=192.0.2.200", "example.com"},
        {" example.com;\r\n          dkim=pass (good signature) header.d=example.com", "example.com"},
        {" example.com;\r\n      dkim=pass reason=\"good signature\"\r\n        "
         "header.i=@mail-router.example.net;\r\n"
         "      dkim=fail reason=\"bad signature\"\r\n        header.i=@newyork.example.com",
         "example.com"},
        {" foo.example.net (foobar) 1 (baz);\r\n    dkim (Because I like it) / 1 (One yay) = (wait for it) "
         "fail\r\n"
         "      policy (A dot can go here) . (like that) expired\r\n"
         "      (this surprised me) = (as I wasn't expecting it) 1362471462",
         "foo.example.net"},
    };
    for (const auto& [body, id] : rows) EXPECT_EQ(parsed_authserv_id(body), id) << body;
}

// RFC 8601 section 2.2: the grammar, and what writers make of it.
TEST(AuthserId, IsOnlyThatOfAFieldThatParses) {
    const Row rows[] = {
        {"MX.Example.ORG; spf=pass", "mx.example.org"},
        {"\"mx.example.org\"; spf=pass", "mx.example.org"},
        {"b\xc3\xbc"
         "cher.example; none",
         "xn--bcher-kva.example"},
        {"mx.example.org; spf=pass;", "mx.example.org"},
        {"mx.example.org; NONE", "mx.example.org"},
        {"mx.example.org; spf/1=pass", "mx.example.org"},
        {"mx.example.org; spf=pass smtp.mailfrom=\"a b\"@example.net", "mx.example.org"},
        {"mx.example.org 2; spf=pass", kNone},
        {"mx.example.org 11; spf=pass", kNone},
        {"", kNone},
        {"mx.example.org", kNone},
        {"mx.example.org;", kNone},
        {"; spf=pass", kNone},
        {"\"\"; spf=pass", kNone},
        {"none; spf=pass", kNone},
        {"mx.example.org; spf", kNone},
        {"mx.example.org; spf=", kNone},
        {"mx.example.org; =pass", kNone},
        {"mx.example.org; spf=pass; none", kNone},
        {"mx.example.org; none; spf=pass", kNone},
        {"mx.example.org; none none", kNone},
        {"mx.example.org, mx2.example.org; spf=pass", kNone},
        {"mx.example.org (; spf=pass", kNone},
        {"mx.example.org) ; spf=pass", kNone},
        {"\"mx.example.org; spf=pass", kNone},
        {"mx.example.org; spf=pass smtp.=x", kNone},
        {"mx.example.org; spf=pass smtp.mailfrom", kNone},
        {"mx.example.org; spf=pass smtp.mailfrom=(x)", kNone},
        {"mx.example.org; spf/=pass", kNone},
        {"mx.example.org; spf=pass\x01", kNone},
    };
    for (const auto& [body, id] : rows) EXPECT_EQ(parsed_authserv_id(body), id) << body;
}

// RFC 8617 section 4.1.1: the same behind an instance.
TEST(ChainAuthserId, StandsBehindTheInstance) {
    const Row rows[] = {
        {" i=1; lists.example.org;\r\n    spf=pass smtp.mfrom=jqd@d1.example;\r\n"
         "    dkim=pass (1024-bit key) header.i=@d1.example;\r\n    dmarc=pass",
         "lists.example.org"},
        {"I = 50 ; mx.example.org; none", "mx.example.org"},
        {"mx.example.org; none", kNone},
        {"i=1 mx.example.org; none", kNone},
        {"i=; mx.example.org; none", kNone},
        {"i=x; mx.example.org; none", kNone},
        {"a=1; mx.example.org; none", kNone},
        {"i=1; mx.example.org", kNone},
        {"i=1;", kNone},
    };
    for (const auto& [body, id] : rows) EXPECT_EQ(parsed_chain_authserv_id(body), id) << body;
}

TEST(SpfReceiver, IsReadOutOfTheStandardsExamples) {
    const Row rows[] = {
        // RFC 7208 section 9.1.
        {" pass (mybox.example.org: domain of\r\n myname@example.com designates 192.0.2.1 as permitted "
         "sender)\r\n"
         "    receiver=mybox.example.org; client-ip=192.0.2.1;\r\n"
         "    envelope-from=\"myname@example.com\"; helo=foo.example.com;",
         "mybox.example.org"},
        {" fail (mybox.example.org: domain of\r\n                  myname@example.com does not designate\r\n"
         "                  192.0.2.1 as permitted sender)\r\n                  identity=mailfrom; "
         "client-ip=192.0.2.1;\r\n"
         "                  envelope-from=\"myname@example.com\";",
         kNone},
        {"pass receiver=MX.Example.org client-ip=192.0.2.1", "mx.example.org"},
        {"none", kNone},
        {"", kNone},
        {"pass receiver=a.example; receiver=b.example", kNone},
        {"pass receiver=", kNone},
        {"pass receiver", kNone},
        {"pass (receiver=mx.example.org", kNone},
        {"pass receiver=\"mx.example.org", kNone},
    };
    for (const auto& [body, id] : rows) EXPECT_EQ(parsed_spf_receiver(body), id) << body;
}

TEST(ComparableId, IsTheSameForAllThatNameTheSame) {
    for (const char* id : {"mx.example.org", "MX.EXAMPLE.ORG", "mx.example.org."})
        EXPECT_EQ(comparable_id(id), "mx.example.org") << id;
    EXPECT_EQ(comparable_id("b\xc3\xbc"
                            "cher.example"),
              "xn--bcher-kva.example");
    EXPECT_EQ(comparable_id("No Domain!"), "no domain!");
}

}  // namespace
}  // namespace gatepost::auth
