#include "auth/published_key.h"

#include <gtest/gtest.h>

#include "auth/dkim_sign.h"

namespace gatepost::auth {
namespace {

// RFC 8463 appendix A.2: the private key, and the record that is published for it.
const std::string kSeed = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";
const std::string kRecord = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

// RFC 8410 section 7: what stands before the seed in PKCS#8.
PrivateKey key_of_the_standard() {
    const std::string before("\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20", 16);
    const std::string text = encode_base64(before + *decode_base64(kSeed));
    auto key = PrivateKey::from_pem("-----BEGIN PRIVATE KEY-----\n" + text + "\n-----END PRIVATE KEY-----\n");
    EXPECT_TRUE(key) << key.problem();
    return std::move(*key);
}

DnsAnswer found(std::vector<std::string> texts) {
    DnsAnswer answer;
    answer.status = DnsStatus::found;
    answer.texts = std::move(texts);
    return answer;
}

DnsAnswer nothing(DnsStatus status, std::string why = "") {
    DnsAnswer answer;
    answer.status = status;
    answer.why = std::move(why);
    return answer;
}

TEST(PublishedKey, IsComparedWithOurs) {
    const PrivateKey ours = key_of_the_standard();
    const std::string of_another = key_record(PrivateKey::generate(KeyType::ed25519));
    const std::string of_another_type = key_record(PrivateKey::generate(KeyType::rsa));
    const struct {
        const char* reason;
        DnsAnswer answer;
        Published state;
        const char* why;
    } rows[] = {
        {"the standard's own", found({kRecord}), Published::fits, ""},
        {"the same with other tags and blanks",
         found({"k=ed25519; n=ours; t=y; p=11qYAYKxCrfVS/7TyWQH Og7hcvPapiMlrwIaaPcHURo="}), Published::fits,
         ""},
        {"no such name", nothing(DnsStatus::nx_domain), Published::missing, "there is no TXT record"},
        {"no such record", nothing(DnsStatus::no_data), Published::missing, "there is no TXT record"},
        {"the DNS is away", nothing(DnsStatus::failed, "SERVFAIL"), Published::unknown, "SERVFAIL"},
        {"another key", found({of_another}), Published::unfit, "it is the record of another key"},
        {"a key of another type", found({of_another_type}), Published::unfit,
         "it is the record of another key"},
        {"a revoked one", found({"v=DKIM1; k=ed25519; p="}), Published::unfit, "key revoked"},
        {"without the type it is RSA", found({"v=DKIM1; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="}),
         Published::unfit, nullptr},
        {"for other services only", found({kRecord + "; s=tlsrpt"}), Published::unfit,
         "key is not for email"},
        {"cut short", found({kRecord.substr(0, 40)}), Published::unfit, "malformed p= in key record"},
        {"two, of which one is ours", found({kRecord, of_another}), Published::unfit,
         "there is more than one TXT record"},
    };
    for (const auto& row : rows) {
        const PublishedKey result = compare_published_key(ours, row.answer);
        EXPECT_EQ(result.state, row.state) << row.reason;
        if (!row.why) continue;
        EXPECT_EQ(result.why, row.why) << row.reason;
    }
}

TEST(PublishedKey, FitsAsKeygenPrintsIt) {
    for (const KeyType type : {KeyType::rsa, KeyType::ed25519}) {
        const PrivateKey key = PrivateKey::generate(type);
        EXPECT_EQ(compare_published_key(key, found({key_record(key)})), (PublishedKey{Published::fits, ""}));
    }
}

}  // namespace
}  // namespace gatepost::auth
