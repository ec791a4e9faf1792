#include "gateway/relay/content_writer.h"

namespace gatepost::gateway {
namespace {

constexpr std::size_t kGather = 64;  // buffers written in one call
constexpr std::size_t kGatherOctets = 256 * 1024;

}  // namespace

bool ContentWriter::is_full() const {
    return pieces_.size() >= kGather || octets_ >= kGatherOctets;
}

bool ContentWriter::gather(std::string_view& portion) {
    std::string_view piece;
    if (framing_ == Framing::dots) {
        piece = stuffer_.next(portion);
        if (stuffer_.is_flawed()) return false;
    } else {
        piece = std::exchange(portion, {});
        if (piece.size() > left_) return false;  // it would be run as commands
        left_ -= piece.size();
        has_ended_ = left_ == 0;
    }
    pieces_.emplace_back(piece.data(), piece.size());
    octets_ += piece.size();
    return true;
}

bool ContentWriter::gather_end() {
    if (framing_ == Framing::chunk) return has_ended_;
    const std::string_view end = stuffer_.end();
    if (end.empty()) return false;
    pieces_.emplace_back(end.data(), end.size());
    has_ended_ = true;
    return true;
}

// From the moment on at which the end may have left, a failure leaves the outcome unknown.
awaitable<bool> ContentWriter::flush() {
    if (pieces_.empty()) co_return true;
    if (has_ended_) connection_.dialogue.end_of_content();
    if (!connection_.dialogue.is_usable()) co_return false;
    const bool written = co_await connection_.transport.write(pieces_);
    pieces_.clear();
    octets_ = 0;
    co_return written;
}

// A small message goes out in one call, its final dot included: each call costs about as much as parsing a
// header.
awaitable<ContentWriter::Sent> ContentWriter::write(Deadline deadline) {
    connection_.transport.set_deadline(deadline);
    for (std::string_view portion = reader_->next(); !portion.empty(); portion = reader_->next()) {
        while (!portion.empty()) {
            const bool is_good = gather(portion);
            if (!is_good) co_return Sent::flawed;
            if (!is_full() && (reader_->lasts() || !portion.empty())) continue;
            const bool written = co_await flush();
            if (!written) co_return Sent::lost;
        }
    }
    // Without its end the downstream drops what it got so far.
    if (reader_->failed()) co_return Sent::unreadable;
    const bool ends_well = gather_end();
    if (!ends_well) co_return Sent::flawed;
    const bool ended = co_await flush();
    co_return ended ? Sent::whole : Sent::lost;
}

}  // namespace gatepost::gateway
