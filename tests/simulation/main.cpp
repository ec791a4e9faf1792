// simulation [--schedules N] [--first-seed S] [--break ORDER] [--jobs N] [--progress]
// simulation --seed N [--break ORDER] [--trace]
// Status 1: a violation was found; the seed is printed with what replays it.
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <thread>

#include "schedule.h"

namespace gatepost::simulation {
namespace {

struct Options {
    std::uint64_t schedules = 3000, first = 1;
    unsigned jobs = std::max(1U, std::thread::hardware_concurrency());
    Break order = Break::none;
    std::string_view order_name;
    bool has_trace = false, has_progress = false;
};

[[noreturn]] void usage() {
    std::fputs(
        "simulation [--schedules N] [--first-seed S | --seed N] [--trace] [--jobs N] [--progress]\n"
        "           [--break ORDER]   ORDER is one of",
        stderr);
    for (const auto& each : kBreaks) std::fprintf(stderr, " %.*s", int(each.name.size()), each.name.data());
    std::fputs("\n", stderr);
    std::exit(64);
}

Break order_of(std::string_view name) {
    for (const auto& each : kBreaks) {
        if (each.name == name) return each.order;
    }
    usage();
}

Options options_of(int argc, char** argv) {
    Options options;
    for (int i = 1; i < argc; ++i) {
        const std::string_view name = argv[i];
        if (name == "--trace") {
            options.has_trace = true;
            continue;
        }
        if (name == "--progress") {
            options.has_progress = true;
            continue;
        }
        if (++i == argc) usage();
        const std::uint64_t number = std::strtoull(argv[i], nullptr, 10);
        if (name == "--schedules") {
            options.schedules = number;
        } else if (name == "--first-seed") {
            options.first = number;
        } else if (name == "--seed") {
            options.first = number;
            options.schedules = 1;
        } else if (name == "--jobs") {
            options.jobs = std::max(1U, static_cast<unsigned>(number));
        } else if (name == "--break") {
            options.order = order_of(options.order_name = argv[i]);
        } else {
            usage();
        }
    }
    return options;
}

// The sum of all that was played.
struct Total {
    std::mutex mutex;
    Report sum;
    std::uint64_t played = 0, failed = 0, first_failed = 0;
};

void add(Total& total, std::uint64_t seed, const Report& report) {
    const std::lock_guard lock(total.mutex);
    ++total.played;
    for (std::size_t i = 0; i < kWindows; ++i) total.sum.duplicates[i] += report.duplicates[i];
    total.sum.deliveries += report.deliveries;
    total.sum.notices += report.notices;
    total.sum.process_crashes += report.process_crashes;
    total.sum.machine_crashes += report.machine_crashes;
    total.sum.events += report.events;
    if (report.violations.empty()) return;
    ++total.failed;
    if (total.failed == 1 || seed < total.first_failed) {
        total.first_failed = seed;
        total.sum.violations = report.violations;
    }
}

void print(const Options& options, const Total& total, double elapsed) {
    const auto& sum = total.sum;
    const auto line = [](const char* what, std::uint64_t count) {
        std::printf("%12llu  %s\n", static_cast<unsigned long long>(count), what);
    };
    line("schedules", total.played);
    line("a second", static_cast<std::uint64_t>(static_cast<double>(total.played) / elapsed));
    line("events", sum.events);
    line("crashes of the process", sum.process_crashes);
    line("crashes of the machine", sum.machine_crashes);
    line("deliveries to a recipient", sum.deliveries);
    line("recipients given up, and told or kept", sum.notices);
    for (std::size_t i = 0; i < kWindows; ++i) {
        std::printf("%12llu  duplicates: %s\n", static_cast<unsigned long long>(sum.duplicates[i]),
                    kWindowNames[i]);
    }
    line("schedules with a violation", total.failed);
    if (total.failed == 0) return;
    const auto seed = static_cast<unsigned long long>(total.first_failed);
    std::printf("\nseed %llu:\n", seed);
    for (const auto& violation : sum.violations) std::printf("  %s\n", violation.c_str());
    std::printf("replay: build-simulation/simulation --seed %llu --trace", seed);
    if (options.order != Break::none)
        std::printf(" --break %.*s", int(options.order_name.size()), options.order_name.data());
    std::printf("\n");
}

int run(const Options& options) {
    using Clock = std::chrono::steady_clock;
    const auto began = Clock::now();
    const auto elapsed = [&] { return std::chrono::duration<double>(Clock::now() - began).count(); };
    Total total;
    std::atomic<std::uint64_t> next{0};
    std::atomic<bool> is_found{false};  // the broken order: that is enough
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < options.jobs; ++i) {
        threads.emplace_back([&] {
            for (auto n = next++; n < options.schedules && !is_found; n = next++) {
                const Report report = play(options.first + n, options.order, options.has_trace);
                if (options.order != Break::none && !report.violations.empty()) is_found = true;
                add(total, options.first + n, report);
                if (options.has_progress && (n + 1) % 10'000 == 0) {
                    std::fprintf(stderr, "\r%llu of %llu, %.0f s ", static_cast<unsigned long long>(n + 1),
                                 static_cast<unsigned long long>(options.schedules), elapsed());
                }
            }
        });
    }
    for (auto& thread : threads) thread.join();
    if (options.has_progress) std::fputs("\n", stderr);
    print(options, total, elapsed());
    return total.failed > 0 ? 1 : 0;
}

}  // namespace
}  // namespace gatepost::simulation

int main(int argc, char** argv) {
    return gatepost::simulation::run(gatepost::simulation::options_of(argc, argv));
}
