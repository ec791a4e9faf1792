#include "gateway/snapshot.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "config/load.h"
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

void prepare_folders(const config::Settings& settings, std::vector<std::string>& problems) {
    std::error_code error;
    std::filesystem::create_directories(settings.state, error);
    if (error || ::access(settings.state.c_str(), W_OK | X_OK) != 0) {
        const std::string why = error ? error.message() : std::strerror(errno);
        problems.push_back(place(settings, {}) + ": error: state: " + settings.state + ": " + why +
                           "; large messages wait there: name a folder that gatepost may write to");
    }
    for (const auto& server : settings.downstream.servers) {
        if (server.kind != config::DownstreamKind::maildir) continue;
        const std::string problem = prepare_maildir(server.path);
        if (!problem.empty()) problems.push_back(place(settings, server.place) + ": error: " + problem);
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
        problems.push_back(place(settings, {}) +
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
    } else if (const int days = snapshot.tls->days_left(); days < 14) {
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

SnapshotResult take_snapshot(config::Settings settings, Purpose purpose) {
    SnapshotResult result;
    auto snapshot = std::make_shared<Snapshot>();
    if (purpose != Purpose::verifying && !settings.tls.empty()) {
        auto tls = TlsServer::make(settings.tls, settings.file);
        if (tls) {
            snapshot->tls = *tls;
        } else {
            result.problems.push_back(tls.problem());
        }
    }
    if (purpose != Purpose::verifying) snapshot->notification_key = read_key(settings, result.problems);
    if (purpose == Purpose::serving) prepare_folders(settings, result.problems);
    if (!result.problems.empty()) return result;
    snapshot->dns_servers = settings.dns.servers.empty() ? system_dns_servers() : settings.dns.servers;
    snapshot->settings = std::move(settings);
    if (purpose != Purpose::verifying) warn(snapshot->settings, *snapshot, result.problems);
    result.snapshot = std::move(snapshot);
    return result;
}

SnapshotResult take_snapshot(const std::string& file, Purpose purpose) {
    config::Loaded loaded = config::load_file(file, system_hostname());
    SnapshotResult result;
    if (loaded.settings) result = take_snapshot(std::move(*loaded.settings), purpose);
    std::vector<std::string> problems;
    for (const auto& finding : loaded.findings) problems.push_back(config::text(finding, file));
    result.problems.insert(result.problems.begin(), problems.begin(), problems.end());
    return result;
}

}  // namespace gatepost::gateway
