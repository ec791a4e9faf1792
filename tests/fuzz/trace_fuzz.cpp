// A Received field made of what strangers say is one well-formed field, counts as one hop, and holds its
// parts where they belong; a date is one of RFC 5322.
#include <cstdint>
#include <string>

#include "protocol/ascii.h"
#include "protocol/date.h"
#include "protocol/field_cursor.h"
#include "protocol/trace.h"

using namespace gatepost::protocol;

namespace {

void require(bool holds) {
    if (!holds) __builtin_trap();
}

// Comments closed and quoted strings whole: a reader finds "by" and "id" where we wrote them.
bool has_word(const std::string& body, std::string_view word) {
    FieldCursor cursor(body);
    while (cursor.skip_cfws() != FieldCursor::Gap::broken && !cursor.at_end()) {
        if (cursor.peek() == '"') {
            if (!cursor.take_quoted()) return false;
            continue;
        }
        const auto text =
            cursor.take_while([](char c) { return c != ' ' && c != '\t' && c != '(' && c != '"'; });
        if (text == word) return true;
        if (text.empty()) return false;
    }
    return false;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 9) return 0;
    std::int64_t seconds = 0;
    for (int i = 0; i < 5; ++i) seconds = seconds * 256 + data[i];
    const std::string text(reinterpret_cast<const char*>(data) + 8, size - 8);
    const auto half = text.size() / 2;
    Trace trace;
    trace.helo = text.substr(0, data[5] & 1 ? half : text.size());
    if (data[5] & 2) trace.reverse_name = Domain::parse(text.substr(half));
    trace.client = *IpAddress::parse(data[5] & 4 ? "2001:db8::7" : "192.0.2.7");
    trace.hostname = "mx.example";
    if (data[5] & 8) trace.tls_cipher = "TLS_AES_256_GCM_SHA384";
    trace.id = "1q0cnmhm632v";
    if (data[5] & 16) trace.recipient = text.substr(half);
    trace.time = std::chrono::sys_seconds(std::chrono::seconds(seconds % 253402300800));
    const auto field = received_field(trace);
    const auto header = Header::parse(field);
    require(header && header->size() == 1 && hops(*header) == 1);
    require(field.ends_with("\r\n") && is_clean_text(unfolded((*header)[0].body)));
    const auto body = unfolded((*header)[0].body);
    require(has_word(body, "mx.example") &&
            has_word(body, "1q0cnmhm632v") + has_word(body, "1q0cnmhm632v;") == 1);
    require(body.ends_with(internet_date(trace.time)));
    for (std::size_t at = 0; at < field.size();) {
        const auto end = field.find("\r\n", at);
        require(end - at <= 998);
        at = end + 2;
    }
    return 0;
}
