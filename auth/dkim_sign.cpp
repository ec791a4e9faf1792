#include "auth/dkim_sign.h"

#include "auth/body_hash.h"
#include "auth/dkim_signature.h"

namespace gatepost::auth {
namespace {

// Signed once more often than they occur, present or not (RFC 6376 sections 5.4.1, 5.4.2).
constexpr std::string_view kOverSigned[] = {
    "From",        "Reply-To",   "Subject",      "Date",         "To",
    "Cc",          "Message-ID", "MIME-Version", "Content-Type", "Content-Transfer-Encoding",
    "In-Reply-To", "References",
};
// Signed as often as they occur.
constexpr std::string_view kSigned[] = {
    "Sender",     "Resent-From",         "Resent-To",
    "Resent-Cc",  "Resent-Date",         "Content-Disposition",
    "Content-ID", "Content-Description", "Auto-Submitted",
    "List-Id",    "List-Unsubscribe",    "List-Unsubscribe-Post",
    "List-Post",
};

std::vector<std::string> default_names(const protocol::Header& header) {
    std::vector<std::string> names;
    for (const auto name : kOverSigned)
        names.insert(names.end(), header.find(name).size() + 1, std::string(name));
    for (const auto name : kSigned) names.insert(names.end(), header.find(name).size(), std::string(name));
    return names;
}

std::string_view word(Canonicalization mode) {
    return mode == Canonicalization::simple ? "simple" : "relaxed";
}

// Writes the tags of a field, folded before the 78th column (RFC 5322 section 2.1.1).
class FieldWriter {
  public:
    explicit FieldWriter(std::string_view start) : text_(start), column_(start.size()) {}

    // Keeps `piece` on one line; the fold stands before it.
    void add(std::string_view piece) {
        if (column_ + 1 + piece.size() > kColumns) {
            text_ += "\r\n\t";
            column_ = 8;
        } else {
            text_ += ' ';
            ++column_;
        }
        append(piece);
    }
    // May be folded anywhere.
    void add_base64(std::string_view octets) {
        while (!octets.empty()) {
            if (column_ >= kColumns) {
                text_ += "\r\n\t";
                column_ = 8;
            }
            const auto piece = octets.substr(0, kColumns - column_);
            append(piece);
            octets.remove_prefix(piece.size());
        }
    }
    std::string take() { return std::move(text_) + "\r\n"; }

  private:
    static constexpr std::size_t kColumns = 76;
    void append(std::string_view piece) {
        text_ += piece;
        column_ += piece.size();
    }
    std::string text_;
    std::size_t column_;
};

Digest hash_body(std::string_view body, const SigningOptions& options) {
    BodyHash hash(options.body_canonicalization);
    if (options.body_length) hash.want(*options.body_length);
    hash.write(body);
    hash.finish();
    return hash.digest(options.body_length).value_or(Digest{});
}

void add_names(FieldWriter& field, const std::vector<std::string>& names) {
    for (std::size_t i = 0; i < names.size(); ++i) {
        field.add((i == 0 ? "h=" : "") + names[i] + (i + 1 == names.size() ? ";" : ":"));
    }
}

// Everything but the signature itself.
FieldWriter write_tags(const protocol::Header& header, const Digest& body_hash, KeyType key_type,
                       const SigningOptions& options) {
    FieldWriter field("DKIM-Signature: v=1;");
    field.add(key_type == KeyType::rsa ? "a=rsa-sha256;" : "a=ed25519-sha256;");
    field.add("c=" + std::string(word(options.header_canonicalization)) + "/" +
              std::string(word(options.body_canonicalization)) + ";");
    field.add("d=" + options.domain.text() + ";");
    field.add("s=" + options.selector.text() + ";");
    field.add("t=" + std::to_string(options.now) + ";");
    if (options.expiration) field.add("x=" + std::to_string(*options.expiration) + ";");
    if (options.body_length) field.add("l=" + std::to_string(*options.body_length) + ";");
    add_names(field, options.signed_names.empty() ? default_names(header) : options.signed_names);
    const std::string_view digest(reinterpret_cast<const char*>(body_hash.data()), body_hash.size());
    field.add("bh=" + encode_base64(digest) + ";");
    field.add("b=");
    return field;
}

}  // namespace

std::string sign(const protocol::Header& header, std::string_view body, const PrivateKey& key,
                 const SigningOptions& options) {
    const auto unsigned_field = write_tags(header, hash_body(body, options), key.type(), options);
    const std::string raw = FieldWriter(unsigned_field).take();
    const std::string_view view = raw;
    const auto colon = view.find(':');
    const protocol::HeaderField field{view.substr(0, colon), view.substr(colon + 1, view.size() - 3 - colon),
                                      view};
    DkimSignature tags;
    tags.header_canonicalization = options.header_canonicalization;
    tags.value_begin = tags.value_end = view.size() - 2;
    const auto names = options.signed_names.empty() ? default_names(header) : options.signed_names;
    const auto fields = SignedFields(header).select({names.begin(), names.end()}, header.size());
    const auto signature = key.sign(sha256(signed_header(header, fields, field, tags)));
    FieldWriter complete = unsigned_field;
    complete.add_base64(encode_base64(signature));
    return complete.take();
}

std::string key_record(const PrivateKey& key) {
    const std::string type = key.type() == KeyType::rsa ? "rsa" : "ed25519";
    return "v=DKIM1; k=" + type + "; p=" + encode_base64(key.public_octets());
}

}  // namespace gatepost::auth
