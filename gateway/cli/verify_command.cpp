#include "gateway/cli/verify_command.h"

#include <sysexits.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "auth/message_verifier.h"
#include "gateway/cli/verify_report.h"
#include "gateway/completion.h"
#include "gateway/log.h"
#include "gateway/server/transaction.h"
#include "protocol/address.h"

namespace gatepost::gateway {
namespace {

struct MessageText {
    std::string header;
    std::string body;
};

std::optional<std::string> read_message(const std::string& name) {
    const bool is_standard_input = name == "-";
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(
        is_standard_input ? stdin : std::fopen(name.c_str(), "rb"),
        is_standard_input ? +[](std::FILE*) { return 0; } : &std::fclose);
    if (!file) return {};
    std::string text;
    char buffer[64 * 1024];
    while (const auto got = std::fread(buffer, 1, sizeof buffer, file.get())) text.append(buffer, got);
    if (std::ferror(file.get())) return {};
    return text;
}

// Files mostly have lines that end with LF alone; over SMTP they would have had CRLF.
std::string with_crlf(const std::string& text) {
    if (text.find("\r\n") != std::string::npos) return text;
    std::string out;
    out.reserve(text.size() + text.size() / 32);
    for (char c : text) {
        if (c == '\n') out += '\r';
        out += c;
    }
    return out;
}

MessageText split(std::string text) {
    if (text.starts_with("\r\n")) return {"", text.substr(2)};
    const auto end = text.find("\r\n\r\n");
    if (end == std::string::npos) return {std::move(text), ""};
    return {text.substr(0, end + 2), text.substr(end + 4)};
}

awaitable<void> evaluate(Environment& environment, auth::MessageVerifier& verifier,
                         auth::Verification& verification) {
    auth::DnsFacts facts = environment.resolver.facts();
    const std::function<void(auth::DnsFacts&)> once = [&](auth::DnsFacts& known) {
        verification = verifier.evaluate(known);
    };
    const Deadline deadline = Clock::now() + environment.settings.limits.dns_timeout;
    co_await settle(environment.resolver, deadline, facts, once);
    environment.context.stop();
}

policy::Circumstances circumstances(const VerifyRequest& request, const auth::SpfClient& client) {
    policy::Circumstances known;
    known.client = client.ip;
    known.helo = client.helo;
    known.reverse_path = request.mail_from;
    known.today =
        std::chrono::floor<std::chrono::days>(std::chrono::sys_seconds(std::chrono::seconds(client.now)));
    return known;
}

// The gateway refuses such a message before it looks any further.
void refuse_malformed(policy::Judgement& judgement, const std::string& why) {
    judgement.decision.action = judgement.decision.unobserved = policy::Action::reject;
    judgement.decision.why = "malformed message: " + why;
    judgement.decision.reply = {550, "5.6.0", {"Malformed message: " + why}};
}

}  // namespace

int verify(const VerifyRequest& request, std::shared_ptr<const Snapshot> snapshot) {
    const auto ip = protocol::IpAddress::parse(request.client_ip);
    if (!ip) {
        std::fprintf(stderr, "gatepost verify: --client-ip: '%s' is no IP address\n",
                     request.client_ip.c_str());
        return EX_USAGE;
    }
    auto text = read_message(request.message);
    if (!text) {
        std::fprintf(stderr, "gatepost verify: %s: %s\n", request.message.c_str(), std::strerror(errno));
        return EX_NOINPUT;
    }
    const config::Settings& settings = snapshot->settings;
    const auth::SpfClient client{*ip, request.helo, settings.hostname, request.now.value_or(unix_time())};
    MessageText message = split(with_crlf(*text));
    auto header =
        protocol::Header::parse(std::move(message.header), {settings.limits.header_size, 1000, 64 * 1024});
    const std::string malformed = header ? "" : header.problem();
    if (!header) header = protocol::Header::parse("");
    asio::io_context context{1};
    asio::thread_pool disk(1);
    Environment environment(context, disk, snapshot);
    auth::MessageVerifier verifier(*header, client, request.mail_from, verifier_options(settings), {});
    verifier.body(message.body);
    verifier.end_of_body();
    environment.resolver.prefetch(verifier.questions());
    auth::Verification verification;
    asio::co_spawn(context, evaluate(environment, verifier, verification), log_exception);
    context.run();
    policy::Judgement judgement =
        policy::judge(std::move(verification), circumstances(request, client), *header, settings, "verify");
    if (!malformed.empty()) refuse_malformed(judgement, malformed);
    const std::string report = request.as_json ? as_json(judgement) : as_text(judgement);
    std::fwrite(report.data(), 1, report.size(), stdout);
    return EX_OK;
}

}  // namespace gatepost::gateway
