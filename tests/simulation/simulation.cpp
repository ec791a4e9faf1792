// simulation [--schedules N] [--first-seed S] [--jobs N] [--progress] [--break FAULT [--finds]]
// simulation --seed N [--trace] [--break FAULT]
// Status 1: there was a violation; it is printed with the command that plays it again. With --finds:
// there was none, and the first one ends the run. 2: something else went wrong. 64: usage.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>

#include "schedule.h"

namespace gatepost::simulation {
namespace {

using Number = unsigned long long;

struct Options {
    std::uint64_t schedules = 3000, first = 1;
    unsigned jobs = 1;
    BreakName fault{"", Break::none};
    bool has_trace = false, has_progress = false;
    bool finds = false;  // a violation is what is wanted
};

[[noreturn]] void end_with_usage() {
    std::fputs(
        "Usage: simulation [--schedules N] [--first-seed S] [--jobs N] [--progress] [--break FAULT "
        "[--finds]]\n"
        "       simulation --seed N [--trace] [--break FAULT]\n"
        "FAULT is built in to see that it is found; one of:\n",
        stderr);
    for (const auto& each : kBreaks) std::fprintf(stderr, "  %s\n", each.name.data());
    std::exit(64);
}

BreakName fault_of(std::string_view name) {
    const auto found =
        std::find_if(kBreaks.begin(), kBreaks.end(), [&](auto& each) { return each.name == name; });
    if (found == kBreaks.end()) end_with_usage();
    return *found;
}

std::uint64_t number_of(const char* text) {
    char* end = nullptr;
    const std::uint64_t number = std::strtoull(text, &end, 10);
    if (*text == '\0' || *end != '\0') end_with_usage();
    return number;
}

Options options_of(int argc, char** argv) {
    Options options;
    for (int i = 1; i < argc; ++i) {
        const std::string_view name = argv[i];
        if (name == "--trace") {
            options.has_trace = true;
        } else if (name == "--progress") {
            options.has_progress = true;
        } else if (name == "--finds") {
            options.finds = true;
        } else if (++i == argc) {
            end_with_usage();
        } else if (name == "--schedules") {
            options.schedules = number_of(argv[i]);
        } else if (name == "--first-seed") {
            options.first = number_of(argv[i]);
        } else if (name == "--seed") {
            options.first = number_of(argv[i]);
            options.schedules = 1;
        } else if (name == "--jobs") {
            options.jobs = static_cast<unsigned>(std::clamp<std::uint64_t>(number_of(argv[i]), 1, 256));
        } else if (name == "--break") {
            options.fault = fault_of(argv[i]);
        } else {
            end_with_usage();
        }
    }
    return options;
}

void print_violations(const Options& options, std::uint64_t seed,
                      const std::vector<std::string>& violations) {
    std::string text = "seed " + std::to_string(seed) + "\n";
    for (const auto& violation : violations) text += "  VIOLATION: " + violation + "\n";
    text += "  again: simulation --seed " + std::to_string(seed) + " --trace";
    if (options.fault.fault != Break::none) text += " --break " + std::string(options.fault.name);
    std::puts(text.c_str());
    std::fflush(stdout);
}

constexpr std::uint64_t kMostPrinted = 3;  // by each job
constexpr std::uint64_t kPortion = 1000;

// Every so-many-th seed. The parent hears of each portion.
void work(const Options& options, unsigned job, int pipe) {
    Report report;
    std::uint64_t failed = 0;
    const auto tell = [&] {
        if (::write(pipe, &report, sizeof report) != static_cast<ssize_t>(sizeof report)) std::_Exit(2);
        failed += report.failed;
        report = {};
    };
    for (std::uint64_t i = job; i < options.schedules; i += options.jobs) {
        const std::uint64_t seed = options.first + i;
        const auto violations = play(seed, options.fault.fault, options.has_trace, report);
        if (!violations.empty() && failed + report.failed <= kMostPrinted)
            print_violations(options, seed, violations);
        if (!violations.empty() && options.finds) break;
        if (report.schedules >= kPortion) tell();
    }
    tell();
}

void add(Report& sum, const Report& part) {
    sum.schedules += part.schedules;
    sum.steps += part.steps;
    sum.messages += part.messages;
    sum.transactions += part.transactions;
    sum.deliveries += part.deliveries;
    sum.process_crashes += part.process_crashes;
    sum.machine_crashes += part.machine_crashes;
    sum.failed += part.failed;
    for (std::size_t i = 0; i < sum.duplicates.size(); ++i) sum.duplicates[i] += part.duplicates[i];
}

void print_summary(const Report& sum, double took) {
    const auto line = [](Number number, const char* what) { std::printf("%12llu  %s\n", number, what); };
    line(sum.schedules, "schedules");
    line(sum.steps, "steps");
    line(sum.process_crashes, "crashes of the process");
    line(sum.machine_crashes, "crashes of the machine");
    line(sum.messages, "messages");
    line(sum.transactions, "transactions and notifications");
    line(sum.deliveries, "deliveries to a recipient");
    for (std::size_t i = 0; i < kWindows.size(); ++i)
        std::printf("%12llu  twice: %s\n", static_cast<Number>(sum.duplicates[i]), kWindows[i]);
    line(sum.failed, "schedules with a violation");
    if (sum.schedules > 1) {  // a replay is the same each time
        std::printf("%12.1f  seconds, %.0f schedules a second\n", took,
                    static_cast<double>(sum.schedules) / took);
    }
}

// On a terminal one line that changes in place; elsewhere, where each line stays, one for each tenth.
class Progress {
  public:
    explicit Progress(Number schedules) : schedules_(schedules) {}

    void show(const Report& sum, double took) {
        const Number tenth = schedules_ == 0 ? 0 : 10 * sum.schedules / schedules_;
        if (!is_terminal_ && tenth <= shown_) return;
        shown_ = tenth;
        std::fprintf(stderr, "%s%llu of %llu, %llu violations, %.0f s%s", is_terminal_ ? "\r" : "",
                     static_cast<Number>(sum.schedules), schedules_, static_cast<Number>(sum.failed), took,
                     is_terminal_ ? " " : "\n");
    }
    void end() const {
        if (is_terminal_) std::fputs("\n", stderr);
    }

  private:
    const bool is_terminal_ = ::isatty(STDERR_FILENO) == 1;
    const Number schedules_;
    Number shown_ = 0;
};

int run(const Options& options) {
    const auto began = std::chrono::steady_clock::now();
    const auto took = [&] {
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    };
    int ends[2];
    if (::pipe(ends) != 0) return 2;
    for (unsigned job = 0; job < options.jobs; ++job) {
        const pid_t child = ::fork();
        if (child < 0) return 2;
        if (child > 0) continue;
        ::close(ends[0]);
        work(options, job, ends[1]);
        std::fflush(stdout);
        std::_Exit(0);
    }
    ::close(ends[1]);
    Report sum, part;
    Progress progress(options.schedules);
    while (::read(ends[0], &part, sizeof part) == static_cast<ssize_t>(sizeof part)) {
        add(sum, part);
        if (options.has_progress) progress.show(sum, took());
    }
    if (options.has_progress) progress.end();
    bool is_whole = sum.schedules == options.schedules || (options.finds && sum.failed > 0);
    int status = 0;
    while (::wait(&status) > 0) is_whole = is_whole && status == 0;
    print_summary(sum, took());
    if (!is_whole) std::puts("a job did not come to its end");
    if (!is_whole) return 2;
    return (sum.failed > 0) == options.finds ? 0 : 1;
}

}  // namespace
}  // namespace gatepost::simulation

int main(int argc, char** argv) {
    return gatepost::simulation::run(gatepost::simulation::options_of(argc, argv));
}
