// Asio as this project uses it: one header for what is experimental in 1.22, and the completion token that
// never throws. In an expression with co_await stands no {…} temporary, no lambda and no ?: (g++ 12 frees it
// twice); name it first. `./dev lint` looks for these forms.
#pragma once

#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/error.hpp>
#include <asio/experimental/as_tuple.hpp>
#include <asio/generic/stream_protocol.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/ip/udp.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/read.hpp>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>

namespace gatepost::gateway {

using asio::awaitable;
using asio::ip::tcp;
using asio::ip::udp;
using ErrorCode = asio::error_code;
using Clock = std::chrono::steady_clock;
using Deadline = Clock::time_point;

// auto [error, size] = co_await socket.async_read_some(buffer, no_throw);
constexpr auto no_throw = asio::experimental::as_tuple(asio::use_awaitable);

}  // namespace gatepost::gateway
