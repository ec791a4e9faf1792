#include "auth/verification.h"

#include <iterator>

namespace gatepost::auth {
namespace {

template <class Enum, std::size_t N>
std::string_view word(const std::string_view (&words)[N], Enum value) {
    const auto index = static_cast<std::size_t>(value);
    return index < N ? words[index] : "?";
}

}  // namespace

Disposition DmarcOutcome::disposition() const {
    if (result == DmarcResult::pass) return Disposition::pass;
    if (result != DmarcResult::fail) return Disposition::none;
    switch (effective) {
        case Policy::reject: return Disposition::reject;
        case Policy::quarantine: return Disposition::quarantine;
        case Policy::none: break;
    }
    return Disposition::none;
}

std::string_view name(SpfResult result) {
    static constexpr std::string_view kWords[] = {"none",     "neutral",   "pass",     "fail",
                                                  "softfail", "temperror", "permerror"};
    return word(kWords, result);
}

std::string_view name(DkimResult result) {
    static constexpr std::string_view kWords[] = {"none",    "pass",      "fail",     "policy",
                                                  "neutral", "temperror", "permerror"};
    return word(kWords, result);
}

std::string_view name(ArcResult result) {
    static constexpr std::string_view kWords[] = {"none", "pass", "fail"};
    return word(kWords, result);
}

std::string_view name(IprevResult result) {
    static constexpr std::string_view kWords[] = {"none", "pass", "fail", "temperror", "permerror"};
    return word(kWords, result);
}

std::string_view name(Policy policy) {
    static constexpr std::string_view kWords[] = {"none", "quarantine", "reject"};
    return word(kWords, policy);
}

std::string_view name(DmarcResult result) {
    static constexpr std::string_view kWords[] = {"none", "pass", "fail", "temperror", "permerror"};
    return word(kWords, result);
}

std::string_view name(Disposition disposition) {
    static constexpr std::string_view kWords[] = {"none", "pass", "quarantine", "reject"};
    return word(kWords, disposition);
}

}  // namespace gatepost::auth
