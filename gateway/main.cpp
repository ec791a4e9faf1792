// The command line. Builds every part in sight and hands it on by reference.
#include <sysexits.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <ctime>

#include "config/load.h"
#include "config/units.h"
#include "gateway/cli/keygen_command.h"
#include "gateway/cli/queue_options.h"
#include "gateway/cli/tls_command.h"
#include "gateway/cli/verify_command.h"
#include "gateway/service.h"
#include "gateway/snapshot.h"

namespace {

using namespace gatepost;

constexpr char kDefaultFile[] = "/etc/gatepost/gatepost.yaml";

int report(const gateway::SnapshotResult& result) {
    for (const auto& problem : result.problems) std::fprintf(stderr, "%s\n", problem.c_str());
    return result.snapshot ? EX_OK : EX_CONFIG;
}

int run_serve(const std::string& file) {
    const auto result = gateway::take_snapshot(file, gateway::Purpose::serving);
    if (report(result) != EX_OK) return EX_CONFIG;
    return gateway::serve(result.snapshot, file);
}

int run_check(const std::string& file) {
    const auto result = gateway::take_snapshot(file, gateway::Purpose::checking);
    const int status = report(result);
    if (status == EX_OK) std::printf("%s: good\n", file.c_str());
    return status;
}

// Also what would not be served is shown, so that it can be mended.
int run_tls_show(const std::string& file, gateway::TlsShow format) {
    const auto loaded = config::load_file(file, gateway::system_hostname());
    for (const auto& finding : loaded.findings)
        std::fprintf(stderr, "%s\n", config::text(finding, file).c_str());
    return loaded.settings ? gateway::show_tls(*loaded.settings, format) : EX_CONFIG;
}

// Of the configuration only the place of the queue is needed; what else is wrong with it is not said here.
int run_queue(const gateway::QueueRequest& request, const std::string& file) {
    const auto loaded = config::load_file(file, gateway::system_hostname());
    if (loaded.settings) return gateway::run_queue(request, *loaded.settings);
    for (const auto& finding : loaded.findings)
        std::fprintf(stderr, "%s\n", config::text(finding, file).c_str());
    return EX_CONFIG;
}

// Verifying needs no configuration; one that is named must be good.
gateway::SnapshotResult snapshot_for_verify(const std::string& file, const std::string& resolver) {
    config::Settings settings;
    if (!file.empty()) {
        const auto result = gateway::take_snapshot(file, gateway::Purpose::verifying);
        if (!result.snapshot) return result;
        settings = result.snapshot->settings;
    } else {
        settings.hostname = settings.authserv_id = gateway::system_hostname();
        settings.downstream.servers.emplace_back();
    }
    if (!resolver.empty()) settings.dns.servers = {*config::parse_endpoint(resolver, 53)};
    return gateway::take_snapshot(std::move(settings), gateway::Purpose::verifying);
}

int run_verify(gateway::VerifyRequest request, const std::string& file, const std::string& resolver) {
    if (!resolver.empty() && !config::parse_endpoint(resolver, 53)) {
        std::fprintf(stderr, "gatepost verify: --resolver: '%s' is not ADDRESS:PORT\n", resolver.c_str());
        return EX_USAGE;
    }
    auto result = snapshot_for_verify(file, resolver);
    if (report(result) != EX_OK) return EX_CONFIG;
    // As people copy it out of a log.
    if (request.mail_from.starts_with('<') && request.mail_from.ends_with('>')) {
        request.mail_from = request.mail_from.substr(1, request.mail_from.size() - 2);
    }
    if (!request.authserv_id.empty()) {
        auto changed = std::make_shared<gateway::Snapshot>(*result.snapshot);
        changed->settings.authserv_id = request.authserv_id;
        result.snapshot = changed;
    }
    return gateway::verify(request, result.snapshot);
}

void add_verify_options(CLI::App& command, gateway::VerifyRequest& request, std::string& resolver) {
    command
        .add_option("--resolver", resolver,
                    "DNS server to ask, by its address (default: configuration, then system)")
        ->type_name("ADDRESS:PORT");
    command.add_option("--now", request.now, "Time of reception, Unix seconds (default: now)")
        ->type_name("SECONDS");
    command.add_option("--client-ip", request.client_ip, "Address of the client that sent it")
        ->type_name("IP")
        ->required();
    command.add_option("--helo", request.helo, "Name it gave in HELO or EHLO")->type_name("NAME");
    command.add_option("--mail-from", request.mail_from, "Reverse-path; '' is the null path")
        ->type_name("ADDRESS");
    command
        .add_option("--authserv-id", request.authserv_id,
                    "Name in Authentication-Results (default: the configuration's, then the host name)")
        ->type_name("ID");
    command
        .add_option_function<std::string>(
            "--format", [&request](const std::string& format) { request.as_json = format == "json"; },
            "text for people (default), json for scripts")
        ->type_name("json|text")
        ->check(CLI::IsMember({"json", "text"}).description(""));
    command.add_option("MESSAGE", request.message, "The message: a file, or - for standard input")
        ->type_name("")
        ->required();
}

// As they come from the command line.
struct KeygenWords {
    std::string algorithm = "rsa2048", domain, selector, out;
    bool is_forced = false, is_shown_only = false;
};

// What is not said is taken from the configuration, as far as there is one. Nobody else's business is read.
int run_keygen(KeygenWords words, const std::string& file, bool must_be_there) {
    const auto loaded = config::load_file(file, gateway::system_hostname());
    if (must_be_there && !loaded.settings) {
        for (const auto& finding : loaded.findings)
            std::fprintf(stderr, "%s\n", config::text(finding, file).c_str());
        return EX_CONFIG;
    }
    if (loaded.settings) {
        const auto& notifications = loaded.settings->notifications;
        const auto ours = notifications.domain ? notifications.domain->text() : loaded.settings->hostname;
        if (words.domain.empty()) words.domain = ours;
        if (words.is_shown_only && words.selector.empty()) words.selector = notifications.selector;
        if (words.is_shown_only && words.out.empty()) words.out = notifications.key;
    }
    if (words.domain.empty()) {
        std::fprintf(stderr, "gatepost keygen: say for which --domain; %s does not say it\n", file.c_str());
        return EX_USAGE;
    }
    const auto domain = protocol::Domain::parse(words.domain);
    const auto selector = words.selector.empty() ? gateway::selector_for(std::time(nullptr))
                                                 : protocol::Domain::parse(words.selector);
    if (!domain || !selector) {
        std::fprintf(stderr, "gatepost keygen: --%s '%s' is not a domain name\n",
                     domain ? "selector" : "domain", (domain ? words.selector : words.domain).c_str());
        return EX_USAGE;
    }
    const auto type = words.algorithm == "ed25519" ? auth::KeyType::ed25519 : auth::KeyType::rsa;
    return gateway::keygen({type, *domain, *selector, words.out, words.is_forced, words.is_shown_only});
}

void add_keygen_options(CLI::App& command, KeygenWords& words) {
    command
        .add_option("--algorithm", words.algorithm, "rsa2048 (default), or ed25519, which fewer can verify")
        ->type_name("rsa2048|ed25519")
        ->check(CLI::IsMember({"rsa2048", "ed25519"}).description(""));
    command
        .add_option("--domain", words.domain,
                    "Domain of the signature (default: the configuration's, notifications.domain or "
                    "hostname)")
        ->type_name("DOMAIN");
    command
        .add_option("--selector", words.selector,
                    "Name of the key below _domainkey (default: gp and the month)")
        ->type_name("NAME");
    command.add_option("--out", words.out, "File of the private key (default: SELECTOR.DOMAIN.key here)")
        ->type_name("FILE");
    auto* force = command.add_flag("--force", words.is_forced, "Replace the key that is there");
    command
        .add_flag("--show", words.is_shown_only,
                  "Make no key; say again what to publish for the one in --out, or the configuration's")
        ->excludes(force);
}

// Which command it is about, what is wrong with it, and where to read more. A word that is no command is
// named: CLI11 only misses a command then.
std::string usage_problem(const CLI::App* app, const CLI::Error& error) {
    std::string command = app->get_name();
    std::string what = error.what();
    const auto strange = app->remaining(true);
    if (!strange.empty()) what = CLI::ExtrasError(command, strange).what();
    for (auto used = app->get_subcommands(); !used.empty(); used = used.front()->get_subcommands())
        command += " " + used.front()->get_name();
    return command + ": " + what + "\nSee " + command + " --help\n";
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{
        "gatepost, the edge MX: verifies SPF, DKIM and DMARC and refuses forged mail inside the SMTP "
        "session",
        "gatepost"};
    app.set_version_flag("--version", GATEPOST_VERSION);
    app.require_subcommand(1);
    app.fallthrough();
    app.failure_message(usage_problem);
    app.footer("-c, --config FILE names another configuration than " + std::string(kDefaultFile));
    std::string file = kDefaultFile;
    auto* config_option =
        app.add_option("-c,--config", file, "Configuration file (default: " + std::string(kDefaultFile) + ")")
            ->type_name("FILE")
            ->envname("GATEPOST_CONFIG");
    auto* serve =
        app.add_subcommand("serve", "Run the gateway until SIGTERM; SIGHUP reads the configuration again");
    auto* check =
        app.add_subcommand("check", "Check the configuration and all that it names; say every problem");
    auto* tls = app.add_subcommand("tls", "About the certificates of the configuration");
    tls->require_subcommand(1);
    auto* show = tls->add_subcommand("show", "Names, expiry, what is wrong, and the TLSA records to publish");
    bool as_json = false;
    show->add_flag("--json", as_json, "For scripts");
    auto* keygen = app.add_subcommand(
        "keygen", "Make the key that signs notifications, and say what to publish and to configure");
    KeygenWords words;
    add_keygen_options(*keygen, words);
    auto* queue =
        app.add_subcommand("queue", "Look at spooled mail, and retry, hold, release, drop or export it");
    gateway::QueueRequest queue_request;
    gateway::add_queue_options(*queue, queue_request);
    auto* verify = app.add_subcommand("verify", "Judge one message from a file as the gateway would");
    gateway::VerifyRequest request;
    std::string resolver;
    add_verify_options(*verify, request, resolver);
    verify->footer("-c, --config FILE names a configuration to judge by; without it none is read");
    app.footer(
        "Options of a command: gatepost COMMAND --help. All of it: man gatepost");  // not the commands'
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? EX_OK : EX_USAGE;
    }
    if (*serve) return run_serve(file);
    if (*check) return run_check(file);
    if (*show) return run_tls_show(file, as_json ? gateway::TlsShow::json : gateway::TlsShow::text);
    if (*keygen) return run_keygen(std::move(words), file, config_option->count() > 0);
    if (*queue) return run_queue(queue_request, file);
    return run_verify(std::move(request), config_option->count() > 0 ? file : "", resolver);
}
