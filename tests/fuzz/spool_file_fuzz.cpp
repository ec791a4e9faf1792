// A spool file: what is read is what would be written, octet by octet; a journal is the good lines up to the
// first bad one; values of any octets come back as they were and end no line.
#include <cstdint>
#include <string>

#include "gateway/spool/spool_file.h"
#include "gateway/spool/spool_text.h"

using namespace gatepost::gateway;

namespace {

void require(bool holds) {
    if (!holds) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    if (const auto head = parse_spool_head(text)) {
        require(head->octets <= size && !head->message.recipients.empty());
        require(is_spool_id(head->message.id));
        const auto again = spool_head(head->message);
        require(again && *again == text.substr(0, head->octets));
        const std::size_t rest = size - head->octets;
        if (head->message.content_octets <= rest && rest - head->message.content_octets >= kSpoolTrailer) {
            const auto at = head->octets + head->message.content_octets;
            const auto digest = parse_spool_trailer(std::string_view(text).substr(at, kSpoolTrailer));
            if (digest) require(spool_trailer(*digest) == text.substr(at, kSpoolTrailer));
            const auto lines = text.substr(at + kSpoolTrailer);
            const Journal journal = read_journal(head->message, lines);
            require(journal.octets <= lines.size());
            require(journal.octets == 0 || lines[journal.octets - 1] == '\n');
            require(journal.state.done.size() == head->message.recipients.size());
        }
    }
    const std::string escaped = escaped_value(text);
    require(escaped.find('\n') == escaped.npos && unescaped(escaped) == text);
    SpooledMessage message;
    message.id = "1q0cncsp8ttb";
    message.recipients.resize(1);
    message.recipients[0].path = {"user", gatepost::protocol::Domain::parse("example.org")};
    message.sender.reverse_path.is_null = true;
    message.sender.client.helo = text;
    message.facts = {{"why", text}};
    if (const auto head = spool_head(message)) {
        const auto again = parse_spool_head(*head);
        require(again && again->message.sender.client.helo == text && again->message.facts == message.facts);
        require(again->message.recipients.size() == 1 && !again->message.may_notify);
    }
    JournalEntry entry;
    entry.attempts = 3;
    entry.done = {0};
    entry.why = text.substr(0, 500);
    const std::string line = journal_line(message, entry);
    const Journal journal = read_journal(message, line + text);
    require(journal.octets >= line.size() && journal.state.done[0]);
    if (journal.octets == line.size()) require(journal.state.last.why == entry.why);
    return 0;
}
