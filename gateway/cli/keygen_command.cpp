#include "gateway/cli/keygen_command.h"

#include <sysexits.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>

#include "auth/dkim_sign.h"
#include "gateway/private_key_file.h"

namespace gatepost::gateway {
namespace {

constexpr std::size_t kMaxString = 255;
constexpr std::size_t kMaxName = 253;

int fail(int status, const std::string& text) {
    std::fprintf(stderr, "gatepost keygen: %s\n", text.c_str());
    return status;
}

void print(const KeygenRequest& request, const std::string& file, const auth::PrivateKey& key) {
    const auto record = auth::key_record(key);
    std::printf("Publish in DNS:\n\n%s\n\n", zone_record(request.selector, request.domain, record).c_str());
    std::printf(
        "Write in the configuration, once that can be seen from outside, and reload:\n\n"
        "notifications:\n  domain: %s\n  selector: %s\n  key: %s\n",
        request.domain.text().c_str(), request.selector.text().c_str(), file.c_str());
    if (key.type() == auth::KeyType::ed25519) {
        std::puts("\nMany receivers do not know Ed25519 keys yet, and take such a signature for none.");
    }
}

}  // namespace

std::string zone_record(const protocol::Domain& selector, const protocol::Domain& domain,
                        std::string_view text) {
    std::string out = selector.text() + "._domainkey." + domain.text() + ". IN TXT (";
    while (!text.empty()) {
        out += "\n    \"" + std::string(text.substr(0, kMaxString)) + '"';
        text.remove_prefix(std::min(text.size(), kMaxString));
    }
    return out + " )";
}

protocol::Domain selector_for(std::int64_t now) {
    const std::chrono::sys_seconds time{std::chrono::seconds(now)};
    const std::chrono::year_month_day date(std::chrono::floor<std::chrono::days>(time));
    char text[32];
    std::snprintf(text, sizeof text, "gp%04d%02u", static_cast<int>(date.year()),
                  static_cast<unsigned>(date.month()));
    return *protocol::Domain::parse(text);
}

int keygen(const KeygenRequest& request) {
    const std::string name = request.selector.text() + "._domainkey." + request.domain.text();
    if (name.size() > kMaxName) return fail(EX_USAGE, name + ": too long for a name in DNS");
    const std::string given =
        request.file.empty() ? request.selector.text() + "." + request.domain.text() + ".key" : request.file;
    const std::string file = std::filesystem::absolute(given).lexically_normal().string();
    if (request.is_shown_only) {
        const auto key = read_private_key(file);
        if (!key) return fail(EX_NOINPUT, file + ": " + key.problem());
        print(request, file, *key);
        return EX_OK;
    }
    const auto key = auth::PrivateKey::generate(request.type);
    const auto existing = request.is_forced ? Existing::replaced : Existing::kept;
    if (const auto why = write_private_key(file, key, existing); !why.empty()) {
        const bool is_there = access(file.c_str(), F_OK) == 0 && !request.is_forced;
        return fail(EX_CANTCREAT, file + ": " + why +
                                      (is_there ? ". It may be in use: take another --selector or --out, see "
                                                  "its record with --show, or replace it with --force"
                                                : ""));
    }
    std::printf("The private key is in %s, for its owner alone", file.c_str());
    std::puts(geteuid() == 0 ? ". Give it to the user that runs gatepost:\n" : ".\n");
    if (geteuid() == 0) std::printf("chown gatepost %s\n\n", file.c_str());
    print(request, file, key);
    return EX_OK;
}

}  // namespace gatepost::gateway
