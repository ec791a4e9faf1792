#include "protocol/domain.h"

#include <idn2.h>

#include <algorithm>
#include <array>
#include <memory>

#include "protocol/ascii.h"

namespace gatepost::protocol {
namespace {

constexpr std::size_t kMaxName = 253;
constexpr std::size_t kMaxLabel = 63;
constexpr std::size_t kMaxUnicodeName = 1024;

// What an octet of a name becomes: lower case, or 0 if no name may hold it.
constexpr std::array<char, 256> kNameOctets = [] {
    std::array<char, 256> octets{};
    for (int i = 0; i < 128; ++i) {
        const char c = static_cast<char>(i);
        if (is_alnum(c) || c == '-' || c == '_' || c == '.') octets[static_cast<std::size_t>(i)] = lower(c);
    }
    return octets;
}();

// Puts an ASCII name into lower case; false if it is no name. One pass: every identity of a message comes by
// here.
bool normalize(std::string& name) {
    if (name.empty() || name.size() > kMaxName) return false;
    std::size_t label = 0;
    for (char& c : name) {
        c = kNameOctets[static_cast<unsigned char>(c)];
        label = c == '.' ? 0 : label + 1;
        if (c == '\0' || label > kMaxLabel) return false;
        if (label == 0 && (&c == name.data() || *(&c - 1) == '.')) return false;
    }
    return label != 0;
}

using IdnText = std::unique_ptr<char, decltype(&idn2_free)>;

// U-labels to A-labels (RFC 5891 section 5). ASCII letters are lower-cased first; any other character that
// IDNA2008 does not allow makes the name invalid instead of being mapped to a name that nobody wrote.
std::optional<std::string> to_a_labels(const std::string& name) {
    if (name.size() > kMaxUnicodeName || name.find('\0') != std::string::npos || !is_utf8(name)) return {};
    char* ascii = nullptr;
    const int error = idn2_to_ascii_8z(name.c_str(), &ascii, IDN2_NFC_INPUT | IDN2_NO_TR46);
    const IdnText owned(ascii, &idn2_free);
    if (error != IDN2_OK || !ascii) return {};
    return std::string(ascii);
}

}  // namespace

std::optional<Domain> Domain::parse(std::string_view text) {
    if (text.ends_with('.')) text.remove_suffix(1);
    std::string name(text);
    if (!std::all_of(name.begin(), name.end(), is_ascii)) {
        auto ascii = to_a_labels(lowered(name));
        if (!ascii) return {};
        name = std::move(*ascii);
    }
    if (!normalize(name)) return {};
    return Domain(std::move(name));
}

std::size_t Domain::labels() const {
    return static_cast<std::size_t>(std::count(text_.begin(), text_.end(), '.')) + 1;
}

bool Domain::has_valid_a_labels() const {
    for (std::size_t at = 0; at < text_.size();) {
        const auto end = std::min(text_.find('.', at), text_.size());
        const auto label = text_.substr(at, end - at);
        at = end + 1;
        if (!label.starts_with("xn--")) continue;
        char* unicode = nullptr;
        const int error = idn2_to_unicode_8z8z(label.c_str(), &unicode, IDN2_NO_TR46);
        const IdnText owned(unicode, &idn2_free);
        if (error != IDN2_OK || !unicode || unicode == label || to_a_labels(unicode) != label) return false;
    }
    return true;
}

Domain Domain::last_labels(std::size_t count) const {
    std::size_t at = text_.size();
    for (; count > 0; --count) {
        at = text_.rfind('.', at == 0 ? 0 : at - 1);
        if (at == std::string::npos) return *this;
    }
    return Domain(text_.substr(at + 1));
}

bool Domain::is_or_is_below(const Domain& other) const {
    return protocol::is_or_is_below(text_, other.text_);
}

bool is_or_is_below(std::string_view name, std::string_view domain) {
    if (name == domain) return true;
    return name.size() > domain.size() && name.ends_with(domain) &&
           name[name.size() - domain.size() - 1] == '.';
}

}  // namespace gatepost::protocol
