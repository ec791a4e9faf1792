#include "gateway/net/certificate_watch.h"

#include <sys/stat.h>

#include <utility>

namespace gatepost::gateway {

FileStamp stamp_of(const std::string& file) {
    struct stat found {};
    if (::stat(file.c_str(), &found) != 0) return {};
    return {found.st_dev, found.st_ino, found.st_size,
            std::int64_t(found.st_ctim.tv_sec) * 1'000'000'000 + found.st_ctim.tv_nsec};
}

FileStamps stamps_of(const std::vector<config::TlsIdentity>& identities) {
    FileStamps stamps;
    for (const auto& identity : identities) {
        stamps.push_back(stamp_of(identity.certificate));
        stamps.push_back(stamp_of(identity.key));
    }
    return stamps;
}

FileStamps stamps_of(const config::Settings& settings) {
    auto identities = settings.tls;
    if (settings.downstream.client) identities.push_back(*settings.downstream.client);
    return stamps_of(identities);
}

void CertificateWatch::loaded(FileStamps stamps) {
    known_ = last_ = std::move(stamps);
}

bool CertificateWatch::has_changed(const FileStamps& now) {
    const bool is_at_rest = now == last_;
    last_ = now;
    if (!is_at_rest || now == known_) return false;
    known_ = now;
    return true;
}

}  // namespace gatepost::gateway
