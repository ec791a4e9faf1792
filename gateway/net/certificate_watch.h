// Whether the files of certificates and keys have been replaced since they were loaded.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <vector>

#include "config/settings.h"

namespace gatepost::gateway {

// What changes when a file is written, replaced, linked to another one, or at last may be read by us.
struct FileStamp {
    dev_t device = 0;
    ino_t inode = 0;
    off_t size = 0;
    std::int64_t changed = 0;  // nanoseconds since 1970; 0: there is no such file
    friend bool operator==(const FileStamp&, const FileStamp&) = default;
};
using FileStamps = std::vector<FileStamp>;

FileStamp stamp_of(const std::string& file);
FileStamps stamps_of(const std::vector<config::TlsIdentity>& identities);
// Of all that the settings name: ours for clients, then the one for the downstream.
FileStamps stamps_of(const config::Settings& settings);

class CertificateWatch {
  public:
    // Of what is in use; taken before it was read.
    void loaded(FileStamps stamps);
    // To be called every few seconds. True once for each change, as soon as nothing has moved from one call
    // to the next: a certificate and its key are not replaced at once.
    bool has_changed(const FileStamps& now);

  private:
    FileStamps known_, last_;
};

}  // namespace gatepost::gateway
