#include "gateway/server/transaction.h"

#include <openssl/rand.h>

#include <atomic>

namespace gatepost::gateway {
namespace {

namespace reply = protocol::reply;

}  // namespace

auth::VerifierOptions verifier_options(const config::Settings& settings) {
    auth::VerifierOptions options;
    options.dmarc.dkim_testing_counts = settings.policy.dkim_testing_counts;
    options.dmarc.legacy_pct0_as_test = settings.policy.legacy_pct0_as_test;
    options.dmarc.refuse_single_label_od = settings.policy.refuse_single_label_od;
    return options;
}

std::int64_t unix_time() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::seconds>(now).count();
}

std::string fresh_id() {
    static constexpr char kDigits[] = "0123456789bcdfghjkmnpqrstvwxyz";  // no vowels, no words
    // Counted, so that no two messages of this process share one; begun by chance, so that hardly any two of
    // a fleet do.
    static std::atomic<std::uint32_t> counter{[] {
        std::uint32_t chance = 0;
        RAND_bytes(reinterpret_cast<unsigned char*>(&chance), sizeof chance);
        return chance;
    }()};
    auto number = (static_cast<std::uint64_t>(unix_time()) << 32) | counter++;
    std::string id;
    for (; number > 0; number /= 30) id += kDigits[number % 30];
    return {id.rbegin(), id.rend()};
}

Transaction::Transaction(Environment& environment, auth::SpfClient client, Sender sender, std::string id)
    : environment_(environment),
      client_(std::move(client)),
      sender_(std::move(sender)),
      id_(std::move(id)),
      intake_(environment.context, environment.relay, environment.spool, sender_, id_),
      body_(environment.settings.state, environment.settings.limits.memory_per_message) {}

std::vector<std::string> Transaction::recipient_texts() const {
    std::vector<std::string> texts;
    for (const auto& path : recipients_) texts.push_back(path.text());
    return texts;
}

void Transaction::content(std::string_view bytes) {
    size_ += bytes.size();
    if (refusal_ || bytes.empty()) return;  // read to the true end all the same
    if (header_) {
        add_to_body(bytes);
    } else {
        add_to_header(bytes);
    }
}

// The header ends at the first empty line; it may come in any portions.
void Transaction::add_to_header(std::string_view bytes) {
    const std::size_t before = header_text_.size();
    const std::size_t limit = environment_.settings.limits.header_size;
    header_text_ += bytes.substr(0, limit + 4 - std::min(limit + 4, before));
    if (header_text_.starts_with("\r\n")) {
        has_body_ = true;
        header_is_whole(0);
        return add_to_body(bytes.substr(2 - before));
    }
    const auto end = header_text_.find("\r\n\r\n", before < 3 ? 0 : before - 3);
    if (end == std::string::npos) {
        if (header_text_.size() > limit) refusal_ = reply::kTooLarge;
        return;
    }
    has_body_ = true;
    const auto body = bytes.substr(end + 4 - before);
    header_is_whole(end + 2);
    add_to_body(body);
}

void Transaction::header_is_whole(std::size_t octets) {
    header_text_.resize(octets);
    protocol::HeaderLimits limits;
    limits.octets = environment_.settings.limits.header_size;
    limits.fields = environment_.settings.limits.header_fields;
    limits.field_octets = environment_.settings.limits.header_field_size;
    auto header = protocol::Header::parse(std::move(header_text_), limits);
    if (!header) {
        refusal_ = protocol::Reply{550, "5.6.0", {"Malformed message: " + header.problem()}};
        return;
    }
    header_.emplace(std::move(*header));
    verifier_.emplace(*header_, client_, sender_.reverse_path.text(), verifier_options(environment_.settings),
                      auth::VerifierCaches{&environment_.spf_cache, &environment_.key_cache});
    header_event_ = true;
}

void Transaction::add_to_body(std::string_view bytes) {
    if (refusal_ || bytes.empty()) return;
    verifier_->body(bytes);
    if (!body_.append(bytes)) refusal_ = reply::kNoStorage;
}

void Transaction::end_of_content() {
    if (!header_ && !refusal_) header_is_whole(header_text_.size());
    if (verifier_) verifier_->end_of_body();
}

bool Transaction::take_header_event() {
    return std::exchange(header_event_, false);
}

}  // namespace gatepost::gateway
