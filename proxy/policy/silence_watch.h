// A region that owes several answers and says nothing: new requests need not join those that wait.
//
// Why: an attempt is given up after 500 ms or more, since one slow answer proves nothing. Several requests that hear
// nothing at all, while answers usually come within milliseconds, prove more; without this, everything that begins in
// that half second hangs too (251 of 30 000 requests of a minute's black hole at 500 rps, measured; 0.5 % is the aim).
// When: at least kWaiting attempts wait, and not one head has come from the region for max(kMinPatience, 3 × its p99)
// since the first of them began; with fewer than LatencyWindow::kMinSamples recent answers: never.
// What then: the plan puts the region last (BuildPlan's `silent`). Nothing is cancelled, nobody is told: the breaker
// judges by outcomes only.
// How it ends: by the next head, at once; or when those who wait are gone.
//
// One per (service, region) and worker. Pure; one thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

#include "policy/latency_window.h"

namespace meridian {

class SilenceWatch {
 public:
  static constexpr uint32_t kWaiting = 5;
  static constexpr Duration kMinPatience = 100ms;

  // Held by an attempt that has asked and not heard yet. May outlive what it waits for, not the watch.
  class Ticket {
   public:
    Ticket() = default;
    Ticket(Ticket&& o) noexcept : watch_(std::exchange(o.watch_, nullptr)), epoch_(o.epoch_) {}
    Ticket& operator=(Ticket&& o) noexcept {
      Release();
      watch_ = std::exchange(o.watch_, nullptr);
      epoch_ = o.epoch_;
      return *this;
    }
    ~Ticket() { Release(); }
    void Release() {
      if (watch_ && watch_->epoch_ == epoch_) --watch_->waiting_;
      watch_ = nullptr;
    }

   private:
    friend class SilenceWatch;
    Ticket(SilenceWatch* watch, uint64_t epoch) : watch_(watch), epoch_(epoch) {}
    SilenceWatch* watch_ = nullptr;
    uint64_t epoch_ = 0;
  };

  Ticket OnAsked(TimePoint now) {
    if (waiting_++ == 0) since_ = now;
    return {this, epoch_};
  }
  // A response head came: whoever asked before it says nothing about the region any more.
  void OnHeard(Duration head_time, TimePoint now) {
    ++epoch_;
    waiting_ = 0;
    answers_.Add(head_time, now);
  }
  bool IsSilent(TimePoint now) {
    if (waiting_ < kWaiting || now - since_ < kMinPatience) return false;
    if (answers_.count(now) < LatencyWindow::kMinSamples) return false;
    return now - since_ >= std::max(kMinPatience, 3 * answers_.Quantile(0.99, now));
  }

 private:
  uint64_t epoch_ = 0;    // heads so far
  uint32_t waiting_ = 0;  // attempts of this epoch that have not heard yet
  TimePoint since_{};     // when the first of them began
  LatencyWindow answers_;
};

}  // namespace meridian
