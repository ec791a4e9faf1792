// A whole header: no signature may pass with a key that did not make it, and what is reported is bounded and
// clean.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "auth/dkim_verify.h"
#include "protocol/ascii.h"

using namespace gatepost::auth;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto header =
        gatepost::protocol::Header::parse(std::string(reinterpret_cast<const char*>(data), size));
    if (!header) return 0;
    DkimVerifier verifier(*header, gatepost::protocol::Domain::parse("example.com"));
    verifier.body("Hi.  \r\n\r\n");
    verifier.end_of_body();
    bool ok = verifier.questions().size() <= 10;
    const auto answer = std::make_shared<const DnsAnswer>(DnsAnswer{
        .status = DnsStatus::found, .texts = {"k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="}});
    DnsFacts facts([&](const DnsQuestion&) { return answer; });
    const auto outcomes = verifier.verify(facts, 1700000000, nullptr);
    ok &= outcomes.size() <= 20 && outcomes.size() <= header->find("DKIM-Signature").size();
    for (const auto& outcome : outcomes) {
        ok &=
            outcome.result != DkimResult::pass && outcome.result != DkimResult::none && !outcome.why.empty();
        ok &= std::all_of(outcome.why.begin(), outcome.why.end(), [](char c) {
            return gatepost::protocol::is_ascii(c) && !gatepost::protocol::is_control(c);
        });
        ok &= outcome.selector.empty() || gatepost::protocol::Domain::parse(outcome.selector).has_value();
        ok &= decode_base64(outcome.signature).has_value() && outcome.signature.size() <= 1368;
    }
    for (const auto index : header->find("DKIM-Signature")) {
        const auto signature = parse_dkim_signature((*header)[index], index);
        if (signature.flaw) continue;
        const auto fields = SignedFields(*header).select(signature.signed_names, index);
        ok &=
            fields.size() < header->size() && std::find(fields.begin(), fields.end(), index) == fields.end();
        ok &= !signed_header(*header, fields, (*header)[index], signature).ends_with("\r\n");
        ok &= signature.identity_domain ? signature.identity_domain->is_or_is_below(*signature.domain) : true;
    }
    if (!ok) __builtin_trap();
    return 0;
}
