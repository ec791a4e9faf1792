// The JSON of queue_report.h. The keys are an interface: none is renamed or given another meaning.
#include <nlohmann/json.hpp>

#include "gateway/cli/queue_report.h"

namespace gatepost::gateway {
namespace {

using Json = nlohmann::ordered_json;

std::string text_of(const Json& json) {
    return json.dump(-1, ' ', true, Json::error_handler_t::replace);
}

Json time_of_next_try(const QueuedMessage& message, std::int64_t now) {
    if (message.place != QueuePlace::queue || !message.next_try) return nullptr;
    return now + *message.next_try;
}

Json time_of_expiry(const QueuedMessage& message, std::int64_t now) {
    return message.expires ? Json(now + *message.expires) : Json(nullptr);
}

Json summary_of(const QueuedMessage& message, std::int64_t now) {
    const auto& spooled = message.message;
    Json open = Json::array(), done = Json::array();
    for (std::size_t i = 0; i < spooled.recipients.size(); ++i) {
        const bool is_done = i < message.journal.done.size() && message.journal.done[i];
        (is_done ? done : open).push_back(spooled.recipients[i].path.text());
    }
    return {{"id", spooled.id},
            {"state", state_of(message)},
            {"arrived", spooled.arrived},
            {"attempts", message.journal.last.attempts},
            {"next_try", time_of_next_try(message, now)},
            {"expires", time_of_expiry(message, now)},
            {"octets", spooled.content_octets},
            {"from", spooled.sender.reverse_path.text()},
            {"to", std::move(open)},
            {"done", std::move(done)},
            {"problem", message.journal.last.why}};
}

const char* name_of(protocol::BodyKind body) {
    if (body == protocol::BodyKind::eight_bit) return "8BITMIME";
    return body == protocol::BodyKind::binary ? "BINARYMIME" : "7BIT";
}

Json parameters_of(const protocol::MailParameters& parameters) {
    return {{"body", name_of(parameters.body)},
            {"smtputf8", parameters.smtputf8},
            {"require_tls", parameters.require_tls},
            {"ret", parameters.ret},
            {"envid", parameters.envid}};
}

Json entry_of(const JournalEntry& entry) {
    return {{"time", entry.time},
            {"age", entry.age.count()},
            {"attempts", entry.attempts},
            {"done", entry.done},
            {"problem", entry.why}};
}

}  // namespace

std::string queue_json(const std::vector<QueuedMessage>& messages, const QueueTotals& totals,
                       std::int64_t now) {
    // One by one: a tree of all of them would take many times the memory of the text.
    std::string out = R"({"messages":[)";
    for (const auto& message : messages) {
        if (&message != &messages.front()) out += ',';
        out += text_of(summary_of(message, now));
    }
    const Json total{{"waiting", totals.waiting},
                     {"held", totals.held},
                     {"dead", totals.dead},
                     {"octets", totals.octets},
                     {"unreadable", totals.unreadable}};
    return out + R"(],"total":)" + text_of(total) + "}";
}

std::string shown_json(const QueuedMessage& message, std::int64_t now) {
    const auto& spooled = message.message;
    Json json = summary_of(message, now);
    json["client"] = {{"address", spooled.sender.client.address.text()},
                      {"helo", spooled.sender.client.helo}};
    json["parameters"] = parameters_of(spooled.sender.parameters);
    Json recipients = Json::array();
    for (const auto& recipient : spooled.recipients) {
        recipients.push_back(Json{
            {"address", recipient.path.text()}, {"notify", recipient.notify}, {"orcpt", recipient.orcpt}});
    }
    json["recipients"] = std::move(recipients);
    json["is_notification"] = spooled.origin == Origin::notification;
    json["may_notify"] = spooled.may_notify;
    json["is_list"] = spooled.is_list;
    Json facts = Json::object();
    for (const auto& [name, value] : spooled.facts) facts[name] = value;
    json["found"] = std::move(facts);
    Json journal = Json::array();
    for (const auto& entry : message.tries) journal.push_back(entry_of(entry));
    json["journal"] = std::move(journal);
    return text_of(json);
}

}  // namespace gatepost::gateway
