#include "auth/published_key.h"

#include "auth/dkim_key.h"

namespace gatepost::auth {
namespace {

// By what it is for, so that each way to write the same key counts.
bool are_a_pair(const PrivateKey& ours, const PublicKey& theirs) {
    const Digest digest = sha256("a message");
    return ours.type() == theirs.type() && theirs.verify(digest, ours.sign(digest));
}

}  // namespace

PublishedKey compare_published_key(const PrivateKey& key, const DnsAnswer& answer) {
    if (answer.status == DnsStatus::failed) return {Published::unknown, answer.why};
    if (answer.texts.empty()) return {Published::missing, "there is no TXT record"};
    if (answer.texts.size() > 1) return {Published::unfit, "there is more than one TXT record"};
    const auto published = parse_dkim_key(answer.texts.front());
    if (!published) return {Published::unfit, published.problem()};
    if (!are_a_pair(key, *published->key)) return {Published::unfit, "it is the record of another key"};
    return {Published::fits, ""};
}

}  // namespace gatepost::auth
