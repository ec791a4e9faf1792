#include "auth/spf_canon.h"

namespace gatepost::auth {
namespace {

char sign(SpfResult qualifier) {
    switch (qualifier) {
        case SpfResult::fail: return '-';
        case SpfResult::softfail: return '~';
        case SpfResult::neutral: return '?';
        default: return '+';
    }
}

// ptr is answered after our own validation, as if it were a name that exists or not.
const char* word(SpfMechanism mechanism) {
    switch (mechanism) {
        case SpfMechanism::include: return "include:";
        case SpfMechanism::a: return "a:";
        case SpfMechanism::mx: return "mx:";
        default: return "exists:";
    }
}

}  // namespace

std::string alias_name(std::size_t alias) {
    return "n" + std::to_string(alias) + ".x";
}

bool is_canonical(std::string_view text) {
    constexpr std::size_t kMaxOctets = 400;
    constexpr std::string_view kVersion = "v=spf1";
    return text.size() < kMaxOctets && text.starts_with(kVersion) &&
           text.substr(kVersion.size()).find_first_not_of(" +-~?=:.0123456789abcdefghijklmnopqrstuvwxyz") ==
               std::string_view::npos;
}

CanonicalRecord canonical(const SpfRecord& record, const protocol::IpAddress& client,
                          std::size_t first_alias) {
    CanonicalRecord out{.text = "v=spf1"};
    const auto alias_for = [&](std::size_t term) {
        out.terms.push_back(term);
        return alias_name(first_alias + out.terms.size() - 1);
    };
    const auto& terms = record.terms();
    for (std::size_t i = 0; i < terms.size(); ++i) {
        const auto& term = terms[i];
        const bool asks = asks_dns(term.mechanism);
        if (!asks && term.mechanism != SpfMechanism::all && !term.holds(client)) continue;
        out.text += ' ';
        out.text += sign(term.qualifier);
        out.text += word(term.mechanism) + alias_for(i);
        if (!asks || out.terms.size() == kMaxCanonicalTerms) return out;
    }
    if (record.redirect() && !record.has_all())
        out.text += " redirect=" + alias_for(CanonicalRecord::kRedirect);
    return out;
}

}  // namespace gatepost::auth
