#include "gateway/cli/queue_report.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>

#include "protocol/ascii.h"

namespace gatepost::gateway {
namespace {

constexpr std::size_t kMaxAddress = 40, kMaxProblem = 160, kMaxText = 400;  // octets shown to people

std::string angle(const protocol::Path& path, std::size_t limit) {
    return "<" + protocol::escaped(path.text(), limit) + ">";
}

bool is_done(const QueuedMessage& message, std::size_t recipient) {
    const auto& done = message.journal.done;
    return recipient < done.size() && done[recipient];
}

// "<a@example.org> +2": the first of those that are still open, or of all of a dead letter.
std::string recipients_text(const QueuedMessage& message) {
    const auto& all = message.message.recipients;
    std::vector<std::size_t> shown;
    for (std::size_t i = 0; i < all.size(); ++i)
        if (message.place == QueuePlace::dead || !is_done(message, i)) shown.push_back(i);
    if (shown.empty()) return "-";
    std::string text = angle(all[shown.front()].path, kMaxAddress);
    if (shown.size() > 1) text += " +" + std::to_string(shown.size() - 1);
    return text;
}

std::string next_text(const QueuedMessage& message) {
    if (message.place == QueuePlace::hold) return "held";
    if (message.place == QueuePlace::dead) return "dead";
    if (message.is_delivering) return "now";
    if (!message.next_try) return "-";
    return *message.next_try <= 0 ? "due" : span_text(*message.next_try);
}

std::string time_text(std::int64_t unix_seconds) {
    const auto time = static_cast<std::time_t>(unix_seconds);
    std::tm parts{};
    char text[40] = "?";
    if (::gmtime_r(&time, &parts)) std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    return text;
}

std::string expiry_text(const QueuedMessage& message, std::int64_t now) {
    if (message.place == QueuePlace::hold) return "not while it is held";
    if (!message.expires) return "";
    if (*message.expires == 0) return "with the next try";
    const bool is_running = message.is_delivering || message.next_try;
    if (!is_running) return "after " + span_text(*message.expires) + " more, once gatepost runs";
    return time_text(now + *message.expires) + ", in " + span_text(*message.expires);
}

constexpr std::size_t kColumns = 8;
using Row = std::array<std::string, kColumns>;

Row row_of(const QueuedMessage& message, std::int64_t now) {
    const auto& spooled = message.message;
    const auto& last = message.journal.last;
    return {spooled.id,
            span_text(now - spooled.arrived),
            std::to_string(last.attempts),
            next_text(message),
            size_text(spooled.content_octets),
            angle(spooled.sender.reverse_path, kMaxAddress),
            recipients_text(message),
            last.why.empty() ? "-" : protocol::escaped(last.why, kMaxProblem)};
}

// Numbers stand at the right of their column; the last column is as wide as it likes.
void append(std::string& out, const Row& row, const std::array<std::size_t, kColumns>& widths) {
    for (std::size_t i = 0; i < kColumns; ++i) {
        const bool is_number = i >= 1 && i <= 4;
        const std::string blanks(widths[i] - std::min(widths[i], row[i].size()), ' ');
        if (i > 0) out += "  ";
        if (is_number) out += blanks;
        out += row[i];
        if (!is_number && i + 1 < kColumns) out += blanks;
    }
    out += '\n';
}

std::string parameters_text(const protocol::MailParameters& parameters) {
    std::string text;
    const auto add = [&](const std::string& word) { text += (text.empty() ? "" : " ") + word; };
    if (parameters.body == protocol::BodyKind::eight_bit) add("BODY=8BITMIME");
    if (parameters.body == protocol::BodyKind::binary) add("BODY=BINARYMIME");
    if (parameters.smtputf8) add("SMTPUTF8");
    if (parameters.require_tls) add("REQUIRETLS");
    if (!parameters.ret.empty()) add("RET=" + parameters.ret);
    if (!parameters.envid.empty()) add("ENVID=" + parameters.envid);
    return protocol::escaped(text, kMaxText);
}

void append_line(std::string& out, std::string_view what, const std::string& text) {
    if (text.empty()) return;
    std::string label(what);
    label.resize(10, ' ');
    out += "  " + label + " " + text + "\n";
}

void append_recipients(std::string& out, const QueuedMessage& message) {
    const auto& all = message.message.recipients;
    for (std::size_t i = 0; i < all.size(); ++i) {
        std::string text = angle(all[i].path, kMaxText);
        if (is_done(message, i)) text += "  done";
        if (!all[i].notify.empty()) text += "  NOTIFY=" + protocol::escaped(all[i].notify, kMaxText);
        append_line(out, i == 0 ? "to" : "", text);
    }
}

std::string client_text(const protocol::ClientFacts& client) {
    std::string text = client.address.text();
    if (!client.helo.empty()) text += " (" + protocol::escaped(client.helo, kMaxText) + ")";
    return text;
}

std::string notify_text(const SpooledMessage& message) {
    if (message.origin == Origin::notification) return "no: it is a notification itself";
    if (message.sender.reverse_path.is_null) return "no: the null sender";
    if (message.is_list) return "no: from a list or an automaton";
    return message.may_notify ? "yes" : "no: the sender was not authenticated";
}

}  // namespace

void QueueTotals::add(const QueuedMessage& message) {
    octets += message.message.content_octets;
    switch (message.place) {
        case QueuePlace::queue: ++waiting; break;
        case QueuePlace::hold: ++held; break;
        case QueuePlace::dead: ++dead; break;
    }
}

std::optional<std::int64_t> seconds_left(const QueuedMessage& message, std::int64_t after, std::int64_t now) {
    if (message.place != QueuePlace::queue) return {};
    const auto& last = message.journal.last;
    const bool is_running = message.is_delivering || message.next_try;
    const std::int64_t since = is_running ? now - std::max(last.time, message.message.arrived) : 0;
    return std::max<std::int64_t>(after - last.age.count() - std::max<std::int64_t>(since, 0), 0);
}

std::string_view state_of(const QueuedMessage& message) {
    if (message.place == QueuePlace::hold) return "held";
    if (message.place == QueuePlace::dead) return "dead";
    return message.is_delivering ? "delivering" : "waiting";
}

std::string span_text(std::int64_t seconds) {
    if (seconds < 0) seconds = 0;  // a clock was set back
    if (seconds < 60) return std::to_string(seconds) + "s";
    if (seconds < 3600) return std::to_string(seconds / 60) + "m";
    if (seconds < 2 * 86400) return std::to_string(seconds / 3600) + "h";
    return std::to_string(seconds / 86400) + "d";
}

std::string size_text(std::size_t octets) {
    if (octets < 1024) return std::to_string(octets);
    double value = static_cast<double>(octets);
    const char* unit = "";
    for (const char* next : {"K", "M", "G", "T"}) {
        if (value < 1024) break;
        value /= 1024;
        unit = next;
    }
    char text[32];
    std::snprintf(text, sizeof text, value < 10 ? "%.1f%s" : "%.0f%s", value, unit);
    return text;
}

std::string queue_table(const std::vector<QueuedMessage>& messages, std::int64_t now) {
    if (messages.empty()) return "";
    std::vector<Row> rows{{"ID", "AGE", "TRIES", "NEXT", "SIZE", "FROM", "TO", "LAST PROBLEM"}};
    for (const auto& message : messages) rows.push_back(row_of(message, now));
    std::array<std::size_t, kColumns> widths{};
    for (const auto& row : rows)
        for (std::size_t i = 0; i < kColumns; ++i) widths[i] = std::max(widths[i], row[i].size());
    std::string out;
    for (const auto& row : rows) append(out, row, widths);
    return out;
}

std::string totals_text(const QueueTotals& totals) {
    const auto count = [](std::size_t number, const char* one, const char* many) {
        return std::to_string(number) + (number == 1 ? one : many);
    };
    const std::size_t messages = totals.waiting + totals.held;
    const std::string dead = count(totals.dead, " dead letter", " dead letters");
    const bool has_dead_only = messages == 0 && totals.dead > 0;
    std::string text = has_dead_only ? dead : count(messages, " message", " messages");
    if (totals.octets > 0) text += ", " + size_text(totals.octets) + (totals.octets < 1024 ? " octets" : "");
    if (totals.held > 0) text += "; " + std::to_string(totals.held) + " held";
    if (totals.dead > 0 && !has_dead_only) text += "; " + dead;
    if (totals.unreadable > 0) text += "; " + std::to_string(totals.unreadable) + " unreadable";
    return text + "\n";
}

std::string shown_text(const QueuedMessage& message, std::int64_t now) {
    const auto& spooled = message.message;
    std::string out = spooled.id + "  " + std::string(state_of(message));
    if (message.next_try && message.place == QueuePlace::queue && !message.is_delivering)
        out += *message.next_try <= 0 ? ", due" : ", next try in " + span_text(*message.next_try);
    out += "\n";
    append_line(out, "arrived",
                time_text(spooled.arrived) + ", " + span_text(now - spooled.arrived) + " ago");
    append_line(out, "expires", expiry_text(message, now));
    append_line(out, "from", angle(spooled.sender.reverse_path, kMaxText));
    append_recipients(out, message);
    if (spooled.origin == Origin::client) append_line(out, "client", client_text(spooled.sender.client));
    append_line(out, "parameters", parameters_text(spooled.sender.parameters));
    append_line(out, "size", std::to_string(spooled.content_octets) + " octets");
    std::string facts;
    for (const auto& [name, value] : spooled.facts) {
        const bool has_blank = value.find(' ') != value.npos;
        const std::string text = protocol::escaped(value, kMaxText);
        facts += (facts.empty() ? "" : " ") + protocol::escaped(name, kMaxText) + "=";
        facts += has_blank ? "\"" + text + "\"" : text;
    }
    append_line(out, "found", facts);
    append_line(out, "notify", notify_text(spooled));
    for (const auto& entry : message.tries) {
        append_line(out, &entry == &message.tries.front() ? "journal" : "",
                    time_text(entry.time) + "  try " + std::to_string(entry.attempts) +
                        (entry.why.empty() ? "" : "  " + protocol::escaped(entry.why, kMaxText)));
    }
    return out;
}

}  // namespace gatepost::gateway
