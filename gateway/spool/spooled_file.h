// One file of the spool, opened for reading: its head, its journal, its content.
#pragma once

#include <memory>
#include <string>

#include "gateway/relay/delivery.h"
#include "gateway/spool/descriptor.h"
#include "gateway/spool/spool.h"
#include "gateway/spool/spool_file.h"

namespace gatepost::gateway {

class SpooledFile {
  public:
    // `name`: below `folder`. The problem says what is wrong with the file; errno is set and there is no
    // problem text if it could not be looked at or read.
    static protocol::Result<SpooledFile> open(int folder, const std::string& name);

    const SpooledMessage& message() const { return head_.message; }
    const Journal& journal() const { return journal_; }
    std::size_t octets() const { return octets_; }
    // Where the journal begins.
    std::size_t journal_at() const { return head_.octets + head_.message.content_octets + kSpoolTrailer; }
    // Whether head and content are what the digest says. Reads all of it; what cannot be read now may be
    // whole.
    enum class State { whole, damaged, unreadable };
    State look() const;
    // Of a file that is whole; checks the digest again as it goes.
    std::unique_ptr<Content> content() &&;

  private:
    friend class SpooledContent;
    friend class SpooledReader;
    explicit SpooledFile(Descriptor file) : file_(std::move(file)) {}
    std::string read_contents_of_head();

    Descriptor file_;
    SpoolHead head_;
    Journal journal_;
    auth::Digest digest_{};
    std::size_t octets_ = 0;  // of the whole file
};

}  // namespace gatepost::gateway
