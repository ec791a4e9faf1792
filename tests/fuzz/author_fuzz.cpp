// A From body of any octets has one reading: a domain list or a problem, the same behind a comment, and every
// domain reads as itself. Who decodes encoded words first reads the same authors, or none.
#include <cstdint>
#include <string>

#include "protocol/author.h"
#include "protocol/encoded_word.h"

using namespace gatepost::protocol;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string body(reinterpret_cast<const char*>(data), size);
    const Author author = parse_author(body);
    if ((author.problem == AuthorProblem::none) == author.domains.empty()) __builtin_trap();
    if ((author.problem == AuthorProblem::none) != author.why.empty()) __builtin_trap();
    if (author.domains.size() > kMaxAuthorDomains) __builtin_trap();
    for (const auto& domain : author.domains) {
        if (Domain::parse(domain.text()) != domain) __builtin_trap();
    }
    if (parse_author(" (x) " + body) != author) __builtin_trap();
    const auto decoded = with_decoded_words(unfolded(body)).text;
    if (decoded.size() > body.size() || (decoded != unfolded(body) && !has_encoded_word(unfolded(body))))
        __builtin_trap();
    const Author again = parse_author(decoded);
    if (author.domains != again.domains && !author.domains.empty() && !again.domains.empty())
        __builtin_trap();
    if (author.problem == AuthorProblem::none && parse_author(body + " (x)") != author) __builtin_trap();
    if (author.problem == AuthorProblem::none &&
        parse_author(body + "<x@y.z>").problem == AuthorProblem::none && !body.empty() &&
        body.find_first_of(",:;") == std::string::npos) {
        __builtin_trap();  // text after an address
    }
    return 0;
}
