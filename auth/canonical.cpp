#include "auth/canonical.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#include "protocol/ascii.h"

namespace gatepost::auth {
namespace {

using protocol::is_wsp;

constexpr std::size_t kGatherOctets = 4096;
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

template <class Mask>
bool any(const Mask& mask) {
    std::array<std::uint64_t, 2> halves;
    static_assert(sizeof halves == sizeof mask);
    std::memcpy(halves.data(), &mask, sizeof mask);
    return (halves[0] | halves[1]) != 0;
}

enum class StopAtCr { no, yes };

// Where the next WSP stands that relaxed form changes, or may change: an HTAB, or a SP before WSP, a CR or
// the end of `text`. With StopAtCr also where the next CR stands. text.size() if there is none.
template <StopAtCr kStop>
std::size_t next_change(std::string_view text, std::size_t at) {
    for (; at + sizeof(Block) < text.size(); at += sizeof(Block)) {
        const Block here = load(text.data() + at);
        const Block next = load(text.data() + at + 1);
        auto found = (here == all('\t')) |
                     ((here == all(' ')) & ((next == all(' ')) | (next == all('\t')) | (next == all('\r'))));
        if constexpr (kStop == StopAtCr::yes) found |= (here == all('\r'));
        if (any(found)) break;
    }
    for (; at < text.size(); ++at) {
        const char c = text[at];
        if (c == '\t' || (kStop == StopAtCr::yes && c == '\r')) return at;
        if (c != ' ') continue;
        if (at + 1 == text.size() || is_wsp(text[at + 1]) || text[at + 1] == '\r') return at;
    }
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
        const auto stop = next_change<StopAtCr::yes>(value, at);
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

void BodyCanonicalizer::write(std::string_view chunk, const Sink& sink) {
    if (mode_ == Canonicalization::relaxed) {
        reduce_white_space(chunk, sink);
    } else {
        hold_empty_lines(chunk, sink);
    }
}

void BodyCanonicalizer::finish(const Sink& sink) {
    // WSP at the end of a last line without line end is dropped like that of any other line.
    if (space_cr_pending_) hold_empty_lines(" \r", sink);
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
        if (space_pending_) {
            chunk = settle_space(chunk, sink);
            continue;
        }
        const auto stop = next_change<StopAtCr::no>(chunk, 0);
        hold_empty_lines(chunk.substr(0, stop), sink);
        space_pending_ = stop < chunk.size();
        chunk.remove_prefix(std::min(stop + 1, chunk.size()));
    }
}

// A run of WSP counts as one SP unless a line end follows it. Returns what comes behind it.
std::string_view BodyCanonicalizer::settle_space(std::string_view chunk, const Sink& sink) {
    if (space_cr_pending_) {
        hold_empty_lines(chunk.front() == '\n' ? "\r" : " \r", sink);
        space_pending_ = space_cr_pending_ = false;
        return chunk;
    }
    const auto behind = std::min(chunk.find_first_not_of(" \t"), chunk.size());
    chunk.remove_prefix(behind);
    if (chunk == "\r") {
        space_cr_pending_ = true;
        return {};
    }
    if (chunk.empty()) return {};
    if (!chunk.starts_with(kLineEnd)) hold_empty_lines(" ", sink);
    space_pending_ = false;
    return chunk;
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
    if (gathered_.size() + run.size() > kGatherOctets) flush(sink);
    if (run.size() >= kLongRun) {
        flush(sink);
        sink(run);
        return;
    }
    if (gathered_.capacity() < kGatherOctets) gathered_.reserve(kGatherOctets);
    gathered_ += run;
}

void BodyCanonicalizer::flush(const Sink& sink) {
    if (gathered_.empty()) return;
    sink(gathered_);
    gathered_.clear();
}

}  // namespace gatepost::auth
