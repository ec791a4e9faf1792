#include "gateway/relay/recipient_file.h"

namespace gatepost::gateway {

RecipientFile::RecipientFile(std::string file, FileStamp stamp, RecipientList list)
    : file_(std::move(file)), list_(std::make_shared<const RecipientList>(std::move(list))) {
    watch_.loaded({stamp});
}

protocol::Result<std::shared_ptr<RecipientFile>> RecipientFile::open(const std::string& file) {
    const FileStamp stamp = stamp_of(file);  // before it is read: a change meanwhile is one
    auto list = RecipientList::load(file);
    if (!list) return protocol::Problem{list.problem()};
    return std::make_shared<RecipientFile>(file, stamp, std::move(*list));
}

bool RecipientFile::has_changed() {
    return watch_.has_changed({stamp_of(file_)});
}

std::optional<std::string> RecipientFile::read_again() {
    auto list = RecipientList::load(file_);
    if (!list) return list.problem();
    list_ = std::make_shared<const RecipientList>(std::move(*list));
    return {};
}

}  // namespace gatepost::gateway
