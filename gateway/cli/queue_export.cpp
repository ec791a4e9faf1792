#include "gateway/cli/queue_export.h"

#include <fcntl.h>
#include <sysexits.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "protocol/ascii.h"

namespace gatepost::gateway {
namespace {

bool write_all(int file, std::string_view octets) {
    while (!octets.empty()) {
        const auto written = ::write(file, octets.data(), octets.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return false;
        octets.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
}

// As a terminal may see it: CRLF becomes LF, other controls and foreign octets are escaped.
std::string presentable(std::string_view octets) {
    std::string out;
    for (const char octet : octets) {
        const bool is_printable = octet >= ' ' && octet <= '~';
        if (is_printable || octet == '\n' || octet == '\t') {
            out += octet;
        } else if (octet != '\r') {
            out += protocol::escaped({&octet, 1});
        }
    }
    return out;
}

// Up to the empty line behind a header, and whether that is all of the header.
bool cut_behind_header(std::string_view& octets, std::string& last) {
    const std::string joined = last + std::string(octets);
    const auto end = joined.find("\r\n\r\n");
    if (end != joined.npos) {
        const auto size = end + 2 - std::min(last.size(), end + 2);
        octets = octets.substr(0, size);
        return true;
    }
    last = joined.substr(joined.size() - std::min<std::size_t>(joined.size(), 3));
    return false;
}

}  // namespace

std::string print_content(QueueFile& file, bool whole) {
    std::string last;
    const bool is_terminal = ::isatty(STDOUT_FILENO) == 1;
    return file.content([&](std::string_view octets) {
        const bool is_end = !whole && cut_behind_header(octets, last);
        const std::string text = is_terminal ? presentable(octets) : std::string(octets);
        return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && !is_end;
    });
}

Exported export_message(const QueueFolder& folder, const std::string& id, const QueueRequest& request) {
    const auto file = folder.open(id, {QueuePlace::queue, QueuePlace::hold, QueuePlace::dead});
    if (!file) return {"", "no message " + id + " in the queue", EX_NOINPUT};
    const auto message = file->read();
    if (!message && !request.whole) return {"", id + ": " + message.problem(), EX_DATAERR};
    Exported exported;
    const bool is_standard_output = request.target == "-";
    if (!is_standard_output)
        exported.file = request.target + "/" + id + (request.whole ? ".gatepost" : ".eml");
    const int out = is_standard_output
                        ? STDOUT_FILENO
                        : ::open(exported.file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (out < 0) return {"", exported.file + ": " + std::strerror(errno), EX_CANTCREAT};
    int error = 0;
    const auto take = [&](std::string_view octets) {
        if (!write_all(out, octets)) error = errno;
        return error == 0;
    };
    const std::string damage = request.whole ? file->all(take) : file->content(take);
    if (!is_standard_output && ::close(out) != 0 && error == 0) error = errno;
    if (error != 0) {
        if (!is_standard_output) ::unlink(exported.file.c_str());
        return {"", (is_standard_output ? "standard output" : exported.file) + ": " + std::strerror(error),
                EX_CANTCREAT};
    }
    if (!damage.empty()) return {exported.file, id + ": " + damage, EX_DATAERR};
    return exported;
}

}  // namespace gatepost::gateway
