// The spool folder as the command line reads it, beside a running gatepost or without one. Nothing is locked:
// a message may be gone, moved or longer by the time it is looked at, and that is no error.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/cli/queue_report.h"
#include "protocol/result.h"

namespace gatepost::gateway {

// One file, open: what becomes of its name does not matter any more.
class QueueFile {
  public:
    QueueFile(int descriptor, QueuePlace place, std::string id);
    ~QueueFile();
    QueueFile(const QueueFile&) = delete;

    // What its head and journal say, or what is wrong with them.
    protocol::Result<QueuedMessage> read();
    // After read(): portions of the content in order, as long as `take` says true. Empty, or what went wrong;
    // at the end the digest is looked at.
    std::string content(const std::function<bool(std::string_view)>& take);
    // The whole file as it is, likewise.
    std::string all(const std::function<bool(std::string_view)>& take);

  private:
    std::string read_at(std::size_t offset, std::size_t limit) const;
    std::string head_text() const;

    int descriptor_;
    QueuePlace place_;
    std::string id_;                      // its name
    std::size_t head_ = 0, content_ = 0;  // octets
};

class QueueFolder {
  public:
    explicit QueueFolder(std::string folder) : folder_(std::move(folder)) {}

    // Names of files that can be ids. None if the folder is not there; a problem if it may not be read.
    protocol::Result<std::vector<std::string>> ids(QueuePlace place) const;
    // Null if it is not there. `places` are looked into in their order.
    std::unique_ptr<QueueFile> open(const std::string& id, const std::vector<QueuePlace>& places) const;
    std::string path(QueuePlace place, const std::string& id) const;
    const std::string& text() const { return folder_; }
    // Whether anything was ever spooled there, or was at least to be.
    bool is_there() const;

  private:
    std::string folder_;
};

}  // namespace gatepost::gateway
