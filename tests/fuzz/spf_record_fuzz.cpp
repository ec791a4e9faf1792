// Any octets as an SPF record: what is accepted keeps the grammar's bounds, and its canonical text for a
// client is short, known words only, without a stranger's octets.
#include <cstdint>
#include <string>
#include <string_view>

#include "auth/spf_canon.h"
#include "auth/spf_record.h"

namespace {

void check(bool is_true) {
    if (!is_true) __builtin_trap();
}

void check_canonical(const gatepost::auth::SpfRecord& record, const char* client) {
    const auto canon = gatepost::auth::canonical(record, *gatepost::protocol::IpAddress::parse(client), 100);
    check(canon.text.starts_with("v=spf1") && canon.text.size() < 400);
    check(canon.terms.size() <= gatepost::auth::kMaxCanonicalTerms);
    check(canon.text.find_first_not_of("v=spf10123456789+-~? abcdefghijklmnopqrstuvwxyz:.") ==
          std::string::npos);
    check(canon.text.find('%') == std::string::npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace gatepost::auth;
    const std::string text = "v=spf1 " + std::string(reinterpret_cast<const char*>(data), size);
    const auto record = SpfRecord::parse(text);
    if (!record) return 0;
    for (char c : text) check(c >= ' ' && c < 0x7f);
    for (const auto& term : record->terms()) {
        check(term.prefix4 <= 32 && term.prefix6 <= 128 && !term.written.empty());
        check(text.find(term.written) != std::string::npos);
    }
    check_canonical(*record, "192.0.2.1");
    check_canonical(*record, "2001:db8::1");
    return 0;
}
