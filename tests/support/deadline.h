// Every wait in the integration tests ends: a Deadline says when, Eventually polls a condition until then.
#pragma once

#include <algorithm>
#include <chrono>
#include <thread>

namespace meridian::testing {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using Millis = std::chrono::milliseconds;

class Deadline {
 public:
  explicit Deadline(Millis from_now) : at_(Clock::now() + from_now) {}
  bool passed() const { return Clock::now() >= at_; }
  // Never negative; rounded up so that poll() does not spin in the last millisecond.
  Millis left() const { return std::max(Millis(0), std::chrono::ceil<Millis>(at_ - Clock::now())); }
  int poll_timeout() const { return static_cast<int>(std::min<Millis::rep>(left().count(), 60'000)); }

 private:
  Clock::time_point at_;
};

// True as soon as `condition()` is; false if it still is not at the deadline.
template <typename Condition>
bool Eventually(Condition condition, Millis limit, Millis step = 10ms) {
  const Deadline deadline(limit);
  while (!condition()) {
    if (deadline.passed()) return condition();
    std::this_thread::sleep_for(step);
  }
  return true;
}

}  // namespace meridian::testing
