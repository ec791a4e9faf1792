#include "auth/canonical.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

#include "protocol/ascii.h"

namespace gatepost::auth {
namespace {

using protocol::is_wsp;

constexpr std::size_t kBufferOctets = 4096;
constexpr std::size_t kMaxPut = 2;     // what put() is given at most, and always finds room for
constexpr std::size_t kLongRun = 512;  // from here on a copy costs more than a call
constexpr std::string_view kLineEnd = "\r\n";

// Sixteen octets at a time: white space that must change is rare, so the search for it is what costs.
using Block = unsigned char __attribute__((vector_size(16)));

Block load(const char* at) {
    Block block;
    std::memcpy(&block, at, sizeof block);
    return block;
}

constexpr Block all(unsigned char c) {
    return Block{c, c, c, c, c, c, c, c, c, c, c, c, c, c, c, c};
}

// The index of the first octet that is set in a comparison's result, or the size of a block.
template <class Mask>
std::size_t first_set(const Mask& mask) {
    std::array<std::uint64_t, 2> halves;
    static_assert(sizeof halves == sizeof mask);
    std::memcpy(halves.data(), &mask, sizeof mask);
    const auto octet = [](std::uint64_t half) {
        return static_cast<std::size_t>(std::endian::native == std::endian::little ? std::countr_zero(half)
                                                                                   : std::countl_zero(half)) /
               8;
    };
    return halves[0] != 0 ? octet(halves[0]) : 8 + octet(halves[1]);
}

// Marks the WSP that relaxed form may change: each HTAB, and a SP before WSP or a CR. Also a SP before some
// other control character, which costs a second look and spares three comparisons.
auto changes(const Block& here, const Block& next) {
    return (here == all('\t')) | ((here == all(' ')) & (next <= all(' ')));
}

bool may_change(std::string_view text, std::size_t at) {
    if (text[at] == '\t') return true;
    return text[at] == ' ' && (at + 1 == text.size() || is_wsp(text[at + 1]) || text[at + 1] == '\r');
}

// Where the next WSP that may change or the next CR stands, or text.size().
std::size_t next_change_or_cr(std::string_view text, std::size_t at) {
    for (; at + sizeof(Block) < text.size(); at += sizeof(Block)) {
        const Block here = load(text.data() + at);
        const auto found = changes(here, load(text.data() + at + 1)) | (here == all('\r'));
        if (const auto index = first_set(found); index < sizeof(Block)) return at + index;
    }
    while (at < text.size() && text[at] != '\r' && !may_change(text, at)) ++at;
    return at;
}

// Copies up to the next WSP that may change, at most `room` octets; returns how many. Search and copy in one:
// pieces between two changes are short, and a call of memcpy for each would cost more than the search.
std::size_t copy_unchanged(std::string_view text, char* out, std::size_t room) {
    std::size_t at = 0;
    for (; at + sizeof(Block) < text.size() && at + sizeof(Block) <= room; at += sizeof(Block)) {
        const Block here = load(text.data() + at);
        std::memcpy(out + at, &here, sizeof here);
        const auto found = changes(here, load(text.data() + at + 1));
        if (const auto index = first_set(found); index < sizeof(Block)) return at + index;
    }
    for (; at < text.size() && at < room && !may_change(text, at); ++at) out[at] = text[at];
    return at;
}

// Past WSP and line ends, from `at`.
std::size_t skip_folding(std::string_view text, std::size_t at) {
    while (at < text.size()) {
        if (is_wsp(text[at])) {
            ++at;
        } else if (text.substr(at, 2) == kLineEnd) {
            at += 2;
        } else {
            break;
        }
    }
    return at;
}

void append_relaxed_value(std::string_view value, std::string& out) {
    std::size_t at = skip_folding(value, 0);
    while (at < value.size()) {
        const auto stop = next_change_or_cr(value, at);
        out += value.substr(at, stop - at);
        at = skip_folding(value, stop);
        if (at == value.size()) return;
        if (at == stop) {
            out += value[at++];  // a bare CR is an ordinary octet
        } else {
            out += ' ';
        }
    }
}

}  // namespace

void append_canonical_field(const protocol::HeaderField& field, Canonicalization mode, std::string& out) {
    if (mode == Canonicalization::simple) {
        out += field.raw;
        return;
    }
    for (char c : field.name) out += protocol::lower(c);
    out += ':';
    append_relaxed_value(field.body, out);
    out += kLineEnd;
}

BodyCanonicalizer::BodyCanonicalizer(Canonicalization mode) : mode_(mode) {
    if (mode == Canonicalization::relaxed) reduced_.resize(kBufferOctets);
}

void BodyCanonicalizer::write(std::string_view chunk, const Sink& sink) {
    if (mode_ == Canonicalization::relaxed) {
        reduce_white_space(chunk, sink);
    } else {
        hold_empty_lines(chunk, sink);
    }
}

void BodyCanonicalizer::finish(const Sink& sink) {
    // WSP at the end of a last line without line end is dropped like that of any other line.
    if (space_cr_pending_) put(" \r");
    hold_empty_lines(std::string_view(reduced_).substr(0, reduced_size_), sink);
    if (held_cr_) {
        release_lines(sink);
        gather("\r", sink);
    }
    // An empty body is one line end in simple form and nothing in relaxed (RFC 6376 sections 3.4.3, 3.4.4).
    if (has_content_ || mode_ == Canonicalization::simple) gather(kLineEnd, sink);
    flush(sink);
}

void BodyCanonicalizer::reduce_white_space(std::string_view chunk, const Sink& sink) {
    while (!chunk.empty()) {
        if (!space_pending_) {
            const auto room = reduced_.size() - kMaxPut - reduced_size_;
            const auto copied = copy_unchanged(chunk, &reduced_[reduced_size_], room);
            reduced_size_ += copied;
            chunk.remove_prefix(copied);
            space_pending_ = !chunk.empty() && is_wsp(chunk.front());
        }
        if (space_pending_) chunk = settle_space(chunk);
        if (reduced_size_ + sizeof(Block) + kMaxPut > reduced_.size()) hand_on_reduced(sink);
    }
}

// A run of WSP counts as one SP unless a line end follows it. Returns what comes behind it.
std::string_view BodyCanonicalizer::settle_space(std::string_view chunk) {
    if (!space_cr_pending_) {
        while (!chunk.empty() && is_wsp(chunk.front())) chunk.remove_prefix(1);
        if (chunk.empty()) return {};
        if (chunk == "\r") {
            space_cr_pending_ = true;
            return {};
        }
        if (!chunk.starts_with(kLineEnd)) put(" ");
    } else if (!chunk.empty()) {
        put(chunk.front() == '\n' ? "\r" : " \r");
    } else {
        return {};
    }
    space_pending_ = space_cr_pending_ = false;
    return chunk;
}

void BodyCanonicalizer::put(std::string_view octets) {
    for (char c : octets) reduced_[reduced_size_++] = c;
}

void BodyCanonicalizer::hand_on_reduced(const Sink& sink) {
    hold_empty_lines(std::string_view(reduced_).substr(0, reduced_size_), sink);
    reduced_size_ = 0;
}

void BodyCanonicalizer::hold_empty_lines(std::string_view run, const Sink& sink) {
    if (run.empty()) return;
    if (held_cr_) {
        held_cr_ = false;
        if (run.front() == '\n') {
            ++held_lines_;
            run.remove_prefix(1);
        } else {
            release_lines(sink);
            gather("\r", sink);
        }
    }
    const bool ends_in_cr = run.ends_with('\r');
    if (ends_in_cr) run.remove_suffix(1);
    std::size_t lines = 0;
    for (; run.ends_with(kLineEnd); ++lines) run.remove_suffix(kLineEnd.size());
    if (!run.empty()) {
        release_lines(sink);
        gather(run, sink);
    }
    held_lines_ += lines;
    held_cr_ = ends_in_cr;
}

void BodyCanonicalizer::release_lines(const Sink& sink) {
    has_content_ = true;
    for (; held_lines_ > 0; --held_lines_) gather(kLineEnd, sink);
}

void BodyCanonicalizer::gather(std::string_view run, const Sink& sink) {
    if (gathered_.size() + run.size() > kBufferOctets) flush(sink);
    if (run.size() >= kLongRun) {
        flush(sink);
        sink(run);
        return;
    }
    if (gathered_.capacity() < kBufferOctets) gathered_.reserve(kBufferOctets);
    gathered_ += run;
}

void BodyCanonicalizer::flush(const Sink& sink) {
    if (gathered_.empty()) return;
    sink(gathered_);
    gathered_.clear();
}

}  // namespace gatepost::auth
