// A second evaluator of SPF, for tests only: over the same parser, but straight down the page of RFC 7208,
// without canonical text, aliases, facts or libspf2. Where the two disagree, one of them is wrong.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "auth/spf_inquiry.h"
#include "auth/spf_record.h"
#include "protocol/ascii.h"
#include "protocol/domain.h"
#include "tests/support/spf_zone.h"

namespace gatepost::tests {

using auth::SpfMechanism;
using auth::SpfRecord;
using auth::SpfResult;
using auth::SpfTerm;

class SpfOracle {
  public:
    SpfOracle(const SpfZoneData& zone, const auth::SpfClient& client, auth::SpfSender sender)
        : zone_(zone), client_(client), sender_(std::move(sender)) {
        if (sender_.local_part.empty()) sender_.local_part = "postmaster";
    }

    SpfResult check() {
        try {
            return check_host(sender_.domain);
        } catch (const SpfResult& error) {
            return error;
        }
    }

  private:
    SpfResult check_host(const std::string& domain) {
        if (!auth::is_askable(domain) || domain.find('.') == std::string::npos) return SpfResult::none;
        const auto answer = ask(RecordType::txt, domain);
        if (answer.status == DnsStatus::failed) throw SpfResult::temperror;
        const auto found = auth::select_spf_records(answer.texts);
        if (found.empty()) return SpfResult::none;
        if (found.size() > 1) throw SpfResult::permerror;
        const auto record = SpfRecord::parse(found[0]);
        if (!record) throw SpfResult::permerror;
        for (const auto& term : record->terms()) {
            if (matches(term, domain)) return term.qualifier;
        }
        if (!record->redirect() || record->has_all()) return SpfResult::neutral;
        count();
        const auto target = expand(*record->redirect(), domain);
        if (!target) throw SpfResult::permerror;
        const auto result = check_host(*target);
        if (result == SpfResult::none) throw SpfResult::permerror;
        return result;
    }

    bool matches(const SpfTerm& term, const std::string& domain) {
        if (term.mechanism == SpfMechanism::all) return true;
        if (term.mechanism == SpfMechanism::ip4 || term.mechanism == SpfMechanism::ip6)
            return term.holds(client_.ip);
        count();
        const auto name = term.domain ? expand(*term.domain, domain) : domain;
        if (!name) return false;
        switch (term.mechanism) {
            case SpfMechanism::include: {
                const auto result = check_host(*name);
                if (result == SpfResult::none) throw SpfResult::permerror;
                return result == SpfResult::pass;
            }
            case SpfMechanism::a: return has_client(*name, term);
            case SpfMechanism::exists: return !look_up(RecordType::a, *name).addresses.empty();
            case SpfMechanism::mx: return has_exchange(*name, term);
            case SpfMechanism::ptr: {
                const auto below = [&](const auto& n) { return protocol::is_or_is_below(n, *name); };
                const auto names = validated();
                return std::any_of(names.begin(), names.end(), below);
            }
            default: return false;
        }
    }

    bool has_exchange(const std::string& name, const SpfTerm& term) {
        const auto hosts = look_up(RecordType::mx, name).exchanges;
        if (hosts.size() > 10) throw SpfResult::permerror;
        return std::any_of(hosts.begin(), hosts.end(),
                           [&](const auto& mx) { return has_client(mx.host, term); });
    }

    bool has_client(const std::string& name, const SpfTerm& term) {
        const bool v4 = client_.ip.is_v4();
        for (const auto& address : look_up(v4 ? RecordType::a : RecordType::aaaa, name).addresses) {
            if (address.shares_prefix(client_.ip, v4 ? term.prefix4 : term.prefix6)) return true;
        }
        return false;
    }

    std::vector<std::string> validated() const {
        auto names = ask(RecordType::ptr, client_.ip.reverse_name()).names;
        if (names.size() > 10) names.resize(10);
        std::vector<std::string> good;
        for (const auto& name : names) {
            if (!auth::is_askable(name)) continue;
            const auto found = ask(client_.ip.is_v4() ? RecordType::a : RecordType::aaaa, name).addresses;
            if (std::find(found.begin(), found.end(), client_.ip) != found.end()) good.push_back(name);
        }
        return good;
    }

    std::string validated_for(const std::string& domain) const {
        const auto names = validated();
        for (const auto& name : names) {
            if (name == domain) return name;
        }
        for (const auto& name : names) {
            if (protocol::is_or_is_below(name, domain)) return name;
        }
        return names.empty() ? "unknown" : names[0];
    }

    std::optional<std::string> expand(const auth::MacroString& spec, const std::string& domain) const {
        return spec.expand_domain([&](char letter) -> std::optional<std::string> {
            const auto& local = sender_.local_part;
            const bool ascii = std::all_of(local.begin(), local.end(), protocol::is_ascii);
            const auto reverse = client_.ip.reverse_name();  // its labels the other way round are %{i}
            switch (letter) {
                case 's': return ascii ? std::optional(local + "@" + sender_.domain) : std::nullopt;
                case 'l': return ascii ? std::optional(local) : std::nullopt;
                case 'o': return sender_.domain;
                case 'd': return domain;
                case 'i': return reversed_labels(reverse.substr(0, reverse.rfind('.', reverse.size() - 6)));
                case 'v': return client_.ip.is_v4() ? "in-addr" : "ip6";
                case 'h': return client_.helo;
                case 'p': return validated_for(domain);
                default: return {};
            }
        });
    }

    static std::string reversed_labels(std::string_view name) {
        std::string out;
        for (;;) {
            const auto dot = name.rfind('.');
            out += name.substr(dot == std::string_view::npos ? 0 : dot + 1);
            if (dot == std::string_view::npos) return out;
            out += '.';
            name = name.substr(0, dot);
        }
    }

    void count() {
        if (++terms_ > 10) throw SpfResult::permerror;
    }
    DnsAnswer ask(RecordType type, const std::string& name) const {
        return zone_.answer({type, protocol::lowered(name)});
    }
    DnsAnswer look_up(RecordType type, const std::string& name) {
        if (!auth::is_askable(name)) return {.status = DnsStatus::nx_domain};
        auto answer = ask(type, name);
        if (answer.status == DnsStatus::failed) throw SpfResult::temperror;
        if (answer.status != DnsStatus::found && ++voids_ > 2) throw SpfResult::permerror;
        return answer;
    }

    const SpfZoneData& zone_;
    const auth::SpfClient& client_;
    auth::SpfSender sender_;
    unsigned terms_ = 0, voids_ = 0;
};

}  // namespace gatepost::tests
