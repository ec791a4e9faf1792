#include "auth/authentication_results.h"

#include <algorithm>
#include <optional>

#include "auth/authres_parse.h"
#include "protocol/ascii.h"
#include "protocol/domain.h"

namespace gatepost::auth {
namespace {

using protocol::Domain;

constexpr std::size_t kLineLength = 78;
constexpr std::size_t kMaxSignatureText = 64;  // of b=; two signatures made alike on purpose stay alike
constexpr std::size_t kMinSignatureText = 8;   // RFC 6008 section 4

bool is_token(std::string_view text) {
    static constexpr std::string_view kSpecials = "()<>@,;:\\\"/[]?= ";  // RFC 2045 section 5.1
    const auto fits = [](char c) {
        return protocol::is_ascii(c) && !protocol::is_control(c) &&
               kSpecials.find(c) == std::string_view::npos;
    };
    return !text.empty() && std::all_of(text.begin(), text.end(), fits);
}

std::string quoted(std::string_view text) {
    if (is_token(text)) return std::string(text);
    std::string out = "\"";
    for (char c : text) {
        if (!protocol::is_ascii(c) || protocol::is_control(c)) c = '?';
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    return out + '"';
}

// A comment; empty for an empty text. What could end it, or look like a result to a careless reader, is left
// out.
std::string comment(std::string_view text) {
    static constexpr std::string_view kSigns = " -.,_/'";
    std::string inner;
    for (char c : text.substr(0, 120)) {
        if (protocol::is_alnum(c) || kSigns.find(c) != std::string_view::npos) inner += c;
    }
    return inner.empty() ? inner : "(" + inner + ")";
}

// Puts each result on a line of its own and folds it between its parts.
class FieldWriter {
  public:
    explicit FieldWriter(std::string_view authserv_id)
        : field_("Authentication-Results: " + quoted(authserv_id)), column_(field_.size()) {}

    void result(std::string_view method, std::string_view word) {
        field_ += ";\r\n\t";
        column_ = 8;
        append(std::string(method) + "=" + std::string(word));
    }
    void part(std::string_view text) {
        if (text.empty()) return;
        if (column_ + 1 + text.size() >= kLineLength) {
            field_ += "\r\n\t";
            column_ = 8;
        }
        field_ += ' ';
        ++column_;
        append(text);
    }
    void property(std::string_view name, std::string_view value) {
        if (!value.empty()) part(std::string(name) + "=" + quoted(value));
    }
    std::string text() const { return field_ + "\r\n"; }

  private:
    void append(std::string_view text) {
        field_ += text;
        column_ += text.size();
    }

    std::string field_;
    std::size_t column_;
};

// A name as a stranger gave it: in A-labels if it is one, an address literal as it stands, else nothing at
// all.
std::string safe_name(std::string_view text) {
    if (const auto domain = Domain::parse(text)) return domain->text();
    if (!text.starts_with('[') || !text.ends_with(']')) return {};
    auto inner = text.substr(1, text.size() - 2);
    if (protocol::starts_with_ignoring_case(inner, "IPv6:")) inner.remove_prefix(5);
    const auto address = protocol::IpAddress::parse(inner);
    return address ? "[" + address->text() + "]" : std::string();
}

// With padding at the end only: anywhere else '=' could make a result of it.
bool is_base64(std::string_view text) {
    text = text.substr(0, text.find_last_not_of('=') + 1);
    const auto fits = [](char c) { return protocol::is_alnum(c) || c == '+' || c == '/'; };
    return !text.empty() && std::all_of(text.begin(), text.end(), fits);
}

// As much of b= as tells it from the others (RFC 6008 section 4).
std::string signature_text(const std::vector<DkimOutcome>& dkim, const std::string& signature) {
    if (!is_base64(signature)) return {};
    std::size_t length = kMinSignatureText;
    for (const auto& other : dkim) {
        const auto& text = other.signature;
        if (text == signature) continue;
        const auto ends = std::mismatch(text.begin(), text.end(), signature.begin(), signature.end());
        length = std::max(length, static_cast<std::size_t>(ends.second - signature.begin()) + 1);
    }
    return signature.substr(0, std::min(length, kMaxSignatureText));
}

void write_dkim(FieldWriter& writer, const std::vector<DkimOutcome>& dkim) {
    if (dkim.empty()) writer.result("dkim", name(DkimResult::none));
    for (const auto& signature : dkim) {
        writer.result("dkim", name(signature.result));
        const bool shows_size = signature.vouches() && signature.key_bits > 0;
        writer.part(comment(shows_size ? std::to_string(signature.key_bits) + "-bit key" : signature.why));
        if (signature.signing_domain) writer.property("header.d", signature.signing_domain->text());
        writer.property("header.s", safe_name(signature.selector));
        if (is_token(signature.algorithm)) writer.property("header.a", signature.algorithm);
        writer.property("header.b", signature_text(dkim, signature.signature));
    }
}

// The domain alone: nobody authenticated the local part (RFC 8601 section 2.7.2).
void write_spf(FieldWriter& writer, const SpfOutcome& spf, std::string_view property,
               std::string_view identity) {
    writer.result("spf", name(spf.result));
    writer.part(comment(spf.why));
    writer.property(property, safe_name(identity));
}

void write_dmarc(FieldWriter& writer, const DmarcOutcome& dmarc) {
    writer.result("dmarc", name(dmarc.result));
    writer.part(comment(dmarc.why));
    if (dmarc.author_domain) writer.property("header.from", dmarc.author_domain->text());
    if (dmarc.record) writer.property("policy.dmarc", name(dmarc.effective));
}

bool is_one_of(const std::string& id, const std::vector<std::string>& our_ids) {
    return std::any_of(our_ids.begin(), our_ids.end(),
                       [&](const auto& ours) { return comparable_id(ours) == id; });
}

}  // namespace

std::string authentication_results(const Verification& verification, const protocol::IpAddress& client,
                                   std::string_view helo, std::string_view authserv_id,
                                   ReversePathKind path) {
    FieldWriter writer(authserv_id);
    write_dkim(writer, verification.dkim);
    if (path == ReversePathKind::null) {
        write_spf(writer, verification.mail_from, "smtp.helo", helo);
    } else {
        write_spf(writer, verification.mail_from, "smtp.mailfrom", verification.mail_from.domain);
        write_spf(writer, verification.helo, "smtp.helo", helo);
    }
    if (verification.iprev.result != IprevResult::none) {
        writer.result("iprev", name(verification.iprev.result));
        writer.property("policy.iprev", client.text());
    }
    writer.result("arc", name(verification.arc.result));
    if (verification.arc.result != ArcResult::none) {
        writer.property("smtp.remote-ip", client.text());
        if (verification.arc.oldest_pass) {
            writer.property("header.oldest-pass", std::to_string(*verification.arc.oldest_pass));
        }
    }
    write_dmarc(writer, verification.dmarc);
    return writer.text();
}

bool claims_our_id(std::string_view field_body, const std::vector<std::string>& our_ids) {
    const auto id = parsed_authserv_id(field_body);
    return !id || is_one_of(*id, our_ids);
}

bool claims_our_receiver(std::string_view field_body, const std::vector<std::string>& our_ids) {
    const auto receiver = parsed_spf_receiver(field_body);
    return !receiver || is_one_of(*receiver, our_ids);
}

bool claims_our_seal(std::string_view field_body, const std::vector<std::string>& our_ids) {
    if (const auto id = parsed_chain_authserv_id(field_body)) return is_one_of(*id, our_ids);
    const std::string text = protocol::lowered(protocol::unfolded(field_body));
    return std::any_of(our_ids.begin(), our_ids.end(), [&](const auto& ours) {
        return text.find(protocol::lowered(ours)) != std::string::npos;
    });
}

std::vector<std::size_t> fields_to_remove(const protocol::Header& header,
                                          const std::vector<std::string>& our_ids,
                                          std::string_view private_header, ArcResult arc) {
    using protocol::equals_ignoring_case;
    std::vector<std::size_t> indices;
    for (std::size_t i = 0; i < header.size(); ++i) {
        const auto field = header[i];
        const bool goes =
            (equals_ignoring_case(field.name, "Authentication-Results") &&
             claims_our_id(field.body, our_ids)) ||
            (arc != ArcResult::pass && equals_ignoring_case(field.name, "ARC-Authentication-Results") &&
             claims_our_seal(field.body, our_ids)) ||
            (equals_ignoring_case(field.name, "Received-SPF") && claims_our_receiver(field.body, our_ids)) ||
            (!private_header.empty() && equals_ignoring_case(field.name, private_header));
        if (goes) indices.push_back(i);
    }
    return indices;
}

}  // namespace gatepost::auth
