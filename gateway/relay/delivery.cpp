#include "gateway/relay/delivery.h"

namespace gatepost::gateway {
namespace {

constexpr std::size_t kScratch = 64 * 1024;

}  // namespace

std::size_t Outgoing::size() const {
    std::size_t size = added_.size() + (has_body_ ? 2 : 0) + body_.size();
    for (std::size_t i = 0; i < header_.size(); ++i) size += header_[i].raw.size();
    for (const std::size_t i : removed_) size -= header_[i].raw.size();
    return size;
}

std::unique_ptr<ContentReader> Outgoing::reader() {
    return std::make_unique<OutgoingReader>(*this);
}

// As long a run of fields as stands together without a removed one.
std::string_view OutgoingReader::next_of_header() {
    const auto& header = message_.header_;
    const auto& removed = message_.removed_;
    while (removed_ < removed.size() && removed[removed_] == field_) ++removed_, ++field_;
    if (field_ >= header.size()) return {};
    const std::size_t first = field_;
    const std::size_t last = removed_ < removed.size() ? removed[removed_] : header.size();
    field_ = last;
    const char* begin = header[first].raw.data();
    const auto raw = header[last - 1].raw;
    return {begin, static_cast<std::size_t>(raw.data() + raw.size() - begin)};
}

std::string_view OutgoingReader::next() {
    while (part_ != Part::end) {
        std::string_view portion;
        switch (part_) {
            case Part::added:
                portion = message_.added_;
                part_ = Part::header;
                break;
            case Part::header:
                portion = next_of_header();
                if (portion.empty()) part_ = Part::separator;
                break;
            case Part::separator:
                if (message_.has_body_) portion = "\r\n";
                part_ = Part::body;
                break;
            case Part::body:
                if (!scratch_ && message_.body_.is_on_disk()) scratch_ = std::make_unique<char[]>(kScratch);
                portion = message_.body_.read(offset_, {scratch_.get(), scratch_ ? kScratch : 0});
                offset_ += portion.size();
                if (portion.empty()) part_ = Part::end;
                break;
            case Part::end: break;
        }
        if (!portion.empty()) return portion;
    }
    failed_ = offset_ < message_.body_.size();
    return {};
}

}  // namespace gatepost::gateway
