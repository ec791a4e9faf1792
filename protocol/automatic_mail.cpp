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

}  // namespace

bool is_automatic(const Header& header) {
    if (!header.find("List-Id").empty()) return true;
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
