#include "gateway/relay/downstream_reply.h"

#include <algorithm>
#include <iterator>

#include "protocol/ascii.h"

namespace gatepost::gateway {
namespace {

using protocol::Reply;

constexpr std::size_t kMaxText = 400;
constexpr std::size_t kMaxLines = 8;
// RFC 5321 section 4.2.2; 530 to 538: RFC 3207 and 4954.
constexpr int kOursToMend[] = {500, 502, 503, 504, 530, 534, 535, 538, 555};

// Not escaped: whoever shows it does that, and once is enough.
std::string printable(std::string text) {
    std::replace_if(
        text.begin(), text.end(), [](char c) { return protocol::is_control(c) || !protocol::is_ascii(c); },
        '?');
    return text;
}

}  // namespace

bool is_misconfiguration(const Reply& theirs) {
    return std::find(std::begin(kOursToMend), std::end(kOursToMend), theirs.code) != std::end(kOursToMend);
}

Reply as_ours(const Reply& theirs) {
    const int family = theirs.code / 100;
    if (family != 2 && family != 4 && family != 5) return protocol::reply::kDownstreamDown;
    if (is_misconfiguration(theirs)) return protocol::reply::kDownstreamMisconfigured;
    Reply ours{theirs.code, theirs.enhanced, {}};
    if (theirs.code == 421) ours.code = 451;
    // A 221 of theirs would say that *we* close; what is not of RFC 5321 section 4.2.3 says no more than 250.
    if (family == 2 && theirs.code != 251 && theirs.code != 252) ours.code = 250;
    const bool fits = ours.enhanced.size() > 1 && ours.enhanced[0] == static_cast<char>('0' + family);
    if (!fits) ours.enhanced = std::string(1, static_cast<char>('0' + family)) + ".0.0";
    for (const auto& line : theirs.lines) {
        if (ours.lines.size() < kMaxLines) ours.lines.push_back(printable(line.substr(0, kMaxText)));
    }
    if (ours.lines.empty()) ours.lines.push_back("Answer of the mail server");
    return ours;
}

}  // namespace gatepost::gateway
