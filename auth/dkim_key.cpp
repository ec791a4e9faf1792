#include "auth/dkim_key.h"

#include <algorithm>

#include "auth/tag_list.h"
#include "protocol/ascii.h"

namespace gatepost::auth {
namespace {

using protocol::Problem;
using protocol::Result;

constexpr std::size_t kMaxRecord = 8192;  // p= of the largest key that we take has 1412 octets

bool lists(const Tag& tag, std::string_view word) {
    const auto words = colon_separated(tag.value);
    return std::any_of(words.begin(), words.end(),
                       [&](std::string_view one) { return protocol::equals_ignoring_case(one, word); });
}

Result<PublicKey> parse_public_key(const TagList& tags) {
    const Tag* type = tags.find("k");
    const Tag* data = tags.find("p");
    if (!data) return Problem{"key record without p="};
    if (data->value.empty()) return Problem{"key revoked"};
    const bool is_rsa = !type || protocol::equals_ignoring_case(type->value, "rsa");
    if (!is_rsa && !protocol::equals_ignoring_case(type->value, "ed25519"))
        return Problem{"unknown key type"};
    const auto octets = decode_base64(without_white_space(data->value));
    if (!octets) return Problem{"malformed p= in key record"};
    return is_rsa ? PublicKey::rsa(*octets) : PublicKey::ed25519(*octets);
}

}  // namespace

Result<DkimKey> parse_dkim_key(std::string_view text) {
    if (text.size() > kMaxRecord) return Problem{"key record is too long"};
    const auto tags = TagList::parse(text);
    if (!tags) return Problem{"malformed key record"};
    const Tag* version = tags->find("v");
    if (version && (version != &tags->tags().front() || version->value != "DKIM1"))
        return Problem{"not a DKIM1 record"};
    const Tag* hashes = tags->find("h");
    if (hashes && !lists(*hashes, "sha256")) return Problem{"key is not for sha256"};
    const Tag* services = tags->find("s");
    if (services && !lists(*services, "*") && !lists(*services, "email"))
        return Problem{"key is not for email"};
    auto key = parse_public_key(*tags);
    if (!key) return Problem{key.problem()};
    const Tag* flags = tags->find("t");
    return DkimKey{std::make_shared<const PublicKey>(std::move(*key)), flags && lists(*flags, "y"),
                   flags && lists(*flags, "s")};
}

Result<DkimKey> DkimKeyCache::parse(std::string_view text) {
    if (text.size() > kMaxText) return parse_dkim_key(text);
    if (const auto it = young_.find(text); it != young_.end()) return it->second;
    if (auto it = old_.find(text); it != old_.end()) {
        auto node = old_.extract(it);
        return keep(text, std::move(node.mapped()));
    }
    return keep(text, parse_dkim_key(text));
}

const Result<DkimKey>& DkimKeyCache::keep(std::string_view text, Result<DkimKey> key) {
    if (young_.size() >= keys_) {
        old_ = std::move(young_);
        young_.clear();
    }
    return young_.insert_or_assign(std::string(text), std::move(key)).first->second;
}

}  // namespace gatepost::auth
