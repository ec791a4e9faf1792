// One mapping of the configuration being read: asks for keys, notes every problem with its place, and at the
// end calls what nobody asked for unknown. Private to this folder, and with it yaml-cpp.
#pragma once

#include <yaml-cpp/yaml.h>

#include <filesystem>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/load.h"

namespace gatepost::config {

using Findings = std::vector<Finding>;

Place place_of(const YAML::Node& node);
void note(Findings& findings, const YAML::Node& node, std::string text,
          Finding::Weight weight = Finding::Weight::error);
// The text of a scalar; anything else is noted.
std::optional<std::string> scalar(const YAML::Node& node, std::string_view key, Findings& findings);
// Quoted for a message.
std::string shown(const std::string& text);
// Absent, or an empty sequence.
bool is_missing(const YAML::Node& node);
// The word among `known` that is at most two edits away; empty if there is none.
std::string_view nearest(std::string_view word, const std::vector<std::string_view>& known);

// What a mapping has more is not read: the work stays linear.
constexpr std::size_t kMaxKeys = 1000;

class Mapping {
  public:
    // `what` names the mapping in messages ("limits"). A node that is absent reads as an empty mapping.
    Mapping(const YAML::Node& node, std::string what, Findings& findings);
    ~Mapping() = default;

    // The node of that key, undefined if it is absent; marks the key as known.
    YAML::Node operator[](std::string_view key);
    // Absent ones count: there is nothing wrong with the node itself.
    bool is_mapping() const { return is_mapping_; }
    bool is_given(std::string_view key) { return static_cast<bool>((*this)[key]); }
    Findings& findings() { return findings_; }
    const YAML::Node& node() const { return node_; }

    void text(std::string_view key, std::string& target);
    // One that does not begin with / starts at `folder`.
    void path(std::string_view key, std::string& target, const std::filesystem::path& folder);
    void domain(std::string_view key, std::optional<protocol::Domain>& target);
    void flag(std::string_view key, bool& target);
    void size(std::string_view key, std::size_t& target, std::size_t least, std::size_t most);
    void count(std::string_view key, std::size_t& target, std::size_t least, std::size_t most);
    template <class Duration>
    void duration(std::string_view key, Duration& target, Duration least, Duration most) {
        std::chrono::milliseconds value = target;
        read_duration(key, value, least, most);
        target = std::chrono::duration_cast<Duration>(value);
    }
    template <class Enum>
    void choice(std::string_view key, Enum& target,
                std::initializer_list<std::pair<std::string_view, Enum>> words) {
        std::vector<std::string_view> names;
        for (const auto& [name, value] : words) names.push_back(name);
        const auto index = read_choice(key, names);
        if (index) target = (words.begin() + *index)->second;
    }
    // Each element of a sequence; a scalar counts as a sequence of one.
    void each(std::string_view key, const std::function<void(const YAML::Node&)>& element);

    // Notes what was there and not asked for. Call it last.
    void finish();

  private:
    void take(const std::string& key, const YAML::Node& key_node, const YAML::Node& value);
    void read_duration(std::string_view key, std::chrono::milliseconds& target,
                       std::chrono::milliseconds least, std::chrono::milliseconds most);
    std::optional<std::size_t> read_choice(std::string_view key, const std::vector<std::string_view>& names);

    YAML::Node node_;
    std::string what_;
    Findings& findings_;
    bool is_mapping_ = true;
    std::vector<std::pair<std::string, YAML::Node>> keys_;
    std::vector<Place> places_;  // of the keys
    std::vector<std::string> known_;
};

}  // namespace gatepost::config
