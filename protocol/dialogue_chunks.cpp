// BDAT: in every state its octets are counted and taken, and none of them is ever a command (RFC 3030
// section 2).
#include "protocol/dialogue.h"

namespace gatepost::protocol {
namespace {

constexpr std::size_t kSmallChunk = 1024;  // octets; chunks of at least as many are no mere commands

Reply taken(const Chunk& chunk) {
    return {250, "2.0.0", {std::to_string(chunk.octets) + " octets received"}};
}

}  // namespace

// Where the length is not known, or more than is worth waiting for, nobody knows where commands go on.
Dialogue::Step Dialogue::bdat(std::string_view argument) {
    const auto chunk = parse_bdat(argument);
    if (!chunk) {
        close_with(reply::kBadChunkSize, "BDAT of unknown length");
        return {};
    }
    if (chunk->octets > settings_.message_size) {
        close_with(reply::kTooLarge, "BDAT over the size limit");
        return {};
    }
    chunk_ = *chunk;
    chunk_refusal_ = refusal_of_chunk();
    if (!chunk_refusal_ && !has_chunks_) return ask(Question::first_chunk, JudgeData{});
    state_ = State::chunk;
    chunks_.begin(chunk_.octets);
    return {};
}

std::optional<FixedReply> Dialogue::refusal_of_chunk() const {
    if (is_refused_) return reply::kNoService;
    if (!settings_.offers_chunking) return reply::kNotImplemented;
    if (!in_transaction_) return reply::kMailFirst;
    if (recipients_ == 0) return reply::kNoRecipientsForChunk;
    const std::size_t before = has_chunks_ ? chunks_.size() : 0;
    if (before > settings_.message_size || chunk_.octets > settings_.message_size - before)
        return reply::kTooLarge;
    return {};
}

void Dialogue::answer_first_chunk(const Reply& reply) {
    state_ = State::chunk;
    has_chunks_ = true;
    chunks_ = ChunkDecoder(content_rules());
    chunks_.begin(chunk_.octets);
    if (!reply.is_intermediate()) chunk_refusal_ = reply;
}

Dialogue::Step Dialogue::read_chunk() {
    if (chunks_.has_ended()) return end_chunk();
    auto unread = input_.unread();
    if (unread.empty()) return flush_or(Receive{});
    std::string_view piece;
    if (chunk_refusal_) {
        chunks_.drop(unread);
    } else {
        piece = chunks_.next(unread);
    }
    input_.begin = input_.end - unread.size();
    if (piece.empty()) return {};
    return Content{piece};
}

Dialogue::Step Dialogue::end_chunk() {
    if (chunk_refusal_) return end_refused_chunk(*chunk_refusal_);
    const auto tail = chunk_.is_last ? chunks_.end_of_content() : std::string_view();
    if (!tail.empty()) return Content{tail};  // and here again
    note_pipelining(true);
    if (chunks_.flaws().any()) {
        last_chunk_failed_ = true;
        return refuse_content(chunks_.flaws(), chunks_.size());
    }
    if (chunk_.is_last) return ask(Question::message, JudgeMessage{chunks_.size()});
    state_ = State::commands;
    if (chunk_.octets >= kSmallChunk) --commands_;
    return say(taken(chunk_));
}

// The transaction has failed with it, so that no later chunk is taken for the message's beginning. Chunks
// that a pipelining client had sent behind it are refused, but are no errors.
Dialogue::Step Dialogue::end_refused_chunk(const Reply& reply) {
    state_ = State::commands;
    note_pipelining(true);
    const bool was_sent_in_good_faith = last_chunk_failed_ && !in_transaction_;
    const bool is_too_large = in_transaction_ && reply == Reply(reply::kTooLarge);
    last_chunk_failed_ = true;
    forget();
    if (was_sent_in_good_faith) {
        append_wire(output_, reply);
    } else {
        say(reply);
    }
    if (!is_too_large) return {};
    return Refused{reply, {.too_large = true}, chunks_.size() + chunk_.octets};
}

}  // namespace gatepost::protocol
