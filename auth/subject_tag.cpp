#include "auth/subject_tag.h"

#include <string>
#include <string_view>

#include "protocol/ascii.h"

namespace gatepost::auth {
namespace {

// Whether a tag may stand behind this: nothing, or one short word and a colon.
bool may_precede_tag(std::string_view text) {
    text = protocol::trimmed(text);
    return text.empty() || (text.size() <= 4 && text.ends_with(':'));
}

}  // namespace

std::optional<protocol::Header> without_subject_tag(const protocol::Header& header) {
    const auto subjects = header.find("Subject");
    if (subjects.size() != 1) return {};
    const std::string_view body = header[subjects.front()].body;
    const auto open = body.find('[');
    if (open == std::string_view::npos || !may_precede_tag(body.substr(0, open))) return {};
    const auto close = body.find(']', open);
    if (close == std::string_view::npos) return {};
    const bool has_blank = close + 1 < body.size() && body[close + 1] == ' ';
    std::string text = header.text();
    const auto at = static_cast<std::size_t>(body.data() - header.text().data()) + open;
    text.erase(at, close - open + (has_blank ? 2 : 1));
    auto untagged =
        protocol::Header::parse(std::move(text), {header.text().size(), header.size(), header.text().size()});
    if (!untagged || untagged->size() != header.size()) return {};
    return std::move(*untagged);
}

}  // namespace gatepost::auth
