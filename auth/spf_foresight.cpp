#include "auth/spf_foresight.h"

#include <algorithm>

namespace gatepost::auth {
namespace {

class Foresight {
  public:
    explicit Foresight(SpfInquiry& inquiry) : inquiry_(inquiry) {}

    void read(const std::string& domain) {
        const auto reading = inquiry_.read(domain);
        if (!reading.record) return;
        for (const auto& term : reading.record->terms()) {
            if (asks_dns(term.mechanism) ? terms_++ >= kMaxSpfTerms : is_certain(term)) return;
            if (!asks_dns(term.mechanism)) continue;
            const auto name = term.domain ? inquiry_.name(*term.domain, domain) : domain;
            if (name) ask(term.mechanism, *name);
        }
        if (!reading.record->redirect() || reading.record->has_all() || terms_++ >= kMaxSpfTerms) return;
        if (const auto name = inquiry_.name(*reading.record->redirect(), domain)) read(*name);
    }

  private:
    bool is_certain(const SpfTerm& term) const {
        return term.mechanism == SpfMechanism::all || term.holds(inquiry_.client().ip);
    }

    void ask(SpfMechanism mechanism, const std::string& name) {
        switch (mechanism) {
            case SpfMechanism::include: return read(name);  // ends with the ten terms
            case SpfMechanism::a: inquiry_.find_addresses(name); return;
            case SpfMechanism::mx: return ask_exchanges(name);
            case SpfMechanism::exists: inquiry_.find(RecordType::a, name); return;
            case SpfMechanism::ptr: inquiry_.has_validated_name(name); return;
            default: return;
        }
    }

    void ask_exchanges(const std::string& name) {
        const auto* answer = inquiry_.find(RecordType::mx, name);
        if (!answer || answer->exchanges.size() > kMaxSpfExchanges) return;
        for (const auto& mx : answer->exchanges) inquiry_.find_addresses(mx.host);
    }

    SpfInquiry& inquiry_;
    unsigned terms_ = 0;
};

}  // namespace

void foresee(SpfInquiry& inquiry, const std::string& domain) {
    Foresight(inquiry).read(domain);
}

}  // namespace gatepost::auth
