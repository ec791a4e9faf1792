#include "protocol/header.h"

#include "protocol/ascii.h"

namespace gatepost::protocol {
namespace {

// Printable US-ASCII but the colon (RFC 5322 section 3.6.8).
bool is_field_name(std::string_view name) {
    for (char c : name) {
        if (c <= 0x20 || c >= 0x7f || c == ':') return false;
    }
    return !name.empty();
}

// A line end that only some readers see, or an octet at which some readers stop. Content is refused for them
// as it arrives; here for whatever else is read.
bool has_stray_octet(std::string_view field) {
    if (field.find('\0') != std::string_view::npos) return true;
    for (auto at = field.find('\n'); at != std::string_view::npos; at = field.find('\n', at + 1)) {
        if (at == 0 || field[at - 1] != '\r') return true;
    }
    for (auto at = field.find('\r'); at != std::string_view::npos; at = field.find('\r', at + 1)) {
        if (at + 1 == field.size() || field[at + 1] != '\n') return true;
    }
    return false;
}

}  // namespace

Result<Header> Header::parse(std::string block, const HeaderLimits& limits) {
    if (block.size() > limits.octets)
        return Problem{"header larger than " + std::to_string(limits.octets) + " octets"};
    Header header;
    header.text_ = std::move(block);
    if (!header.text_.empty() && !header.text_.ends_with("\r\n")) header.text_ += "\r\n";
    const std::string_view text = header.text_;
    for (std::size_t at = 0; at < text.size();) {
        std::size_t end = text.find("\r\n", at) + 2;
        const auto line = text.substr(at, end - at);
        while (end < text.size() && is_wsp(text[end])) end = text.find("\r\n", end) + 2;
        const auto colon = line.find(':');
        if (colon == std::string_view::npos) return Problem{"header line without a colon"};
        const auto name = line.substr(0, line.find_last_not_of(" \t", colon - 1) + 1);
        if (colon == 0 || !is_field_name(name)) return Problem{"header line with a malformed field name"};
        if (has_stray_octet(text.substr(at, end - at)))
            return Problem{"NUL or a bare CR or LF in the header"};
        if (end - at > limits.field_octets) return Problem{"header field too large"};
        if (header.fields_.size() == limits.fields) return Problem{"too many header fields"};
        header.fields_.push_back({at, at + name.size(), at + colon, end});
        at = end;
    }
    return header;
}

HeaderField Header::operator[](std::size_t index) const {
    const Extent& extent = fields_[index];
    const std::string_view text = text_;
    return {text.substr(extent.begin, extent.name_end - extent.begin),
            text.substr(extent.colon + 1, extent.end - 2 - extent.colon - 1),
            text.substr(extent.begin, extent.end - extent.begin)};
}

std::vector<std::size_t> Header::find(std::string_view name) const {
    std::vector<std::size_t> found;
    for (std::size_t i = 0; i < fields_.size(); ++i) {
        if (equals_ignoring_case((*this)[i].name, name)) found.push_back(i);
    }
    return found;
}

std::string unfolded(std::string_view body) {
    std::string out;
    out.reserve(body.size());
    for (std::size_t i = 0; i < body.size(); ++i) {
        if (body[i] == '\r' && i + 1 < body.size() && body[i + 1] == '\n') {
            ++i;
            continue;
        }
        out += body[i];
    }
    return out;
}

}  // namespace gatepost::protocol
