// Bytes to a zone, a client and a sender: small vocabularies, so that records meet each other, and now and
// then raw octets.
#pragma once

#include <string>

#include "auth/spf_inquiry.h"
#include "tests/support/byte_source.h"
#include "tests/support/spf_zone.h"

namespace gatepost::tests {

struct RandomCase {
    SpfZoneData zone;
    auth::SpfClient client;
    auth::SpfSender sender;
};

inline std::string random_name(ByteSource& in) {
    static constexpr const char* kNames[] = {"d0.test",   "d1.test",     "d2.test",    "d3.test",
                                             "d4.test",   "h0.d1.test",  "h1.d1.test", "h2.d2.test",
                                             "gone.test", "broken.test", "empty.test"};
    return in.pick(kNames);
}

inline std::string random_spec(ByteSource& in) {
    static constexpr const char* kSpecs[] = {"%{d}",      "%{o}",         "%{i}.%{v}.test", "%{ir}.d1.test",
                                             "%{h}",      "%{l}.d2.test", "h%{l}.d1.test",  "%{p}",
                                             "%{s}",      "%{d1}.test",   "%{dr}",          "x%%y.test",
                                             "%{c}.test", "%{d0}.test",   "d1.test.",       "h%{l1r+-}.%{d}"};
    return in.next(3) ? random_name(in) : in.pick(kSpecs);
}

inline std::string random_term(ByteSource& in) {
    static constexpr const char* kSigns[] = {"", "", "", "-", "~", "?", "+"};
    static constexpr const char* kFixed[] = {"all",
                                             "a",
                                             "mx",
                                             "ptr",
                                             "ip4:192.0.2.1",
                                             "ip4:192.0.2.0/24",
                                             "ip4:0.0.0.0/0",
                                             "ip6:2001:db8::/32",
                                             "ip6:::/0",
                                             "ip4:10.0.0.1",
                                             "a/24",
                                             "a//64",
                                             "mx/24//64",
                                             "a/0",
                                             "a//0",
                                             "mx/0//0",
                                             "ip4:1.2.3",
                                             "ip6:::ffff:192.0.2.1",
                                             "all/8",
                                             "Mx"};
    static constexpr const char* kNamed[] = {
        "include:", "include:", "a:", "mx:", "exists:", "ptr:", "include:"};
    static constexpr const char* kCidrs[] = {"", "", "", "/24", "/0", "//64", "/31//0", "/33"};
    static constexpr const char* kModifiers[] = {"redirect=", "redirect=", "exp=", "x.y=", "redirect="};
    switch (in.next(8)) {
        case 0: return in.pick(kModifiers) + random_spec(in);
        case 1:
        case 2: return in.pick(kSigns) + in.pick(kFixed);
        case 3: {
            const auto kind = std::string(in.next(2) ? "a:" : "mx:");
            const auto spec = random_spec(in);
            return in.pick(kSigns) + kind + spec + in.pick(kCidrs);
        }
        default: {
            const auto name = in.pick(kSigns) + in.pick(kNamed);
            return name + random_spec(in);
        }
    }
}

inline std::string random_record(ByteSource& in) {
    static constexpr const char* kStarts[] = {"v=spf1", "v=spf1", "v=spf1", "v=spf1",
                                              "v=spf1", "V=SPF1", "v=spf10"};
    std::string record = in.pick(kStarts);
    const unsigned terms = in.next(in.next(8) ? 5 : 15);
    for (unsigned i = 0; i < terms; ++i) record += " " + random_term(in);
    if (in.next(40) == 39) record += static_cast<char>(in.next(256));
    return record;
}

inline RandomCase random_case(ByteSource& in) {
    static constexpr const char* kAddresses[] = {"192.0.2.1",   "192.0.2.77",  "198.51.100.9", "2001:db8::1",
                                                 "2001:db8::7", "2001:db9::1", "127.0.0.1",    "198.18.0.1"};
    static constexpr const char* kLocals[] = {"", "0", "1", "a-b", "\xc3\xa9", "strong.bad"};
    static constexpr const char* kHelos[] = {"h0.d1.test", "d2.test", "[192.0.2.1]", "single", ""};
    RandomCase out;
    const auto ip = in.pick(kAddresses);
    out.client = {protocol::IpAddress::parse(ip).value(), in.pick(kHelos), "mx.example", 1};
    out.sender = {in.pick(kLocals), "d" + std::to_string(in.next(3)) + ".test"};
    for (int i = 0; i < 5; ++i) out.zone.txt("d" + std::to_string(i) + ".test", random_record(in));
    out.zone.fail("broken.test");
    out.zone.node("empty.test");
    for (unsigned i = in.next(12); i > 0; --i) {
        const auto name = random_name(in);
        switch (in.next(6)) {
            case 0:
            case 1: out.zone.address(name, in.pick(kAddresses)); break;
            case 2: out.zone.ptr(ip, name); break;
            case 3:
                out.zone.node(name).broken[in.next(2) ? RecordType::a : RecordType::mx] = DnsStatus::failed;
                break;
            case 4:
                for (unsigned n = in.next(13); n > 0; --n) out.zone.mx(name, random_name(in));
                break;
            default: out.zone.txt(name, random_record(in));
        }
    }
    return out;
}

}  // namespace gatepost::tests
