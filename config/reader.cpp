#include "config/reader.h"

#include <algorithm>

#include "config/units.h"
#include "protocol/ascii.h"

namespace gatepost::config {
namespace {

std::size_t edits(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = std::exchange(row[0], i);
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t change = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = std::exchange(row[j], std::min({change, row[j] + 1, row[j - 1] + 1}));
        }
    }
    return row[b.size()];
}

std::string joined(const std::vector<std::string_view>& words) {
    std::string out;
    for (const auto word : words) out += (out.empty() ? "" : ", ") + std::string(word);
    return out;
}

std::string in_units(std::chrono::milliseconds time) {
    return time.count() % 1000 ? std::to_string(time.count()) + "ms"
                               : std::to_string(time.count() / 1000) + "s";
}

}  // namespace

Place place_of(const YAML::Node& node) {
    const auto mark = node.Mark();
    return mark.is_null() ? Place{} : Place{mark.line + 1, mark.column + 1};
}

void note(Findings& findings, const YAML::Node& node, std::string text, Finding::Weight weight) {
    findings.push_back({weight, place_of(node), std::move(text)});
}

std::optional<std::string> scalar(const YAML::Node& node, std::string_view key, Findings& findings) {
    if (node.IsScalar() && node.Scalar().find('\0') == std::string::npos) return node.Scalar();
    note(findings, node, std::string(key) + " must be a single value");
    return {};
}

std::string shown(const std::string& text) {
    return "'" + protocol::escaped(text, 100) + "'";
}

bool is_missing(const YAML::Node& node) {
    return !node || (node.IsSequence() && node.size() == 0);
}

std::string_view nearest(std::string_view word, const std::vector<std::string_view>& known) {
    std::string_view best;
    std::size_t distance = 3;
    if (word.size() > 64) return best;
    for (const auto candidate : known) {
        if (const auto d = edits(word, candidate); d < distance && d < candidate.size()) {
            distance = d;
            best = candidate;
        }
    }
    return best;
}

Mapping::Mapping(const YAML::Node& node, std::string what, Findings& findings)
    : node_(node), what_(std::move(what)), findings_(findings) {
    if (!node_ || node_.IsNull()) return;
    if (!node_.IsMap()) {
        note(findings_, node_, what_ + " must be a mapping of keys and values");
        is_mapping_ = false;
        return;
    }
    for (const auto& entry : node_) {
        if (keys_.size() == kMaxKeys) {
            note(findings_, entry.first, "more than " + std::to_string(kMaxKeys) + " keys in " + what_);
            return;
        }
        if (const auto key = scalar(entry.first, "a key", findings_)) take(*key, entry.first, entry.second);
    }
}

void Mapping::take(const std::string& key, const YAML::Node& key_node, const YAML::Node& value) {
    const auto same = [&](const auto& other) { return other.first == key; };
    if (std::any_of(keys_.begin(), keys_.end(), same)) {
        note(findings_, key_node, "key " + shown(key) + " is given twice");
        return;
    }
    keys_.emplace_back(key, value);
    places_.push_back(place_of(key_node));
}

YAML::Node Mapping::operator[](std::string_view key) {
    if (std::find(known_.begin(), known_.end(), key) == known_.end()) known_.emplace_back(key);
    for (const auto& [name, value] : keys_) {
        if (name == key && !value.IsNull()) return value;
    }
    return YAML::Node(YAML::NodeType::Undefined);
}

void Mapping::text(std::string_view key, std::string& target) {
    const auto value = (*this)[key];
    if (!value) return;
    const auto text = scalar(value, key, findings_);
    if (text && text->empty()) {
        note(findings_, value, std::string(key) + " is empty; leave it out to have the default");
    } else if (text) {
        target = *text;
    }
}

void Mapping::path(std::string_view key, std::string& target, const std::filesystem::path& folder) {
    std::string written;
    text(key, written);
    if (!written.empty()) target = (folder / written).lexically_normal().string();
}

void Mapping::domain(std::string_view key, std::optional<protocol::Domain>& target) {
    std::string name;
    text(key, name);
    if (name.empty()) return;
    target = protocol::Domain::parse(name);
    if (!target)
        note(findings_, (*this)[key], std::string(key) + " " + shown(name) + " is not a domain name");
}

void Mapping::flag(std::string_view key, bool& target) {
    const auto value = (*this)[key];
    if (!value) return;
    const auto text = scalar(value, key, findings_);
    if (!text) return;
    if (*text == "true" || *text == "yes") {
        target = true;
    } else if (*text == "false" || *text == "no") {
        target = false;
    } else {
        note(findings_, value, std::string(key) + " must be true or false");
    }
}

void Mapping::size(std::string_view key, std::size_t& target, std::size_t least, std::size_t most) {
    const auto value = (*this)[key];
    if (!value) return;
    const auto text = scalar(value, key, findings_);
    if (!text) return;
    const auto octets = parse_size(*text);
    if (!octets) {
        note(findings_, value, std::string(key) + " must be a size such as 512, 64KiB, 50MiB or 1GiB");
    } else if (*octets < least || *octets > most) {
        note(findings_, value,
             std::string(key) + " must be from " + std::to_string(least) + " to " + std::to_string(most) +
                 " octets");
    } else {
        target = *octets;
    }
}

void Mapping::count(std::string_view key, std::size_t& target, std::size_t least, std::size_t most) {
    const auto value = (*this)[key];
    if (!value) return;
    const auto text = scalar(value, key, findings_);
    if (!text) return;
    const bool is_number =
        !text->empty() && text->size() < 19 && text->find_first_not_of("0123456789") == std::string::npos;
    const std::size_t number = is_number ? std::stoull(*text) : 0;
    if (!is_number || number < least || number > most) {
        note(findings_, value,
             std::string(key) + " must be a whole number from " + std::to_string(least) + " to " +
                 std::to_string(most));
    } else {
        target = number;
    }
}

void Mapping::read_duration(std::string_view key, std::chrono::milliseconds& target,
                            std::chrono::milliseconds least, std::chrono::milliseconds most) {
    const auto value = (*this)[key];
    if (!value) return;
    const auto text = scalar(value, key, findings_);
    if (!text) return;
    const auto time = parse_duration(*text);
    if (!time) {
        note(findings_, value,
             std::string(key) + " must be a time with its unit, such as 250ms, 30s, 5m, 1h or 5d");
    } else if (*time < least || *time > most) {
        note(findings_, value,
             std::string(key) + " must be from " + in_units(least) + " to " + in_units(most));
    } else {
        target = *time;
    }
}

std::optional<std::size_t> Mapping::read_choice(std::string_view key,
                                                const std::vector<std::string_view>& names) {
    const auto value = (*this)[key];
    if (!value) return {};
    const auto text = scalar(value, key, findings_);
    if (!text) return {};
    const auto found = std::find(names.begin(), names.end(), *text);
    if (found != names.end()) return static_cast<std::size_t>(found - names.begin());
    const auto meant = nearest(*text, names);
    note(findings_, value,
         std::string(key) + " must be one of " + joined(names) +
             (meant.empty() ? "" : "; did you mean '" + std::string(meant) + "'?"));
    return {};
}

void Mapping::each(std::string_view key, const std::function<void(const YAML::Node&)>& element) {
    const auto value = (*this)[key];
    if (!value) return;
    if (!value.IsSequence()) return element(value);
    for (const auto& node : value) element(node);
}

void Mapping::finish() {
    std::vector<std::string_view> known(known_.begin(), known_.end());
    for (std::size_t i = 0; i < keys_.size(); ++i) {
        const std::string& key = keys_[i].first;
        if (std::find(known.begin(), known.end(), key) != known.end()) continue;
        const auto meant = nearest(key, known);
        findings_.push_back({Finding::Weight::error, places_[i],
                             "unknown key " + shown(key) + " in " + what_ +
                                 (meant.empty() ? "; known are: " + joined(known)
                                                : "; did you mean '" + std::string(meant) + "'?")});
    }
}

}  // namespace gatepost::config
