// Preloaded into a program under test (LD_PRELOAD): makes calls on chosen files fail, stop half way or kill
// the process, and shifts the clock on the wall. The file that FAULT_PLAN names says what; it is read anew
// whenever it has changed, and all counts begin again then. Its lines:
//
//   CALL PART WHEN ACTION [ARGUMENT]
//     CALL    open write sync rename unlink close truncate allocate mkdir, or any; sync is fsync, fdatasync,
//     sync_file_range PART    a part of the path; for rename of either path WHEN    3: the third such call;
//     3+: that and all later ones; %3: each third; *: all ACTION  fail ERRNO           the call does nothing
//             half                 a write takes half of its octets, and says so
//             torn ERRNO           a write takes half of them, and fails
//             kill_before, kill_half, kill_after   SIGKILL before, in the middle of or after the call
//             delay MILLISECONDS   the call comes later
//   clock SECONDS    what the wall clock is ahead of the truth
//   trace FILE PART  each call on a path with PART is written into FILE: time CALL path; `!ACTION` when a
//   line of the
//                    plan was followed. The time is CLOCK_MONOTONIC, in seconds.
//
// Calls go to the kernel directly, and nothing is allocated: it works under sanitizers and in signal
// handlers.
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

namespace {

constexpr std::size_t kMaxRules = 64, kMaxPlan = 16384;

enum class Action { none, fail, half, torn, kill_before, kill_half, kill_after, delay };
constexpr const char* kActions[] = {"none",        "fail",      "half",       "torn",
                                    "kill_before", "kill_half", "kill_after", "delay"};
constexpr struct {
    const char* name;
    int number;
} kErrors[] = {{"ENOSPC", ENOSPC}, {"EIO", EIO},       {"EDQUOT", EDQUOT}, {"EACCES", EACCES},
               {"EROFS", EROFS},   {"EMFILE", EMFILE}, {"ENFILE", ENFILE}, {"EFBIG", EFBIG},
               {"EINTR", EINTR},   {"ENOMEM", ENOMEM}};

struct Rule {
    char call[16], part[256];
    char kind;  // '=': the nth call, '+': and all later ones, '%': each nth
    unsigned long number, seen;
    Action action;
    int argument;  // errno or milliseconds
};

// What the plan says; guarded by `mutex` but for the clock.
pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
Rule rules[kMaxRules];
std::size_t rule_count = 0;
char trace_file[PATH_MAX], trace_part[256];
struct stat plan_seen;
std::atomic<long> clock_shift{0};

const char* plan_file() {
    static const char* const file = std::getenv("FAULT_PLAN");
    return file;
}

int error_of(const char* name) {
    for (const auto& error : kErrors)
        if (!std::strcmp(error.name, name)) return error.number;
    return std::atoi(name);
}

void read_line(const char* line) {
    char first[PATH_MAX], second[PATH_MAX], when[32], action[32], argument[32];
    int count = std::sscanf(line, "%4095s %4095s %31s %31s %31s", first, second, when, action, argument);
    if (count == 2 && !std::strcmp(first, "clock")) {
        clock_shift = std::atol(second);
    } else if (count == 3 && !std::strcmp(first, "trace")) {
        std::snprintf(trace_file, sizeof trace_file, "%s", second);
        std::snprintf(trace_part, sizeof trace_part, "%.255s", when);
    } else if (count >= 4 && rule_count < kMaxRules) {
        Rule& rule = rules[rule_count++];
        rule = {};
        std::snprintf(rule.call, sizeof rule.call, "%.15s", first);
        std::snprintf(rule.part, sizeof rule.part, "%.255s", second);
        bool is_each = when[0] == '%', is_all = when[0] == '*';
        rule.number = is_all ? 1 : std::strtoul(when + is_each, nullptr, 10);
        rule.kind = is_each ? '%' : is_all || std::strchr(when, '+') ? '+' : '=';
        for (std::size_t at = 0; at < sizeof kActions / sizeof *kActions; ++at)
            if (!std::strcmp(kActions[at], action)) rule.action = static_cast<Action>(at);
        bool is_delay = rule.action == Action::delay;
        rule.argument = count < 5 ? EIO : is_delay ? std::atoi(argument) : error_of(argument);
    }
}

// With the mutex, but for the first time.
void read_plan_if_changed() {
    struct stat now {};
    if (syscall(SYS_newfstatat, AT_FDCWD, plan_file(), &now, 0) != 0) return;
    if (now.st_ino == plan_seen.st_ino && now.st_mtim.tv_sec == plan_seen.st_mtim.tv_sec &&
        now.st_mtim.tv_nsec == plan_seen.st_mtim.tv_nsec && now.st_size == plan_seen.st_size)
        return;
    plan_seen = now;
    static char text[kMaxPlan + 1];
    int fd = static_cast<int>(syscall(SYS_openat, AT_FDCWD, plan_file(), O_RDONLY | O_CLOEXEC));
    if (fd < 0) return;
    long size = syscall(SYS_read, fd, text, kMaxPlan);
    syscall(SYS_close, fd);
    text[size > 0 ? size : 0] = 0;
    rule_count = 0;
    trace_file[0] = 0;
    clock_shift = 0;
    for (char *line = text, *end = nullptr; line && *line; line = end) {
        end = std::strchr(line, '\n');
        if (end) *end++ = 0;
        if (*line != '#') read_line(line);
    }
}

void note(const char* call, const char* path, const char* action) {
    if (!trace_file[0]) return;
    timespec now{};
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
    char line[PATH_MAX + 128];
    int size = std::snprintf(line, sizeof line, "%ld.%06ld %s %s%s%s\n", now.tv_sec, now.tv_nsec / 1000, call,
                             path, *action ? " !" : "", action);
    int fd = static_cast<int>(
        syscall(SYS_openat, AT_FDCWD, trace_file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
    if (fd < 0) return;
    syscall(SYS_write, fd, line, size);
    syscall(SYS_close, fd);
}

[[noreturn]] void die() {
    while (true) syscall(SYS_kill, syscall(SYS_getpid), SIGKILL);
}

bool is_due(Rule& rule) {
    ++rule.seen;
    switch (rule.kind) {
        case '%': return rule.number && rule.seen % rule.number == 0;
        case '+': return rule.seen >= rule.number;
        default: return rule.seen == rule.number;
    }
}

struct Fault {
    Action action = Action::none;
    int argument = 0;
};

// What is to become of this call. Paths are whole; `target` is empty but for rename.
Fault plan(const char* call, const char* path, const char* target = "") {
    Fault fault;
    pthread_mutex_lock(&mutex);
    read_plan_if_changed();
    for (Rule* rule = rules; rule != rules + rule_count; ++rule) {
        if (std::strcmp(rule->call, call) != 0 && std::strcmp(rule->call, "any") != 0) continue;
        if (!std::strstr(path, rule->part) && !std::strstr(target, rule->part)) continue;
        if (is_due(*rule) && fault.action == Action::none) fault = {rule->action, rule->argument};
    }
    if (trace_file[0] && (std::strstr(path, trace_part) || std::strstr(target, trace_part)))
        note(call, path, fault.action == Action::none ? "" : kActions[static_cast<int>(fault.action)]);
    pthread_mutex_unlock(&mutex);
    return fault;
}

// The whole path of a name below a folder's descriptor; false where nobody need look.
bool whole_path(int folder, const char* name, char (&path)[PATH_MAX]) {
    if (!plan_file() || !name) return false;
    if (name[0] == '/') return std::snprintf(path, sizeof path, "%s", name) > 0;
    char link[64];
    if (folder == AT_FDCWD)
        std::snprintf(link, sizeof link, "/proc/self/cwd");
    else
        std::snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
    long size = syscall(SYS_readlinkat, AT_FDCWD, link, path, sizeof path - 1);
    if (size <= 0 || path[0] != '/') return false;  // a socket, a pipe
    std::snprintf(path + size, sizeof path - size, *name ? "/%s" : "", name);
    return true;
}

bool path_of(int fd, char (&path)[PATH_MAX]) {
    return whole_path(fd, "", path);
}

// Follows the plan around a call that is done whole or not at all.
template <typename Call>
auto follow(Fault fault, Call call) -> decltype(call()) {
    if (fault.action == Action::kill_before) die();
    if (fault.action == Action::delay) usleep(static_cast<useconds_t>(fault.argument) * 1000);
    if (fault.action == Action::fail || fault.action == Action::torn) {
        errno = fault.argument;
        return -1;
    }
    auto result = call();
    if (fault.action == Action::kill_after || fault.action == Action::kill_half) die();
    return result;
}

// Likewise around one that may do a part. `call` takes the number of octets.
template <typename Call>
ssize_t follow_write(Fault fault, std::size_t size, Call call) {
    bool is_cut =
        fault.action == Action::half || fault.action == Action::torn || fault.action == Action::kill_half;
    if (!is_cut || size < 2) return follow(fault, [&] { return call(size); });
    ssize_t done = call(size / 2);
    if (fault.action == Action::kill_half) die();
    if (fault.action == Action::half) return done;
    errno = fault.argument;
    return -1;
}

int open_it(int folder, const char* name, int flags, mode_t mode) {
    auto call = [&] { return static_cast<int>(syscall(SYS_openat, folder, name, flags, mode)); };
    char path[PATH_MAX];
    return whole_path(folder, name, path) ? follow(plan("open", path), call) : call();
}

int sync_it(int fd, long number) {
    auto call = [&] { return static_cast<int>(syscall(number, fd)); };
    char path[PATH_MAX];
    return path_of(fd, path) ? follow(plan("sync", path), call) : call();
}

int rename_it(int from_folder, const char* from, int to_folder, const char* to, unsigned flags) {
    auto call = [&] {
        return static_cast<int>(syscall(SYS_renameat2, from_folder, from, to_folder, to, flags));
    };
    char path[PATH_MAX], target[PATH_MAX];
    if (!whole_path(from_folder, from, path) || !whole_path(to_folder, to, target)) return call();
    return follow(plan("rename", path, target), call);
}

int unlink_it(int folder, const char* name, int flags) {
    auto call = [&] { return static_cast<int>(syscall(SYS_unlinkat, folder, name, flags)); };
    char path[PATH_MAX];
    return whole_path(folder, name, path) ? follow(plan("unlink", path), call) : call();
}

mode_t mode_of(int flags, va_list arguments) {
    return flags & (O_CREAT | __O_TMPFILE) ? va_arg(arguments, mode_t) : 0;
}

ssize_t write_it(int fd, const void* octets, std::size_t size) {
    auto call = [&](std::size_t count) {
        return static_cast<ssize_t>(syscall(SYS_write, fd, octets, count));
    };
    char path[PATH_MAX];
    return path_of(fd, path) ? follow_write(plan("write", path), size, call) : call(size);
}

ssize_t pwrite_it(int fd, const void* octets, std::size_t size, off_t offset) {
    auto call = [&](std::size_t count) {
        return static_cast<ssize_t>(syscall(SYS_pwrite64, fd, octets, count, offset));
    };
    char path[PATH_MAX];
    return path_of(fd, path) ? follow_write(plan("write", path), size, call) : call(size);
}

int allocate_it(int fd, int mode, off_t offset, off_t size) {
    auto call = [&] { return static_cast<int>(syscall(SYS_fallocate, fd, mode, offset, size)); };
    char path[PATH_MAX];
    return path_of(fd, path) ? follow(plan("allocate", path), call) : call();
}

long wall_shift() {
    if (!plan_file()) return 0;
    pthread_mutex_lock(&mutex);
    read_plan_if_changed();
    pthread_mutex_unlock(&mutex);
    return clock_shift;
}

}  // namespace

#define EXPORT extern "C" __attribute__((visibility("default")))

#define OPEN(name)                                      \
    EXPORT int name(const char* path, int flags, ...) { \
        va_list arguments;                              \
        va_start(arguments, flags);                     \
        mode_t mode = mode_of(flags, arguments);        \
        va_end(arguments);                              \
        return open_it(AT_FDCWD, path, flags, mode);    \
    }
#define OPENAT(name)                                                \
    EXPORT int name(int folder, const char* path, int flags, ...) { \
        va_list arguments;                                          \
        va_start(arguments, flags);                                 \
        mode_t mode = mode_of(flags, arguments);                    \
        va_end(arguments);                                          \
        return open_it(folder, path, flags, mode);                  \
    }
OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)
EXPORT int __open_2(const char* path, int flags) {
    return open_it(AT_FDCWD, path, flags, 0);
}
EXPORT int __open64_2(const char* path, int flags) {
    return open_it(AT_FDCWD, path, flags, 0);
}
EXPORT int __openat_2(int folder, const char* path, int flags) {
    return open_it(folder, path, flags, 0);
}
EXPORT int __openat64_2(int folder, const char* path, int flags) {
    return open_it(folder, path, flags, 0);
}

EXPORT ssize_t write(int fd, const void* octets, std::size_t size) {
    return write_it(fd, octets, size);
}

EXPORT ssize_t pwrite(int fd, const void* octets, std::size_t size, off_t offset) {
    return pwrite_it(fd, octets, size, offset);
}
EXPORT ssize_t pwrite64(int fd, const void* octets, std::size_t size, off64_t offset) {
    return pwrite_it(fd, octets, size, offset);
}

// A part of several pieces is cut within the first: a caller must cope with any part.
EXPORT ssize_t writev(int fd, const iovec* pieces, int count) {
    std::size_t size = 0;
    for (int at = 0; at < count; ++at) size += pieces[at].iov_len;
    auto call = [&](std::size_t wanted) {
        if (wanted == size) return static_cast<ssize_t>(syscall(SYS_writev, fd, pieces, count));
        std::size_t first = pieces[0].iov_len;
        return static_cast<ssize_t>(
            syscall(SYS_write, fd, pieces[0].iov_base, wanted < first ? wanted : first));
    };
    char path[PATH_MAX];
    return path_of(fd, path) ? follow_write(plan("write", path), size, call) : call(size);
}

EXPORT int fsync(int fd) {
    return sync_it(fd, SYS_fsync);
}
EXPORT int fdatasync(int fd) {
    return sync_it(fd, SYS_fdatasync);
}
EXPORT int sync_file_range(int fd, off64_t offset, off64_t size, unsigned flags) {
    auto call = [&] { return static_cast<int>(syscall(SYS_sync_file_range, fd, offset, size, flags)); };
    char path[PATH_MAX];
    return path_of(fd, path) ? follow(plan("sync", path), call) : call();
}

EXPORT int rename(const char* from, const char* to) noexcept {
    return rename_it(AT_FDCWD, from, AT_FDCWD, to, 0);
}
EXPORT int renameat(int from_folder, const char* from, int to_folder, const char* to) noexcept {
    return rename_it(from_folder, from, to_folder, to, 0);
}
EXPORT int renameat2(int from_folder, const char* from, int to_folder, const char* to,
                     unsigned flags) noexcept {
    return rename_it(from_folder, from, to_folder, to, flags);
}

EXPORT int unlink(const char* path) noexcept {
    return unlink_it(AT_FDCWD, path, 0);
}
EXPORT int unlinkat(int folder, const char* path, int flags) noexcept {
    return unlink_it(folder, path, flags);
}
EXPORT int remove(const char* path) noexcept {
    int result = unlink_it(AT_FDCWD, path, 0);
    return result != 0 && errno == EISDIR ? unlink_it(AT_FDCWD, path, AT_REMOVEDIR) : result;
}

EXPORT int mkdir(const char* name, mode_t mode) noexcept {
    auto call = [&] { return static_cast<int>(syscall(SYS_mkdirat, AT_FDCWD, name, mode)); };
    char path[PATH_MAX];
    return whole_path(AT_FDCWD, name, path) ? follow(plan("mkdir", path), call) : call();
}

EXPORT int close(int fd) {
    auto call = [&] { return static_cast<int>(syscall(SYS_close, fd)); };
    char path[PATH_MAX];
    if (!path_of(fd, path)) return call();
    Fault fault = plan("close", path);
    if (fault.action != Action::fail) return follow(fault, call);
    call();  // Linux lets go of the descriptor whatever close says
    errno = fault.argument;
    return -1;
}

EXPORT int ftruncate(int fd, off_t size) noexcept {
    auto call = [&] { return static_cast<int>(syscall(SYS_ftruncate, fd, size)); };
    char path[PATH_MAX];
    return path_of(fd, path) ? follow(plan("truncate", path), call) : call();
}

EXPORT int fallocate(int fd, int mode, off_t offset, off_t size) {
    return allocate_it(fd, mode, offset, size);
}
EXPORT int fallocate64(int fd, int mode, off64_t offset, off64_t size) {
    return allocate_it(fd, mode, offset, size);
}
EXPORT int posix_fallocate(int fd, off_t offset, off_t size) {
    return allocate_it(fd, 0, offset, size) == 0 ? 0 : errno;
}
EXPORT int posix_fallocate64(int fd, off64_t offset, off64_t size) {
    return allocate_it(fd, 0, offset, size) == 0 ? 0 : errno;
}

EXPORT int clock_gettime(clockid_t clock, timespec* now) noexcept {
    int result = static_cast<int>(syscall(SYS_clock_gettime, clock, now));
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        now->tv_sec += wall_shift();
    return result;
}

EXPORT time_t time(time_t* result) noexcept {
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    if (result) *result = now.tv_sec;
    return now.tv_sec;
}

EXPORT int gettimeofday(timeval* result, void*) noexcept {
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    *result = {now.tv_sec, now.tv_nsec / 1000};
    return 0;
}
