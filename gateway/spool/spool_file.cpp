#include "gateway/spool/spool_file.h"

#include <algorithm>
#include <charconv>

#include "gateway/spool/spool_text.h"
#include "protocol/ascii.h"
#include "protocol/delivery_parameters.h"

namespace gatepost::gateway {
namespace {

using protocol::BodyKind;
using protocol::Problem;
using protocol::Result;

constexpr std::string_view kFirstLine = "gatepost-spool 1";
constexpr std::string_view kTrailerStart = "\nsha256 ";
constexpr std::size_t kMaxId = 64;
constexpr std::size_t kMaxWhy = 500;

constexpr std::pair<BodyKind, std::string_view> kBodies[] = {
    {BodyKind::seven_bit, "7bit"}, {BodyKind::eight_bit, "8bitmime"}, {BodyKind::binary, "binarymime"}};

// A path that a parser of paths reads as the same again; "utf8" where that is not seen in its text, for its
// domain came in U-labels.
bool read_path(protocol::Path& target, std::string_view value, bool is_reverse, bool has_utf8) {
    const auto parsed =
        is_reverse ? protocol::parse_reverse_path(value) : protocol::parse_forward_path(value);
    if (!parsed || !parsed->rest.empty()) return false;
    target = parsed->path;
    target.has_utf8 = target.has_utf8 || has_utf8;
    return true;
}

void add_path(std::string& head, std::string key, const protocol::Path& path) {
    const std::string text = path.text();
    if (path.has_utf8 && std::all_of(text.begin(), text.end(), protocol::is_ascii)) key += "_utf8";
    add_line(head, key, "<" + text + ">");
}

bool read_endpoint(std::string_view value, protocol::IpAddress& address, std::uint16_t& port) {
    const auto words = words_of<2>(value);
    const auto parsed = words ? protocol::IpAddress::parse((*words)[0]) : std::nullopt;
    if (!parsed || !read_number((*words)[1], port)) return false;
    address = *parsed;
    return true;
}

std::string endpoint_text(const protocol::IpAddress& address, std::uint16_t port) {
    return address.text() + " " + std::to_string(port);
}

bool is_fact_name(std::string_view name) {
    const auto is_fine = [](char c) { return (c >= 'a' && c <= 'z') || protocol::is_digit(c) || c == '_'; };
    return !name.empty() && name.size() <= 32 && std::all_of(name.begin(), name.end(), is_fine);
}

bool read_fact(SpooledMessage& message, std::string_view value) {
    const auto blank = value.find(' ');
    if (blank == value.npos || !is_fact_name(value.substr(0, blank))) return false;
    message.facts.emplace_back(value.substr(0, blank), value.substr(blank + 1));
    return true;
}

bool read_helo(SpooledMessage& message, std::string_view value) {
    message.sender.client.is_extended = value.starts_with("EHLO ");
    if (!value.starts_with("EHLO ") && !value.starts_with("HELO ")) return false;
    message.sender.client.helo = value.substr(5);
    return true;
}

bool read_recipient(SpooledMessage& message, std::string_view value, bool has_utf8) {
    message.recipients.emplace_back();
    return read_path(message.recipients.back().path, value, false, has_utf8);
}

bool read_body(SpooledMessage& message, std::string_view value) {
    for (const auto& [kind, name] : kBodies) {
        if (name != value) continue;
        message.sender.parameters.body = kind;
        return true;
    }
    return false;
}

bool read_flag(bool& flag, std::string_view value) {
    flag = value == "yes";
    return flag;
}

bool read_text(std::string& target, std::string_view value, bool is_good) {
    target = value;
    return is_good;
}

// Each key of the head. A value is already unescaped.
constexpr struct {
    std::string_view key;
    bool (*read)(SpooledMessage&, std::string_view);
} kKeys[] = {
    {"id", [](auto& m, auto v) { return read_text(m.id, v, is_spool_id(v)); }},
    {"arrived", [](auto& m, auto v) { return read_number(v, m.arrived); }},
    {"origin",
     [](auto& m, auto v) {
         m.origin = v == "notification" ? Origin::notification : Origin::client;
         return v == "client" || v == "notification";
     }},
    {"may_notify", [](auto& m, auto v) { return read_flag(m.may_notify, v); }},
    {"is_list", [](auto& m, auto v) { return read_flag(m.is_list, v); }},
    {"fact", read_fact},
    {"client",
     [](auto& m, auto v) { return read_endpoint(v, m.sender.client.address, m.sender.client.port); }},
    {"helo", read_helo},
    {"destination",
     [](auto& m, auto v) {
         auto& client = m.sender.client;
         return read_endpoint(v, client.destination.emplace(), client.destination_port);
     }},
    {"client_id", [](auto& m, auto v) { return read_text(m.sender.client.id, v, !v.empty()); }},
    {"size", [](auto& m, auto v) { return read_number(v, m.sender.parameters.declared_size.emplace()); }},
    {"body", read_body},
    {"smtputf8", [](auto& m, auto v) { return read_flag(m.sender.parameters.smtputf8, v); }},
    {"requiretls", [](auto& m, auto v) { return read_flag(m.sender.parameters.require_tls, v); }},
    {"ret", [](auto& m, auto v) { return read_text(m.sender.parameters.ret, v, protocol::is_ret(v)); }},
    {"envid", [](auto& m, auto v) { return read_text(m.sender.parameters.envid, v, protocol::is_envid(v)); }},
    {"from", [](auto& m, auto v) { return read_path(m.sender.reverse_path, v, true, false); }},
    {"from_utf8", [](auto& m, auto v) { return read_path(m.sender.reverse_path, v, true, true); }},
    {"to", [](auto& m, auto v) { return read_recipient(m, v, false); }},
    {"to_utf8", [](auto& m, auto v) { return read_recipient(m, v, true); }},
    {"notify",
     [](auto& m, auto v) {
         return !m.recipients.empty() && read_text(m.recipients.back().notify, v, protocol::is_notify(v));
     }},
    {"orcpt",
     [](auto& m, auto v) {
         const auto utf8 = protocol::Utf8::allowed;
         return !m.recipients.empty() && read_text(m.recipients.back().orcpt, v, protocol::is_orcpt(v, utf8));
     }},
    {"content", [](auto& m, auto v) { return read_number(v, m.content_octets); }},
};

bool read_line(SpooledMessage& message, std::string_view line) {
    const auto blank = line.find(' ');
    if (blank == line.npos) return false;
    const auto value = unescaped(line.substr(blank + 1));
    for (const auto& [key, read] : kKeys) {
        if (key == line.substr(0, blank)) return value && read(message, *value);
    }
    return false;
}

void add_envelope(std::string& head, const SpooledMessage& message) {
    // Whether it notifies is a matter of how it is delivered, not of the message.
    [[maybe_unused]] const auto& [reverse_path, parameters, client, notifies] = message.sender;
    add_line(head, "client", endpoint_text(client.address, client.port));
    add_line(head, "helo", (client.is_extended ? "EHLO " : "HELO ") + client.helo);
    if (client.destination)
        add_line(head, "destination", endpoint_text(*client.destination, client.destination_port));
    if (!client.id.empty()) add_line(head, "client_id", client.id);
    if (parameters.declared_size) add_line(head, "size", std::to_string(*parameters.declared_size));
    for (const auto& [kind, name] : kBodies) {
        if (kind == parameters.body) add_line(head, "body", name);
    }
    if (parameters.smtputf8) add_line(head, "smtputf8", "yes");
    if (parameters.require_tls) add_line(head, "requiretls", "yes");
    if (!parameters.ret.empty()) add_line(head, "ret", parameters.ret);
    if (!parameters.envid.empty()) add_line(head, "envid", parameters.envid);
    add_path(head, "from", reverse_path);
    for (const auto& recipient : message.recipients) {
        add_path(head, "to", recipient.path);
        if (!recipient.notify.empty()) add_line(head, "notify", recipient.notify);
        if (!recipient.orcpt.empty()) add_line(head, "orcpt", recipient.orcpt);
    }
}

std::string text_of(const SpooledMessage& message) {
    std::string head(kFirstLine);
    head += '\n';
    add_line(head, "id", message.id);
    add_line(head, "arrived", std::to_string(message.arrived));
    add_line(head, "origin", message.origin == Origin::client ? "client" : "notification");
    if (message.may_notify) add_line(head, "may_notify", "yes");
    if (message.is_list) add_line(head, "is_list", "yes");
    for (const auto& [name, value] : message.facts) add_line(head, "fact", name + " " + value);
    add_envelope(head, message);
    add_line(head, "content", std::to_string(message.content_octets));
    return head + '\n';
}

}  // namespace

bool is_spool_id(std::string_view text) {
    return !text.empty() && text.size() <= kMaxId &&
           std::all_of(text.begin(), text.end(), protocol::is_alnum);
}

// It is read again at once: a file that says something else would be noticed when the client is long gone.
Result<std::string> spool_head(const SpooledMessage& message) {
    for (const auto& [name, value] : message.facts) {
        if (!is_fact_name(name)) return Problem{"no name of a fact: " + protocol::escaped(name)};
    }
    std::string head = text_of(message);
    const auto again = parse_spool_head(head);
    if (!again) return Problem{again.problem()};
    return head;
}

Result<SpoolHead> parse_spool_head(std::string_view beginning) {
    beginning = beginning.substr(0, kMaxSpoolHead);
    const auto end = beginning.find("\n\n");
    if (end == beginning.npos) return Problem{"the head has no end, or is too long"};
    std::string_view lines = beginning.substr(0, end + 1);
    if (take_line(lines) != kFirstLine) return Problem{"no spool file of this version"};
    SpoolHead head;
    while (!lines.empty()) {
        const std::string_view line = take_line(lines);
        if (!read_line(head.message, line))
            return Problem{"bad line in the head: " + protocol::escaped(line)};
    }
    head.octets = end + 2;
    if (head.message.recipients.empty()) return Problem{"no recipient"};
    // So nothing is missing, doubled or in another place.
    if (text_of(head.message) != beginning.substr(0, head.octets)) return Problem{"not written by gatepost"};
    return head;
}

std::string spool_trailer(const auth::Digest& digest) {
    std::string text(kTrailerStart);
    for (const unsigned octet : digest) add_hex(text, octet, 2);
    return text + '\n';
}

std::optional<auth::Digest> parse_spool_trailer(std::string_view text) {
    if (text.size() != kSpoolTrailer || !text.starts_with(kTrailerStart)) return {};
    auth::Digest digest{};
    for (std::size_t i = 0; i < digest.size(); ++i) {
        const char* at = text.data() + kTrailerStart.size() + 2 * i;
        const auto [end, error] = std::from_chars(at, at + 2, digest[i], 16);
        if (error != std::errc() || end != at + 2) return {};
    }
    if (spool_trailer(digest) != text) return {};
    return digest;
}

std::string journal_line(const SpooledMessage& message, const JournalEntry& entry) {
    std::string done;
    for (const std::size_t recipient : entry.done)
        done += (done.empty() ? "" : ",") + std::to_string(recipient);
    std::string said = std::to_string(entry.time) + " " + std::to_string(entry.age.count()) + " " +
                       std::to_string(entry.attempts) + (entry.is_delay_told ? " told " : " - ") +
                       (done.empty() ? "-" : done) + " " +
                       escaped_value(std::string_view(entry.why).substr(0, kMaxWhy));
    std::string line = "try ";
    add_hex(line, crc32(message.id + " " + said), 8);
    return line + " " + said + "\n";
}

namespace {

// Numbers of recipients, ascending or not; "-" for none.
bool read_done(std::string_view text, std::size_t recipients, std::vector<std::size_t>& done) {
    if (text == "-") return true;
    while (done.size() <= recipients) {
        const auto comma = std::min(text.find(','), text.size());
        std::size_t recipient = 0;
        if (!read_number(text.substr(0, comma), recipient) || recipient >= recipients) return false;
        done.push_back(recipient);
        if (comma == text.size()) return true;
        text.remove_prefix(comma + 1);
    }
    return false;
}

// Whether the checksum is right is seen when it is written anew.
std::optional<JournalEntry> parse_entry(const SpooledMessage& message, std::string_view line) {
    const auto words = words_of<8>(line);
    if (!words) return {};
    const auto& [word, checksum, time, age, attempts, delay, done, why] = *words;
    JournalEntry entry;
    std::int64_t seconds = 0;
    const auto reason = unescaped(why);
    if (!reason || !read_number(time, entry.time) || !read_number(age, seconds) ||
        !read_number(attempts, entry.attempts) || !read_done(done, message.recipients.size(), entry.done)) {
        return {};
    }
    entry.age = std::chrono::seconds(seconds);
    entry.is_delay_told = delay == "told";
    entry.why = *reason;
    return entry;
}

}  // namespace

Journal read_journal(const SpooledMessage& message, std::string_view text) {
    Journal journal;
    journal.state.done.resize(message.recipients.size());
    text = text.substr(0, kMaxJournal);
    std::size_t passed = 0;
    for (auto end = text.find('\n', passed); end != text.npos; end = text.find('\n', passed)) {
        // Nothing but NULs before a good line: a sync failed, and what it was to write was dropped.
        const std::size_t start = std::min(text.find_first_not_of('\0', passed), end);
        const std::string_view line = text.substr(start, end + 1 - start);
        passed = end + 1;
        auto entry = parse_entry(message, line.substr(0, line.size() - 1));
        if (!entry || journal_line(message, *entry) != line) continue;
        for (const std::size_t recipient : entry->done) journal.state.done[recipient] = true;
        entry->done.clear();
        journal.state.last = std::move(*entry);
        journal.octets = passed;
    }
    return journal;
}

}  // namespace gatepost::gateway
