// The queue's thread over a spool that fails: whatever is thrown in between, each message is tried again,
// delivered and removed, and it is delivered once.
#include "gateway/spool/queue_runner.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <set>

#include "gateway/relay/maildir_delivery.h"
#include "tests/support/temporary_folder.h"

namespace gatepost::gateway {
namespace {

using namespace std::chrono_literals;

class OneLetter final : public Content {
  public:
    std::size_t size() const override { return kText.size(); }
    std::unique_ptr<ContentReader> reader() override { return std::make_unique<Reader>(); }
    static constexpr std::string_view kText = "Subject: x\r\n\r\nHello\r\n";

  private:
    struct Reader final : ContentReader {
        std::string_view next() override { return std::exchange(rest, std::string_view()); }
        bool lasts() const override { return true; }
        bool failed() const override { return false; }
        std::string_view rest = kText;
    };
};

enum class Fails { read, content, record, remove };

// One message for two recipients, in memory. Fails once at each of these places, as if memory were short.
class FailingSpool final : public Spool {
  public:
    explicit FailingSpool(std::set<Fails> places) : fails_(std::move(places)) {
        message.id = "one";
        for (const char* path : {"<a@example.org>", "<b@example.org>"})
            message.recipients.push_back({protocol::parse_forward_path(path)->path, "", ""});
        message.content_octets = OneLetter::kText.size();
    }

    protocol::Result<std::size_t> recover(const std::function<void(const Spooled&)>& found) override {
        found({message, {}, false});
        return std::size_t(0);
    }
    std::size_t recover_rest(const std::function<void(const Spooled&)>&) override { return 0; }
    void tell_of_new(std::function<void(const SpooledMessage&)>) override {}
    void use(const config::Queue&) override {}
    std::optional<protocol::Reply> refusal(std::size_t) const override { return {}; }
    awaitable<int> commit(asio::io_context&, SpooledMessage, Content&) override { co_return EIO; }
    Load load() const override { return {1, message.content_octets}; }
    bool has(const std::string&) const override { return true; }
    protocol::Result<Spooled> read(const std::string&) const override {
        fail_at(Fails::read);
        return Spooled{message, {{}, {false, false}}, false};
    }
    std::unique_ptr<Content> content(const std::string&) const override {
        fail_at(Fails::content);
        return std::make_unique<OneLetter>();
    }
    awaitable<int> record(asio::io_context&, std::string, JournalEntry entry) override {
        fail_at(Fails::record);
        return recorded(std::move(entry));
    }
    awaitable<int> remove(asio::io_context&, std::string) override { co_return EIO; }
    awaitable<int> remove_queued(asio::io_context&, std::string) override {
        fail_at(Fails::remove);
        return removed();
    }
    awaitable<int> move(asio::io_context&, std::string, Shelf, Shelf) override { co_return EIO; }

    bool is_removed_within(std::chrono::seconds time) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, time, [this] { return is_removed_; });
    }
    bool has_failed_everywhere() const { return fails_.empty(); }

    SpooledMessage message;

  private:
    void fail_at(Fails here) const {
        if (fails_.erase(here) > 0) throw std::bad_alloc();
    }
    awaitable<int> recorded(JournalEntry) { co_return 0; }
    awaitable<int> removed() {
        const std::lock_guard lock(mutex_);
        is_removed_ = true;
        changed_.notify_all();
        co_return 0;
    }

    mutable std::set<Fails> fails_;  // the queue's thread's
    std::mutex mutex_;
    std::condition_variable changed_;
    bool is_removed_ = false;
};

std::size_t letters_in(const std::string& maildir) {
    const std::filesystem::directory_iterator all(maildir + "/new");
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

TEST(QueueRunner, TriesAgainWhateverIsThrownInBetween) {
    const std::set<Fails> cases[] = {{},
                                     {Fails::read},
                                     {Fails::content},
                                     {Fails::content, Fails::record},
                                     {Fails::remove},
                                     {Fails::read, Fails::content, Fails::record, Fails::remove}};
    for (const auto& places : cases) {
        const auto which = &places - cases;
        const tests::TemporaryFolder folder;
        std::filesystem::create_directories(folder / "spool/queue");
        ASSERT_EQ(prepare_maildir(folder / "mail"), "");
        const auto snapshot = std::make_shared<Snapshot>();
        auto& settings = snapshot->settings;
        settings.hostname = "mx.example.org";
        settings.state = folder.path();
        settings.downstream.retry = {1s, 1s, 24h};
        auto& server = settings.downstream.servers.emplace_back();
        server.kind = config::DownstreamKind::maildir;
        server.path = folder / "mail";
        asio::thread_pool disk(1);
        FailingSpool spool(places);
        {
            QueueRunner runner(spool, snapshot, disk);
            ASSERT_EQ(runner.start(), "");
            EXPECT_TRUE(spool.is_removed_within(20s)) << which;
            runner.stop();
            runner.join();
        }
        disk.join();
        EXPECT_EQ(letters_in(folder / "mail"), 1U) << which;
        EXPECT_TRUE(spool.has_failed_everywhere()) << which;
    }
}

}  // namespace
}  // namespace gatepost::gateway
