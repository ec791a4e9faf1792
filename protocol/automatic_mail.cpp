#include "protocol/automatic_mail.h"

#include "protocol/ascii.h"

namespace gatepost::protocol {
namespace {

// The first word of the body, lower case, without parameters and comments.
std::string first_word(const HeaderField& field) {
    const std::string body = unfolded(field.body);
    const std::string_view text = trimmed(body);
    return lowered(text.substr(0, text.find_first_of(" \t;(")));
}

constexpr const char* kOfLists[] = {"List-Id",   "List-Help",  "List-Subscribe", "List-Unsubscribe",
                                    "List-Post", "List-Owner", "List-Archive",   "List-Unsubscribe-Post"};

bool is_there(const Header& header, const char* name) {
    return !header.find(name).empty();
}

}  // namespace

bool is_automatic(const Header& header) {
    for (const char* name : kOfLists)
        if (is_there(header, name)) return true;
    if (is_there(header, "X-Auto-Response-Suppress")) return true;
    for (const std::size_t at : header.find("Content-Type"))
        if (first_word(header[at]) == "multipart/report") return true;
    for (const std::size_t at : header.find("Precedence")) {
        const std::string word = first_word(header[at]);
        if (word == "bulk" || word == "list" || word == "junk") return true;
    }
    for (const std::size_t at : header.find("Auto-Submitted")) {
        if (first_word(header[at]) != "no") return true;
    }
    return false;
}

}  // namespace gatepost::protocol
