#include "config/survey.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <sstream>

#include "protocol/ascii.h"

namespace gatepost::config {
namespace {

// The only way out of yaml-cpp's parser is an exception; it does not leave this file.
struct Refused {
    YAML::Mark mark;
    std::string what;
};

class Survey : public YAML::EventHandler {
  public:
    void OnDocumentStart(const YAML::Mark& mark) override {
        if (documents_++ > 0)
            throw Refused{mark, "the configuration ends before this: it must be one YAML document"};
    }
    void OnDocumentEnd() override {}
    void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
    // An alias within its own anchor is a circle, and one of another place would be reported at the wrong
    // line.
    void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
        throw Refused{mark, "aliases (*name) are not supported; write it out"};
    }
    void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t, const std::string&) override {}
    void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                         YAML::EmitterStyle::value) override {
        descend(mark);
    }
    void OnSequenceEnd() override { --depth_; }
    void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                    YAML::EmitterStyle::value) override {
        descend(mark);
    }
    void OnMapEnd() override { --depth_; }

  private:
    void descend(const YAML::Mark& mark) {
        if (++depth_ > kMaxDepth) throw Refused{mark, "nested too deeply"};
    }

    int documents_ = 0;
    int depth_ = 0;
};

Finding error_at(Place place, std::string text) {
    return {Finding::Weight::error, place, std::move(text)};
}

// yaml-cpp takes 0x04 for the end of the file and what is no UTF-8 for a question mark.
std::optional<Finding> refusal_of_octets(const std::string& yaml) {
    Place place{1, 1};
    for (const char c : yaml) {
        const bool is_allowed = !protocol::is_control(c) || c == '\n' || c == '\r' || c == '\t';
        if (!is_allowed) {
            return error_at(place, "control character " + protocol::escaped({&c, 1}) +
                                       "; the file must be plain UTF-8 text");
        }
        const bool is_continuation = (static_cast<unsigned char>(c) & 0xc0) == 0x80;
        if (c == '\n') {
            place = {place.line + 1, 1};
        } else if (!is_continuation) {
            ++place.column;
        }
    }
    if (!protocol::is_utf8(yaml)) return error_at({}, "not UTF-8; save it as plain UTF-8 text");
    return {};
}

}  // namespace

std::optional<Finding> refusal_of(const std::string& yaml) {
    if (auto refused = refusal_of_octets(yaml)) return refused;
    std::istringstream stream(yaml);
    YAML::Parser parser(stream);
    Survey survey;
    try {
        // Not in a loop: of a stray ',' yaml-cpp makes empty documents without end.
        if (parser.HandleNextDocument(survey)) parser.HandleNextDocument(survey);
    } catch (const Refused& refused) {
        return error_at({refused.mark.line + 1, refused.mark.column + 1}, refused.what);
    }
    return {};
}

}  // namespace gatepost::config
