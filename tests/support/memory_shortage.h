// Allocations that fail on purpose, in one thread. What replaces operator new stands in
// tests/gateway/spool/queue_shortage_test.cpp, for the whole test program of gateway.
#pragma once

namespace gatepost::tests {

struct MemoryShortage {
    long left = -1;    // allocations that still succeed; below zero: all
    long failing = 1;  // how many fail then
};
extern thread_local MemoryShortage memory_shortage;

}  // namespace gatepost::tests
