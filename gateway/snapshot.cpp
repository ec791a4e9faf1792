#include "gateway/snapshot.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "config/load.h"
#include "gateway/net/certificate.h"
#include "gateway/private_key_file.h"
#include "gateway/relay/maildir_delivery.h"
#include "policy/notification.h"

namespace gatepost::gateway {
namespace {

std::string place(const config::Settings& settings, const config::Place& at) {
    std::string text = settings.file.empty() ? "configuration" : settings.file;
    if (at.line > 0) text += ":" + std::to_string(at.line) + ":" + std::to_string(at.column);
    return text;
}

// Only the last folder of the path is made: what is mistyped must not become a new place for mail.
std::string prepare_state(const std::string& folder) {
    const bool is_made = ::mkdir(folder.c_str(), 0750) == 0;
    if (!is_made && errno == ENOENT) return "the folder above it does not exist";
    if (!is_made && errno != EEXIST) return std::strerror(errno);
    std::error_code error;
    if (!std::filesystem::is_directory(folder, error)) return std::strerror(error ? error.value() : ENOTDIR);
    return ::access(folder.c_str(), R_OK | W_OK | X_OK) == 0 ? "" : std::strerror(errno);
}

void prepare_folders(const config::Settings& settings, std::vector<std::string>& problems) {
    const std::string why = prepare_state(settings.state);
    if (!why.empty()) {
        problems.push_back(place(settings, settings.state_place) + ": error: state: " + settings.state +
                           ": " + why +
                           "; large messages and the spool are kept there: name a folder that gatepost may "
                           "write to");
    }
    const auto prepare = [&](const std::vector<config::DownstreamServer>& servers) {
        for (const auto& server : servers) {
            if (server.kind != config::DownstreamKind::maildir) continue;
            const std::string problem = prepare_maildir(server.path);
            if (!problem.empty()) problems.push_back(place(settings, server.place) + ": error: " + problem);
        }
    };
    prepare(settings.downstream.servers);
    for (const auto& route : settings.downstream.routes) prepare(route.servers);
    prepare(settings.notifications.relay);
}

bool are_the_same(const std::vector<config::TlsIdentity>& some,
                  const std::vector<config::TlsIdentity>& others) {
    return std::equal(
        some.begin(), some.end(), others.begin(), others.end(),
        [](const auto& a, const auto& b) { return a.certificate == b.certificate && a.key == b.key; });
}

// `then` may hold more behind them: those of the certificate for the downstream.
bool are_the_same(const FileStamps& now, const FileStamps& then) {
    return now.size() <= then.size() && std::equal(now.begin(), now.end(), then.begin());
}

// An answer that somebody could have forged would turn TLS off, and one resolver that cannot be trusted is
// enough: the next is asked when the first is silent.
void check_dane(const config::Settings& settings, const Snapshot& snapshot,
                std::vector<std::string>& problems) {
    if (settings.downstream.tls != config::DownstreamTls::dane) return;
    for (const auto& server : snapshot.dns_servers) {
        if (trusts_ad_of(server, settings.dns)) continue;
        problems.push_back(
            place(settings, settings.downstream.tls_place) +
            ": error: tls: dane needs DNSSEC, and the answers of the DNS server " + server.text() +
            " could be changed on their way; use a validating resolver on this machine (dns.servers: "
            "[\"127.0.0.1:53\"]), or say dns.trust_ad: true if the way to it is safe");
    }
}

// Nothing where none is configured.
std::shared_ptr<const auth::PrivateKey> read_key(const config::Settings& settings,
                                                 std::vector<std::string>& problems) {
    const auto& notifications = settings.notifications;
    if (!notifications.is_on || notifications.key.empty()) return nullptr;
    auto key = read_private_key(notifications.key);
    if (key) return std::make_shared<const auth::PrivateKey>(std::move(*key));
    problems.push_back(place(settings, notifications.key_place) +
                       ": error: notifications.key: " + notifications.key + ": " + key.problem());
    return nullptr;
}

void warn_of_notifications(const config::Settings& settings, std::vector<std::string>& problems) {
    const auto& notifications = settings.notifications;
    if (settings.downstream.spool == config::SpoolMode::never || !notifications.is_on) return;
    if (notifications.key.empty()) {
        problems.push_back(place(settings, notifications.key_place) +
                           ": warning: notifications.key is missing: nobody is told of mail that cannot be "
                           "delivered, it is kept as dead letters; gatepost keygen makes a key");
    } else if (!policy::has_way_out(settings)) {
        problems.push_back(place(settings, notifications.key_place) +
                           ": warning: notifications.relay is missing, and the downstream is no SMTP server: "
                           "nobody is told of mail that cannot be delivered");
    }
}

void warn(const config::Settings& settings, const Snapshot& snapshot, std::vector<std::string>& problems) {
    if (settings.tls.empty()) {
        problems.push_back(place(settings, {}) +
                           ": warning: tls is missing: STARTTLS is not offered and mail comes in the clear");
    } else if (const int days = snapshot.tls->days_left(); days < kWarnDays) {
        problems.push_back(place(settings, settings.tls.front().place) +
                           ": warning: a certificate expires in " + std::to_string(days) + " days");
    }
    warn_of_notifications(settings, problems);
}

}  // namespace

std::string system_hostname() {
    char name[256] = "";
    ::gethostname(name, sizeof name - 1);
    const auto domain = protocol::Domain::parse(name);
    return domain ? domain->text() : "localhost";
}

std::string load_certificates(const config::Settings& settings, const Snapshot* before, Snapshot& snapshot) {
    snapshot.stamps = stamps_of(settings);
    snapshot.tls = nullptr;
    if (before && are_the_same(settings.tls, before->settings.tls) &&
        are_the_same(stamps_of(settings.tls), before->stamps)) {
        snapshot.tls = before->tls;
    } else if (!settings.tls.empty()) {
        auto tls = TlsServer::make(settings.tls, settings.file);
        if (!tls) return tls.problem();
        snapshot.tls = *tls;
    }
    auto client = make_client_tls(settings.downstream, settings.file);
    if (!client) return client.problem();
    snapshot.client_tls = *client;
    return {};
}

SnapshotResult take_snapshot(config::Settings settings, Purpose purpose, const Snapshot* before) {
    SnapshotResult result;
    auto snapshot = std::make_shared<Snapshot>();
    snapshot->dns_servers = settings.dns.servers.empty() ? system_dns_servers() : settings.dns.servers;
    if (purpose != Purpose::verifying) {
        const std::string problem = load_certificates(settings, before, *snapshot);
        if (!problem.empty()) result.problems.push_back(problem);
        check_dane(settings, *snapshot, result.problems);
    }
    if (purpose != Purpose::verifying) snapshot->notification_key = read_key(settings, result.problems);
    if (purpose != Purpose::verifying && !settings.recipients.file.empty()) {
        auto recipients = RecipientFile::open(settings.recipients.file);
        if (recipients) {
            snapshot->recipients = *recipients;
        } else {
            result.problems.push_back(place(settings, settings.recipients.file_place) +
                                      ": error: recipients.file: " + recipients.problem());
        }
    }
    if (purpose == Purpose::serving) prepare_folders(settings, result.problems);
    if (!result.problems.empty()) return result;
    snapshot->settings = std::move(settings);
    if (purpose != Purpose::verifying) warn(snapshot->settings, *snapshot, result.problems);
    result.snapshot = std::move(snapshot);
    return result;
}

SnapshotResult take_snapshot(const std::string& file, Purpose purpose, const Snapshot* before) {
    config::Loaded loaded = config::load_file(file, system_hostname());
    SnapshotResult result;
    if (loaded.settings) result = take_snapshot(std::move(*loaded.settings), purpose, before);
    std::vector<std::string> problems;
    for (const auto& finding : loaded.findings) problems.push_back(config::text(finding, file));
    result.problems.insert(result.problems.begin(), problems.begin(), problems.end());
    return result;
}

}  // namespace gatepost::gateway
