// Whose an Authentication-Results field is must not depend on comments and white space, and what we write
// ourselves parses and is ours whatever strangers' text went in.
#include <cstdint>
#include <string>

#include "auth/authentication_results.h"
#include "auth/authres_parse.h"

using namespace gatepost::auth;

namespace {

void check_reading(const std::string& body) {
    const std::vector<std::string> ours{"mx.our.example"};
    const auto id = parsed_authserv_id(body);
    if (parsed_authserv_id("\r\n\t(x; (y) \\) \") " + body) != id) __builtin_trap();
    if (id && parsed_authserv_id(body + " (x)\r\n ") != id) __builtin_trap();
    if (!id && !claims_our_id(body, ours)) __builtin_trap();
    if (id && claims_our_id(body, ours) != (*id == "mx.our.example")) __builtin_trap();
    if (id && !claims_our_id(body, {*id})) __builtin_trap();
    claims_our_receiver(body, ours);
}

void check_writing(const std::string& text) {
    Verification v;
    v.dkim.resize(2);
    v.dkim[0].selector = v.dkim[0].algorithm = v.dkim[0].signature = v.dkim[0].why = text;
    v.dkim[1].signature = text + "A";
    v.mail_from.domain = v.mail_from.why = v.helo.domain = v.dmarc.why = text;
    const auto field = authentication_results(v, {}, text, "mx.our.example");
    const std::string name = "Authentication-Results:";
    if (!field.starts_with(name) || !field.ends_with("\r\n")) __builtin_trap();
    const auto body = field.substr(name.size(), field.size() - name.size() - 2);
    if (parsed_authserv_id(body) != "mx.our.example") __builtin_trap();
    for (const auto* lie : {"dkim=pass", "spf=pass", "iprev=pass", "arc=pass", "dmarc=pass"}) {
        if (body.find(lie) != std::string::npos) __builtin_trap();  // nothing passed
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    check_reading(text);
    check_writing(text);
    return 0;
}
