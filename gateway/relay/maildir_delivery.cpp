#include "gateway/relay/maildir_delivery.h"

#include <fcntl.h>
#include <unistd.h>

#include <asio/post.hpp>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "gateway/log.h"

namespace gatepost::gateway {
namespace {

using protocol::Reply;
namespace reply = protocol::reply;

// RFC 5321 section 4.4: the final delivery system puts the reverse-path on top.
std::string delivery_fields(const Sender& sender, const std::vector<std::string>& recipients) {
    std::string fields = "Return-Path: <" + sender.reverse_path.text() + ">\r\n";
    for (const auto& recipient : recipients) fields += "Delivered-To: " + recipient + "\r\n";
    return fields;
}

std::string unique_name(const std::string& hostname) {
    static std::atomic<unsigned> counter{0};
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(now).count();
    return std::to_string(micros / 1000000) + ".M" + std::to_string(micros % 1000000) + "P" +
           std::to_string(::getpid()) + "Q" + std::to_string(counter++) + "." + hostname;
}

class File {
  public:
    explicit File(int descriptor) : descriptor_(descriptor) {}
    ~File() {
        if (descriptor_ >= 0) ::close(descriptor_);
    }
    File(const File&) = delete;
    bool is_open() const { return descriptor_ >= 0; }
    bool write(std::string_view bytes) {
        while (!bytes.empty()) {
            const auto written = ::write(descriptor_, bytes.data(), bytes.size());
            if (written < 0 && errno == EINTR) continue;
            if (written <= 0) return false;
            bytes.remove_prefix(static_cast<std::size_t>(written));
        }
        return true;
    }
    bool sync() { return ::fsync(descriptor_) == 0; }
    bool close() { return ::close(std::exchange(descriptor_, -1)) == 0; }

  private:
    int descriptor_;
};

bool sync_folder(const std::string& folder) {
    File directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    return directory.is_open() && directory.sync();
}

bool write_message(const std::string& file, const std::string& fields, Content& message) {
    File out(::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!out.is_open() || !out.write(fields)) return false;
    const std::unique_ptr<ContentReader> reader = message.reader();
    for (auto portion = reader->next(); !portion.empty(); portion = reader->next()) {
        if (!out.write(portion)) return false;
    }
    if (reader->failed()) {
        errno = EIO;
        return false;
    }
    return out.sync() && out.close();
}

Reply store(const std::string& folder, const std::string& name, const std::string& fields, Content& message) {
    const std::string temporary = folder + "/tmp/" + name, stored_as = folder + "/new/" + name;
    const bool stored = write_message(temporary, fields, message) &&
                        ::rename(temporary.c_str(), stored_as.c_str()) == 0 && sync_folder(folder + "/new");
    if (stored) return Reply{250, "2.0.0", {"Stored as " + name}};
    const int error = errno;
    ::unlink(temporary.c_str());
    ::unlink(stored_as.c_str());  // it comes again; two would be one too many
    LogLine line("downstream");
    log_error(line.add("server", folder).add("at", "writing").add("why", std::strerror(error)));
    return error == ENOSPC || error == EDQUOT ? reply::kNoStorage : reply::kLocalError;
}

}  // namespace

std::string prepare_maildir(const std::string& folder) {
    for (const char* part : {"tmp", "new", "cur"}) {
        std::error_code error;
        std::filesystem::create_directories(folder + "/" + part, error);
        if (error) return "maildir " + folder + ": " + error.message();
        if (::access((folder + "/" + part).c_str(), W_OK | X_OK) != 0) {
            return "maildir " + folder + "/" + part + ": " + std::strerror(errno);
        }
    }
    return "";
}

awaitable<Outcome> MaildirDelivery::add_recipient(const protocol::Recipient& recipient) {
    recipients_.push_back(recipient.path.text());
    co_return outcome_of(reply::kRecipientOk);
}

awaitable<std::vector<Outcome>> MaildirDelivery::deliver(Content& message) {
    const std::string fields = delivery_fields(sender_, recipients_);
    const std::string name = unique_name(hostname_);
    asio::steady_timer done(context_, Deadline::max());
    Reply answer = reply::kLocalError;
    auto work = asio::make_work_guard(context_);
    // The coroutine waits below, so what the thread refers to stays.
    asio::post(disk_, [&] {
        try {
            answer = store(folder_, name, fields, message);
        } catch (const std::exception&) {  // nobody would catch it in that thread; 451 as it stands
        }
        asio::post(context_, [&] { done.cancel(); });
    });
    co_await done.async_wait(no_throw);
    const Outcome outcome = own_finding(answer);
    co_return std::vector<Outcome>(recipients_.size(), outcome);
}

}  // namespace gatepost::gateway
