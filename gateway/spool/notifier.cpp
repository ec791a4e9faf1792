#include "gateway/spool/notifier.h"

#include <algorithm>
#include <cstring>
#include <ctime>

#include "auth/dkim_sign.h"
#include "gateway/log.h"
#include "policy/notification.h"

namespace gatepost::gateway {
namespace {

using policy::NotificationAction;
using What = Queue::Notify::What;

constexpr std::int64_t kLastSecond = 253'402'300'799;  // of the year 9999
constexpr std::size_t kShareOfQueue = 4;               // dead letters have that part of its room beside it
constexpr std::size_t kMaxId = 64;
constexpr std::size_t kIdDigest = 8;  // hexadecimal digits: of the recipients

// A finished message, in memory.
class Letter final : public Content {
  public:
    explicit Letter(std::string text) : text_(std::move(text)) {}
    std::size_t size() const override { return text_.size(); }
    std::unique_ptr<ContentReader> reader() override { return std::make_unique<Reader>(text_); }

  private:
    class Reader final : public ContentReader {
      public:
        explicit Reader(std::string_view rest) : rest_(rest) {}
        std::string_view next() override { return std::exchange(rest_, std::string_view()); }
        bool lasts() const override { return true; }
        bool failed() const override { return false; }

      private:
        std::string_view rest_;
    };
    std::string text_;
};

policy::NotificationEvent event_of(What what) {
    switch (what) {
        case What::failed: return policy::NotificationEvent::failed;
        case What::delayed: return policy::NotificationEvent::delayed;
        case What::relayed: return policy::NotificationEvent::relayed;
    }
    return policy::NotificationEvent::failed;
}

protocol::DsnAction action_of(What what) {
    switch (what) {
        case What::failed: return protocol::DsnAction::failed;
        case What::delayed: return protocol::DsnAction::delayed;
        case What::relayed: return protocol::DsnAction::relayed;
    }
    return protocol::DsnAction::failed;
}

std::string_view word(What what) {
    switch (what) {
        case What::failed: return "failed";
        case What::delayed: return "delayed";
        case What::relayed: return "relayed";
    }
    return "failed";
}

protocol::Dsn::Time time_of(std::int64_t seconds) {
    return protocol::Dsn::Time(std::chrono::seconds(std::clamp<std::int64_t>(seconds, 0, kLastSecond)));
}

std::optional<protocol::Domain> domain_of(const config::Settings& settings) {
    const auto& domain = settings.notifications.domain;
    return domain ? domain : protocol::Domain::parse(settings.hostname);
}

bool has_key(const Snapshot& snapshot) {
    return snapshot.notification_key && domain_of(snapshot.settings) &&
           protocol::Domain::parse(snapshot.settings.notifications.selector);
}

policy::NotificationChoice choose(const Snapshot& snapshot, const SpooledMessage& message, const Tried& tried,
                                  What what) {
    return policy::choose_notification({.event = event_of(what),
                                        .notify = message.recipients[tried.recipient].notify,
                                        .has_null_path = message.sender.reverse_path.is_null,
                                        .is_notification = message.origin == Origin::notification,
                                        .is_list = message.is_list,
                                        .may_notify = message.may_notify,
                                        .has_key = has_key(snapshot)},
                                       snapshot.settings);
}

// As much of it as a notification may return, and its header. What cannot be read is left out: better a
// notification without it than none.
void add_content(protocol::Dsn& dsn, Content* content) {
    if (!content) return;
    constexpr std::size_t kEnough = protocol::kMaxReturnedOctets + 1;
    std::string text;
    const auto reader = content->reader();
    for (auto portion = reader->next(); !portion.empty() && text.size() < kEnough; portion = reader->next())
        text += portion.substr(0, kEnough - text.size());
    const bool is_whole = text.size() < kEnough && !reader->failed();
    const auto end = text.find("\r\n\r\n");
    dsn.header = end == std::string::npos ? text : text.substr(0, end + 2);
    if (is_whole) dsn.content = std::move(text);
}

std::string signed_message(const Snapshot& snapshot, const protocol::DsnMessage& message, std::int64_t now) {
    const auto& settings = snapshot.settings;
    const auto header = protocol::Header::parse(message.header);
    if (!header) throw std::logic_error("header of a notification: " + header.problem());
    const auth::SigningOptions options{.domain = *domain_of(settings),
                                       .selector = *protocol::Domain::parse(settings.notifications.selector),
                                       .now = now};
    return auth::sign(*header, message.body, *snapshot.notification_key, options) + message.header + "\r\n" +
           message.body;
}

// From ourselves, as if it had come in over the loopback: a downstream that hears of clients takes it for a
// local one.
SpooledMessage envelope_of(const Spooled& original, const protocol::DsnMessage& message, std::string id,
                           const config::Settings& settings, std::int64_t now) {
    SpooledMessage envelope;
    envelope.id = std::move(id);
    envelope.arrived = now;
    envelope.origin = Origin::notification;
    envelope.sender.reverse_path.is_null = true;
    envelope.sender.parameters = message.parameters;
    envelope.sender.client.address = *protocol::IpAddress::parse("127.0.0.1");
    envelope.sender.client.helo = settings.hostname;
    envelope.sender.client.is_extended = true;
    envelope.sender.client.id = envelope.id;
    envelope.recipients = {{original.message.sender.reverse_path, "", ""}};
    envelope.facts = {{"notification_of", original.message.id}};
    return envelope;
}

}  // namespace

std::string notification_id(const std::string& id, const Queue::Notify& due) {
    static constexpr char kHex[] = "0123456789abcdef";
    std::string recipients;
    for (const auto& tried : due.recipients) recipients += std::to_string(tried.recipient) + ",";
    const auto digest = auth::sha256(recipients);
    std::string end(1, word(due.what).front());
    for (std::size_t i = 0; i < kIdDigest / 2; ++i) {
        end += kHex[digest[i] >> 4];
        end += kHex[digest[i] & 15];
    }
    return id.substr(0, kMaxId - end.size()) + end;
}

protocol::Dsn dsn_of(const config::Settings& settings, const Spooled& spooled, const Queue::Notify& due,
                     std::int64_t now) {
    const auto& message = spooled.message;
    protocol::Dsn dsn;
    dsn.action = action_of(due.what);
    for (const auto& tried : due.recipients) {
        // Of what broke, the words are ours.
        const Fate fate = tried.outcome.fate;
        const bool has_answered = fate != Fate::unreachable && fate != Fate::unknown && !tried.outcome.is_own;
        dsn.recipients.push_back({message.recipients[tried.recipient], tried.outcome.reply,
                                  has_answered ? tried.server : std::string()});
    }
    dsn.reverse_path = message.sender.reverse_path;
    dsn.parameters = message.sender.parameters;
    dsn.arrived = time_of(message.arrived);
    dsn.hostname = settings.hostname;
    dsn.domain = settings.notifications.domain;
    dsn.id = notification_id(message.id, due);
    dsn.now = dsn.last_attempt = time_of(now);
    if (due.what == What::delayed) {
        // The journal's is that of an earlier try.
        const auto left = settings.downstream.retry.expire - std::max(due.age, spooled.journal.last.age);
        dsn.will_retry_until = time_of(now + std::max<std::int64_t>(left.count(), 0));
    }
    return dsn;
}

// A letter is counted and told of in the log once all is durable: what fails is done again as a whole.
awaitable<bool> Notifier::tell(std::shared_ptr<const Snapshot> snapshot, const Spooled& spooled,
                               const Queue::Notify& due) {
    Queue::Notify told = due;
    told.recipients.clear();
    std::vector<Unheard> unheard;
    for (const auto& tried : due.recipients) {
        if (tried.recipient >= spooled.message.recipients.size()) continue;
        const auto choice = choose(*snapshot, spooled.message, tried, due.what);
        if (choice.action == NotificationAction::notify) told.recipients.push_back(tried);
        if (choice.action == NotificationAction::dead_letter) unheard.push_back({&tried, choice.why});
    }
    const bool is_kept = unheard.empty() || keep_dead_letter(snapshot->settings, spooled, unheard) == 0;
    bool is_told = true;
    if (!told.recipients.empty()) is_told = co_await notify(*snapshot, spooled, told);
    if (is_kept && is_told) log_dead_letter(spooled, unheard);
    co_return is_kept&& is_told;
}

awaitable<bool> Notifier::notify(const Snapshot& snapshot, const Spooled& spooled, const Queue::Notify& due) {
    const std::int64_t now = std::time(nullptr);
    protocol::Dsn dsn = dsn_of(snapshot.settings, spooled, due, now);
    const std::string id = dsn.id;
    if (spool_.has(id)) co_return true;
    const auto content = spool_.content(spooled.message.id);
    add_content(dsn, content.get());
    const auto message = protocol::written(dsn);
    Letter letter(signed_message(snapshot, message, now));
    SpooledMessage envelope = envelope_of(spooled, message, id, snapshot.settings, now);
    envelope.sender.parameters.declared_size = letter.size();
    const int error = co_await spool_.commit(context_, std::move(envelope), letter);
    LogLine line("notification");
    line.add("id", spooled.message.id).add("as", id).add("event", word(due.what));
    line.add("to", spooled.message.sender.reverse_path.text());
    std::string about;
    for (const auto& each : dsn.recipients) about += (about.empty() ? "" : ",") + each.recipient.path.text();
    line.add("about", about);
    if (error == 0) {
        ++counts_.notices[static_cast<std::size_t>(due.what)];
        log_info(line);
    } else {
        log_error(line.add("why", std::strerror(error)));
    }
    co_return error == 0;
}

// Once for all: each time the disk is waited for.
int Notifier::keep_dead_letter(const config::Settings& settings, const Spooled& spooled,
                               const std::vector<Unheard>& recipients) {
    const int error = letters_.keep(spooled.message.id, settings.queue.size / kShareOfQueue);
    if (error == 0) return 0;
    LogLine line("dead_letter");
    line.add("id", spooled.message.id).add("recipients", recipients.size());
    log_error(line.add("problem", std::strerror(error)));
    return error;
}

void Notifier::log_dead_letter(const Spooled& spooled, const std::vector<Unheard>& recipients) {
    const auto& message = spooled.message;
    for (const auto& [tried, why] : recipients) {
        LogLine line("dead_letter");
        line.add("id", message.id).add("to", message.recipients[tried->recipient].path.text());
        line.add("from", message.sender.reverse_path.text());
        line.add("why", why).add("reply", tried->outcome.reply.text());
        log_warning(line.add("total", ++counts_.dead_letters));
    }
}

}  // namespace gatepost::gateway
