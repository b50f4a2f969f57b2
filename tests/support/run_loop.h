// Drives a loop from a test until something happened. Works with the real clock and with a manual one.
#pragma once

#include <sched.h>

#include <chrono>

#include "event/loop.h"

namespace meridian::testing {

// Runs turns until `done()`; false after ten seconds of real time, which no passing test comes near.
template <typename F>
[[nodiscard]] bool RunUntil(Loop& loop, F done) {
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!done()) {
    if (std::chrono::steady_clock::now() > give_up) return false;
    loop.RunTurn(false);
    sched_yield();
  }
  return true;
}

// Lets everything that is under way on loopback sockets arrive: for checks that something does NOT happen.
inline void Settle(Loop& loop) {
  for (int i = 0; i < 200; ++i) {
    loop.RunTurn(false);
    sched_yield();
  }
}

}  // namespace meridian::testing
