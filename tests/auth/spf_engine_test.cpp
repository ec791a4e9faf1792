// The wall right in front of libspf2: whatever the rooms before it get wrong, it sees no text that could end
// the process. Each of these would (notes of the project: CVE-2021-20314, -33912, -33913, CVE-2023-42118), so
// a wall that is missing shows as a dead test program.
#include "auth/spf_engine.h"

#include <gtest/gtest.h>

#include "auth/spf_canon.h"

namespace gatepost::auth {
namespace {

class Zone : public SpfZone {
  public:
    explicit Zone(std::string text) : text_(std::move(text)) {}
    std::string record(std::size_t) override { return text_; }
    Answer address(std::size_t) override { return Answer::none; }
    std::vector<std::size_t> exchanges(std::size_t) override { return {}; }

  private:
    std::string text_;
};

std::string repeated(const std::string& text, int times) {
    std::string all;
    for (int i = 0; i < times; ++i) all += text;
    return all;
}

TEST(SpfEngine, NeverSeesATextThatIsNotCanonical) {
    const std::string killers[] = {
        "v=spf1 a:" + repeated("%{d}", 127) + std::string(5000, 'x') + " -all",
        "v=spf1 exists:" + repeated("%{i}.", 200) + "x -all",
        "v=spf1 a:" + std::string(60'000, 'x') + " -all",
        "v=spf1 exp=n1.x%{d} -all",
        "v=spf1 a:%{s255r.-+,/_=} -all",
        "v=spf1 a:n1.x/0",
        std::string("v=spf1 a:n1.x\0", 14),
        "v=spf1 " + repeated("a:n1.x ", 100),
        "V=SPF1 a:n1.x",
        "v=spf2",
    };
    for (const auto& text : killers) {
        EXPECT_FALSE(is_canonical(text)) << text.substr(0, 60);
        Zone zone(text);
        EXPECT_THROW(spf_engine_of_this_thread().walk(zone), std::logic_error) << text.substr(0, 60);
    }
}

TEST(SpfEngine, IsFineAfterwards) {
    Zone good("v=spf1 -exists:n1.x");
    EXPECT_NO_THROW(spf_engine_of_this_thread().walk(good));
}

TEST(SpfEngine, TakesWhatTheCanonWrites) {
    const char* const records[] = {"v=spf1", "v=spf1 +all",
                                   "v=spf1 ~a:x.example ?mx -include:y.example redirect=z.example",
                                   "v=spf1 exists:%{i}.x.example ptr -all"};
    for (const auto* text : records) {
        const auto record = SpfRecord::parse(text);
        ASSERT_TRUE(record) << text;
        EXPECT_TRUE(
            is_canonical(canonical(*record, *protocol::IpAddress::parse("192.0.2.1"), 1'000'000).text))
            << text;
    }
}

}  // namespace
}  // namespace gatepost::auth
