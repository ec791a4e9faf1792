#include "config/load_recipients.h"

namespace gatepost::config {
namespace {

using namespace std::chrono_literals;

// %n, %d and %% only, and %n once at least: without it everybody would be there.
void check_pattern(Mapping& map, const std::string& pattern) {
    bool has_name = false, is_good = true;
    for (std::size_t i = 0; i < pattern.size(); ++i) {
        if (pattern[i] != '%') continue;
        const char what = ++i < pattern.size() ? pattern[i] : '\0';
        has_name = has_name || what == 'n';
        is_good = is_good && (what == 'n' || what == 'd' || what == '%');
    }
    if (has_name && is_good) return;
    note(map.findings(), map["folder"],
         "folder must have %n for the local-part, may have %d for the domain and %% for a percent sign, e.g. "
         "/var/vmail/%d/%n");
}

}  // namespace

void read_recipients(Mapping& top, Recipients& recipients, const std::filesystem::path& folder) {
    Mapping map(top["recipients"], "recipients", top.findings());
    map.path("file", recipients.file, folder);
    if (map.is_given("file")) recipients.file_place = place_of(map["file"]);
    map.path("folder", recipients.folder, folder);
    if (!recipients.folder.empty()) check_pattern(map, recipients.folder);
    map.count("remembered", recipients.remembered, 0, 10'000'000);
    map.duration<seconds>("positive", recipients.positive, 0s, 90 * 86400s);
    map.duration<seconds>("refresh", recipients.refresh, 0s, 90 * 86400s);
    map.duration<seconds>("negative", recipients.negative, 0s, 3600s);
    if (recipients.refresh > recipients.positive) {
        const auto node = map.is_given("refresh") ? map["refresh"] : map["positive"];
        note(map.findings(), node,
             "refresh must not be longer than positive: what is too old to be believed spares no question");
    }
    map.finish();
}

}  // namespace gatepost::config
