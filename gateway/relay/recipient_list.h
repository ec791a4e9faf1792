// Who is there, as the administrator says: a file of addresses (recipients.file) and what exists in a folder
// (recipients.folder). A value that is never changed once it is made; may be asked by several threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/address.h"
#include "protocol/result.h"

namespace gatepost::gateway {

// What is known of a recipient. unclear: nothing, or it cannot be found out now.
enum class Standing { known, unknown, unclear };

class RecipientList {
  public:
    static constexpr std::size_t kMaxEntries = 1'000'000;
    static constexpr std::size_t kMaxOctets = std::size_t(256) << 20;  // of a file

    // `text` as in the annotated configuration; `name` for messages: "/etc/gatepost/recipients:3: …".
    static protocol::Result<RecipientList> parse(std::string_view text, const std::string& name);
    static protocol::Result<RecipientList> load(const std::string& file);

    // By address or domain; the case of letters does not matter, and user+tag is there when user is.
    bool includes(const protocol::Path& recipient) const;
    std::size_t size() const { return starts_.size(); }
    std::size_t octets() const { return text_.capacity() + starts_.capacity() * sizeof(std::uint32_t); }

  private:
    std::string_view entry(std::uint32_t start) const;
    bool has(std::string_view address) const;

    std::string text_;                   // the entries in lower case, each with a line end
    std::vector<std::uint32_t> starts_;  // of each in text_, in the order of the entries
};

// Whether what `pattern` names for the recipient exists: %n is its local-part, first as it is, then in lower
// case and without +tag, %d its domain, %% a percent sign. A local-part that could lead elsewhere (slash,
// leading dot, control character) never reaches the file system. Unclear if it cannot be looked at, or if
// even the folder in which the name would stand is not there: it may be a disk that is not mounted.
Standing look_up_in_folder(const std::string& pattern, const protocol::Path& recipient);

}  // namespace gatepost::gateway
