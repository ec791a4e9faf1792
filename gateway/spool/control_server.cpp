#include "gateway/spool/control_server.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "gateway/completion.h"
#include "gateway/log.h"
#include "gateway/net/socket_limit.h"

namespace gatepost::gateway {
namespace {

using Socket = asio::local::stream_protocol::socket;

constexpr std::size_t kMaxClients = 16;
constexpr std::chrono::seconds kPatience{30};  // for a whole request, and for an answer to be taken
constexpr std::chrono::milliseconds kPause{200};

// One more line, without its end, or nothing.
awaitable<std::optional<std::string>> receive_line(Socket& socket, std::string& buffer) {
    std::size_t end = buffer.find('\n');
    std::vector<char> portion(16 * 1024);
    while (end == std::string::npos) {
        if (buffer.size() > kMaxControlLine) co_return std::nullopt;
        const auto space = asio::buffer(portion);
        auto [error, size] = co_await socket.async_read_some(space, no_throw);
        if (error) co_return std::nullopt;
        buffer.append(portion.data(), size);
        end = buffer.find('\n');
    }
    std::string line = buffer.substr(0, end);
    buffer.erase(0, end + 1);
    co_return line;
}

}  // namespace

ControlServer::~ControlServer() {
    close();
}

// Its mode is right from the first moment on: the kernel takes that of the unbound socket.
std::string ControlServer::open(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return "the path is too long for a socket";
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (socket < 0) return std::strerror(errno);
    ::unlink(path.c_str());
    if (::fchmod(socket, 0600) != 0 ||
        ::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(socket, kMaxClients) != 0) {
        const int error = errno;
        ::close(socket);
        return std::strerror(error);
    }
    path_ = path;
    acceptor_ = std::make_unique<asio::local::stream_protocol::acceptor>(
        context_, asio::local::stream_protocol(), socket);
    accept_next();
    return "";
}

void ControlServer::close() {
    if (!acceptor_) return;
    ErrorCode ignored;
    acceptor_->close(ignored);
    acceptor_.reset();
    ::unlink(path_.c_str());
}

void ControlServer::accept_next() {
    acceptor_->async_accept([this](ErrorCode error, Socket socket) {
        if (error == asio::error::operation_aborted || !acceptor_) return;
        if (!error && *clients_ < kMaxClients) {
            asio::co_spawn(context_, serve(std::move(socket)), log_exception);
        }
        if (!error) return accept_next();
        const auto pause = std::make_shared<asio::steady_timer>(context_, kPause);  // out of descriptors
        pause->async_wait([this, pause](ErrorCode) {
            if (acceptor_) accept_next();
        });
    });
}

awaitable<void> ControlServer::serve(Socket socket) {
    const std::shared_ptr<std::size_t> clients = clients_;
    struct Presence {
        std::size_t& count;
        explicit Presence(std::size_t& counted) : count(counted) { ++count; }
        ~Presence() { --count; }
    };
    const Presence presence(*clients);
    SocketLimit limit(context_, socket);
    std::string buffer;
    for (;;) {
        limit.begin(kPatience);
        const std::optional<std::string> line = co_await receive_line(socket, buffer);
        limit.end();
        if (!line) co_return;
        const auto request = parse_control_request(*line);
        std::string answer = wire_problem(request.problem());
        if (request) {
            const std::vector<ControlResult> results = co_await executor_.execute(*request);
            answer = wire(results);
        }
        limit.begin(kPatience);
        const auto octets = asio::buffer(answer);
        auto [error, size] = co_await asio::async_write(socket, octets, no_throw);
        limit.end();
        if (error || !request) co_return;
    }
}

}  // namespace gatepost::gateway
