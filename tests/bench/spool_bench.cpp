// Messages of 10 KB that become durable in a second, with so many senders waiting at once: what the spool
// adds to `spool: always`. In the folder GATEPOST_BENCH_FOLDER, or the temporary one: the disk decides.
#include <benchmark/benchmark.h>

#include <atomic>
#include <cstdlib>

#include "gateway/spool/disk_spool.h"
#include "tests/support/temporary_folder.h"

using namespace gatepost;
using namespace gatepost::gateway;

namespace {

class TextContent final : public Content {
  public:
    std::size_t size() const override { return text_.size(); }
    std::unique_ptr<ContentReader> reader() override { return std::make_unique<Reader>(text_); }

  private:
    class Reader final : public ContentReader {
      public:
        explicit Reader(std::string_view text) : text_(text) {}
        std::string_view next() override { return std::exchange(text_, {}); }
        bool lasts() const override { return true; }
        bool failed() const override { return false; }

      private:
        std::string_view text_;
    };
    const std::string text_ = std::string(10'000, 'x');
};

awaitable<void> keep_committing(asio::io_context& context, Spool& spool, std::size_t& left,
                                std::size_t& failed) {
    static std::size_t number = 0;
    TextContent content;
    while (left > 0) {
        --left;
        SpooledMessage message;
        message.id = "b" + std::to_string(number++);
        message.sender.reverse_path = protocol::parse_reverse_path("<sender@example.net>")->path;
        message.recipients = {{protocol::parse_forward_path("<user@example.org>")->path}};
        const int error = co_await spool.commit(context, std::move(message), content);
        if (error != 0) ++failed;
    }
}

void commit(benchmark::State& state) {
    const char* where = std::getenv("GATEPOST_BENCH_FOLDER");
    const tests::TemporaryFolder temporary;
    const std::string folder =
        (where ? std::string(where) : temporary.path()) + "/spool-" + std::to_string(state.range(0));
    auto spool = Spool::open(folder, {});
    if (!spool) return state.SkipWithError(spool.problem().c_str());
    constexpr std::size_t kMessages = 500;
    std::size_t failed = 0;
    for (auto _ : state) {
        asio::io_context context;
        std::size_t left = kMessages;
        for (auto waiting = state.range(0); waiting > 0; --waiting)
            asio::co_spawn(context, keep_committing(context, **spool, left, failed),
                           [&](std::exception_ptr bug) {
                               if (bug) ++failed;
                           });
        context.run();
    }
    if (failed > 0) state.SkipWithError("not all could be committed");
    state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * kMessages));
    (*spool)->finish();
    spool->reset();
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
}

BENCHMARK(commit)->Arg(1)->Arg(10)->Arg(100)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
