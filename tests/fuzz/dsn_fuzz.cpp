// A notification made of what strangers said is one well-formed message: its header parses, each line is one
// that every server takes, its parts are three, and the fields of the report are ours alone.
#include <cstdint>
#include <string>
#include <vector>

#include "protocol/ascii.h"
#include "protocol/dsn.h"
#include "protocol/header.h"
#include "protocol/transfer_encoding.h"

using namespace gatepost::protocol;

namespace {

void require(bool holds) {
    if (!holds) __builtin_trap();
}

// Up to the next 0x1f.
std::string next(std::string_view& rest) {
    const auto end = rest.find('\x1f');
    std::string text(rest.substr(0, end));
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    return text;
}

Path path_of(const std::string& text) {
    const auto parsed = parse_reverse_path('<' + text + '>');
    if (!parsed || parsed->path.is_null) return parse_reverse_path("<a@example.net>")->path;
    return parsed->path;
}

std::vector<std::string> parts_of(const DsnMessage& message) {
    const auto begin = message.header.find("boundary=\"") + 10;
    const auto boundary = "\r\n--" + message.header.substr(begin, message.header.find('"', begin) - begin);
    std::vector<std::string> parts;
    std::size_t at = message.body.find(boundary);
    require(at != std::string::npos);
    for (at += boundary.size();;) {
        const auto end = message.body.find(boundary, at);
        if (end == std::string::npos) break;
        require(message.body.compare(at, 2, "\r\n") == 0);
        parts.push_back(message.body.substr(at + 2, end - at - 2 + 2));
        at = end + boundary.size();
    }
    require(message.body.substr(at) == "--\r\n");
    return parts;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    std::string_view rest(reinterpret_cast<const char*>(data) + 2, size - 2);
    Dsn dsn;
    dsn.action = static_cast<DsnAction>(data[0] % 3);
    dsn.hostname = "mx1.example.org";
    dsn.id = "3f9k2f1";
    dsn.now = dsn.arrived = dsn.last_attempt = Dsn::Time(std::chrono::seconds(1'795'444'200));
    dsn.parameters.require_tls = data[0] & 64;
    dsn.parameters.ret = data[0] & 128 ? "FULL" : "";
    dsn.parameters.envid = next(rest);
    dsn.reverse_path = path_of(next(rest));
    for (unsigned i = 0; i < data[1] % 4u + 1; ++i) {
        const auto address = path_of(next(rest));
        const auto orcpt = next(rest), enhanced = next(rest), words = next(rest), server = next(rest);
        dsn.recipients.push_back(
            {{address, "", orcpt}, {data[1] & 64 ? 550 : 451, enhanced, {words, words}}, server});
    }
    dsn.header = next(rest);
    dsn.content = std::string(rest);

    const auto message = written(dsn);
    const auto whole = message.header + "\r\n" + message.body;
    const auto traits = traits_of(whole);
    require(!traits.is_unfit && (!traits.has_8bit || message.parameters.body == BodyKind::eight_bit));
    require(message.parameters.body == BodyKind::seven_bit || message.parameters.smtputf8);
    const auto header = Header::parse(message.header);
    require(header && header->find("from").size() == 1 && header->find("to").size() == 1);
    const bool has_8bit = traits_of(message.body).has_8bit;
    require(header->size() == (has_8bit ? 9u : 8u));
    require(header->find("content-transfer-encoding").size() == (has_8bit ? 1u : 0u));
    const auto parts = parts_of(message);
    require(parts.size() == 3);

    // Of the report: its groups of fields, separated by an empty line.
    const auto report = parts[1].substr(parts[1].find("\r\n\r\n") + 4);
    std::size_t groups = 0, actions = 0;
    for (std::size_t at = 0; at < report.size(); ++groups) {
        const auto end = report.find("\r\n\r\n", at);
        const auto group = Header::parse(report.substr(at, end == std::string::npos ? end : end + 2 - at));
        require(static_cast<bool>(group));
        actions += group->find("action").size();
        require(group->find("final-recipient").size() == (groups == 0 ? 0u : 1u));
        at = end == std::string::npos ? report.size() : end + 4;
    }
    require(groups == dsn.recipients.size() + 1 && actions == dsn.recipients.size());
    return 0;
}
