// What the engine's questions mean: each alias stands for a term of a record that a stranger wrote. Here the
// limits of RFC 7208 section 4.6.4 are kept, over the whole check, and errors override what the engine makes
// of them.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "auth/spf_canon.h"
#include "auth/spf_engine.h"
#include "auth/spf_inquiry.h"

namespace gatepost::auth {

class SpfWalk : public SpfZone {
  public:
    // `record` stands at `domain`.
    SpfWalk(SpfInquiry& inquiry, std::string domain, SpfRecord record);

    // Asks the engine. Provisional if the inquiry is.
    SpfOutcome run(SpfEngine& engine);
    // The record whose explanation counts at fail, and the domain it stands at.
    const SpfRecord& deciding_record() const { return pages_[main_page_].record; }
    const std::string& deciding_domain() const { return pages_[main_page_].domain; }

    std::string record(std::size_t alias) override;
    Answer address(std::size_t alias) override;
    std::vector<std::size_t> exchanges(std::size_t alias) override;

  private:
    struct Page {  // a record that was read
        std::string domain;
        SpfRecord record;
        std::size_t last_term = 0;  // the last one that the engine came to
    };
    struct Alias {
        std::size_t page = 0;
        std::size_t term = 0;
        std::string host;  // of an alias for a mail exchanger
    };
    struct Target {
        const SpfTerm* term = nullptr;
        std::optional<std::string> name;
    };

    bool has_ended() const { return error_ || inquiry_.is_provisional(); }
    void end(SpfResult result, std::string why);
    std::string open(std::size_t page);
    std::string follow(const Alias& alias);
    bool come_to(const Alias& alias);
    bool count_term();
    bool is_void(const DnsAnswer& answer);
    Target target(const Alias& alias);
    bool finds(const std::string& name, RecordType type);
    Answer match_address(const std::string& name, const SpfTerm& term);
    std::string mechanism() const;

    SpfInquiry& inquiry_;
    std::deque<Page> pages_;
    std::vector<Alias> aliases_;
    std::size_t main_page_ = 0;  // the record that decides: the first, or where redirects led
    unsigned terms_ = 0;
    unsigned voids_ = 0;
    std::optional<SpfOutcome> error_;
};

}  // namespace gatepost::auth
