// The file of recipients (recipients.file): read at the start and again when it has changed. Shared by all
// workers; they see the old list or the new one, never a part.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "gateway/net/certificate_watch.h"
#include "gateway/relay/recipient_list.h"

namespace gatepost::gateway {

class RecipientFile {
  public:
    // The problem has file and line.
    static protocol::Result<std::shared_ptr<RecipientFile>> open(const std::string& file);
    RecipientFile(std::string file, FileStamp stamp, RecipientList list);

    // From any thread; never null.
    std::shared_ptr<const RecipientList> list() const { return list_.load(); }
    // To be called every few seconds, by one thread. True once for each change, when it has come to rest.
    bool has_changed();
    // Reads it again; or what is wrong with it, and the old list stays.
    std::optional<std::string> read_again();
    const std::string& name() const { return file_; }

  private:
    const std::string file_;
    CertificateWatch watch_;
    std::atomic<std::shared_ptr<const RecipientList>> list_;
};

}  // namespace gatepost::gateway
