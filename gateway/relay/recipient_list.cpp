#include "gateway/relay/recipient_list.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <set>

#include "protocol/ascii.h"

namespace gatepost::gateway {
namespace {

using protocol::Domain;
using protocol::Path;
using protocol::Problem;

constexpr char kEnd = '\n';     // behind each entry
constexpr char kTagMark = '+';  // user+tag

// Of an address or @domain, as includes() looks for it; nothing if it is neither.
std::optional<std::string> entry_of(std::string_view word) {
    if (word.starts_with('@')) {
        const auto domain = Domain::parse(word.substr(1));
        if (!domain) return {};
        return "@" + domain->text();
    }
    const std::string bracketed = "<" + std::string(word) + ">";
    const auto parsed = protocol::parse_forward_path(bracketed);
    if (!parsed || !parsed->rest.empty() || !parsed->path.domain) return {};
    return protocol::lowered(parsed->path.text());
}

// What Postfix has in front of the addresses of a virtual domain; it says nothing of who is there.
bool is_domain_marker(std::string_view word) {
    const auto domain = Domain::parse(word);
    return domain && domain->labels() > 1;
}

std::string_view first_word(std::string_view line) {
    return line.substr(0, line.find_first_of(" \t\r"));
}

std::string_view without_tag(std::string_view local_part) {
    const auto mark = local_part.find(kTagMark);
    return mark == 0 ? local_part : local_part.substr(0, mark);
}

std::string address(std::string_view local_part, const Path& of) {
    Path path = of;
    path.local_part = protocol::lowered(local_part);
    return path.text();
}

// Neither out of the folder nor to what is hidden in it.
bool is_safe_name(std::string_view name) {
    return !name.empty() && name.front() != '.' && name.find('/') == std::string_view::npos &&
           std::none_of(name.begin(), name.end(), protocol::is_control);
}

struct Expanded {
    std::string path;
    std::string folder;  // in which the name stands
};

Expanded expand(const std::string& pattern, std::string_view name, const std::string& domain) {
    Expanded expanded;
    for (std::size_t i = 0; i < pattern.size(); ++i) {
        const bool is_mark = pattern[i] == '%' && i + 1 < pattern.size();
        if (!is_mark) {
            expanded.path += pattern[i];
            continue;
        }
        const char what = pattern[++i];
        if (what == 'n' && expanded.folder.empty())
            expanded.folder = expanded.path.substr(0, expanded.path.rfind('/') + 1);
        if (what == 'n') expanded.path += name;
        if (what == 'd') expanded.path += domain;
        if (what == '%') expanded.path += '%';
    }
    return expanded;
}

Standing look(const std::string& path) {
    struct stat found {};
    if (::stat(path.c_str(), &found) == 0) return Standing::known;
    const bool is_absent = errno == ENOENT || errno == ENOTDIR || errno == ENAMETOOLONG;
    return is_absent ? Standing::unknown : Standing::unclear;
}

}  // namespace

protocol::Result<RecipientList> RecipientList::parse(std::string_view text, const std::string& name) {
    RecipientList list;
    if (text.size() > kMaxOctets) return Problem{name + ": larger than 256 MiB"};
    std::size_t number = 0;
    const auto problem = [&](const std::string& what) {
        return Problem{name + ":" + std::to_string(number) + ": " + what};
    };
    while (!text.empty()) {
        ++number;
        const std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        const std::string_view word = first_word(line);
        if (word.empty() || word.front() == '#') continue;
        const auto entry = entry_of(word);
        if (!entry && is_domain_marker(word)) continue;
        if (!entry) {
            return problem("'" + protocol::escaped(word, 100) +
                           "' is no address; write user@example.org, or @example.org for all of a domain");
        }
        if (list.starts_.size() == kMaxEntries) return problem("more than a million addresses");
        list.starts_.push_back(static_cast<std::uint32_t>(list.text_.size()));
        list.text_ += *entry + kEnd;
    }
    const auto is_before = [&](std::uint32_t a, std::uint32_t b) { return list.entry(a) < list.entry(b); };
    std::sort(list.starts_.begin(), list.starts_.end(), is_before);
    list.text_.shrink_to_fit();
    list.starts_.shrink_to_fit();
    return list;
}

protocol::Result<RecipientList> RecipientList::load(const std::string& file) {
    struct stat found {};
    if (::stat(file.c_str(), &found) != 0 || !S_ISREG(found.st_mode))
        return Problem{file + ": is no file; recipients.file names one with an address a line"};
    if (static_cast<std::size_t>(found.st_size) > kMaxOctets) return Problem{file + ": larger than 256 MiB"};
    std::ifstream stream(file, std::ios::binary);
    std::string text(static_cast<std::size_t>(found.st_size), '\0');
    stream.read(text.data(), found.st_size);
    if (!stream) return Problem{file + ": cannot be read"};
    return parse(text, file);
}

std::string_view RecipientList::entry(std::uint32_t start) const {
    const std::string_view rest = std::string_view(text_).substr(start);
    return rest.substr(0, rest.find(kEnd));
}

bool RecipientList::has(std::string_view wanted) const {
    const auto found =
        std::lower_bound(starts_.begin(), starts_.end(), wanted,
                         [&](std::uint32_t start, std::string_view value) { return entry(start) < value; });
    return found != starts_.end() && entry(*found) == wanted;
}

bool RecipientList::includes(const Path& recipient) const {
    if (!recipient.domain) return false;
    if (has(address(recipient.local_part, recipient))) return true;
    const auto user = without_tag(recipient.local_part);
    if (user.size() < recipient.local_part.size() && has(address(user, recipient))) return true;
    return has("@" + recipient.domain->text());
}

Standing look_up_in_folder(const std::string& pattern, const Path& recipient) {
    const auto& local_part = recipient.local_part;
    if (!recipient.domain || !is_safe_name(local_part)) return Standing::unknown;
    const std::string lower = protocol::lowered(local_part);
    const std::set<std::string, std::less<>> names{local_part, lower, std::string(without_tag(local_part)),
                                                   std::string(without_tag(lower))};
    for (const auto& name : names) {
        const Expanded expanded = expand(pattern, name, recipient.domain->text());
        const Standing standing = look(expanded.path);
        if (standing != Standing::unknown) return standing;
        if (look(expanded.folder) != Standing::known) return Standing::unclear;
    }
    return Standing::unknown;
}

}  // namespace gatepost::gateway
