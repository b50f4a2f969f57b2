// How many frames a client's HTTP/2 connection may send beside its requests and their bytes.
//
// Why: a frame costs its sender less than us, so endless ones are a flood. But how many a decent client sends depends
// on what it is given: Go returns its window in steps of 4 KiB, for the stream and for the connection each, which makes
// eight updates per DATA frame of ours; gRPC returns each small message at once, and asks with a PING for the round
// trip. So frames are earned by what they are an answer to, four times as many as the busiest of the measured clients
// sends (tests/http/real_clients_test.cc), and only what nothing called for drains the bucket. What one thing earned
// does not pay for another: a download does not buy a flood of PINGs. Pure.
#pragma once

#include <algorithm>
#include <cstddef>

#include "policy/token_bucket.h"

namespace meridian {

class FrameBudget {
 public:
  static constexpr double kBurst = 1000;
  static constexpr double kPerSecond = 100;
  // One update per so many bytes of a DATA frame of ours, and some for the frame, however small.
  static constexpr double kBytesPerUpdate = 512;
  static constexpr double kUpdatesPerData = 8;
  static constexpr double kPingsPerData = 4;
  // PRIORITY and its update, CONTINUATION, frames of unknown types, RST_STREAM behind an answer.
  static constexpr double kOthersPerRequest = 4;
  // What a client earned and did not send yet: it may be given a few windows before it reads the first of them.
  static constexpr double kMostUpdates = 1 << 18;
  static constexpr double kMostOthers = 1000;

  explicit FrameBudget(TimePoint now) : bucket_(kBurst, kPerSecond, now) {}

  void OnRequest() { others_ = std::min(kMostOthers, others_ + kOthersPerRequest); }
  void OnDataSent(size_t bytes) {
    updates_ = std::min(kMostUpdates, updates_ + kUpdatesPerData + static_cast<double>(bytes) / kBytesPerUpdate);
    pings_ = std::min(kMostOthers, pings_ + kPingsPerData);
  }

  // Each false: that was too much.
  bool TakeUpdate(TimePoint now) { return Spend(updates_) || Take(now); }
  bool TakePing(TimePoint now) { return Spend(pings_) || Take(now); }
  bool TakeOther(TimePoint now) { return Spend(others_) || Take(now); }
  bool Take(TimePoint now) { return bucket_.Take(now); }  // nothing earns these

 private:
  static bool Spend(double& earned) {
    if (earned < 1) return false;
    earned -= 1;
    return true;
  }

  TokenBucket bucket_;
  double updates_ = 0;
  double pings_ = 0;
  double others_ = 0;
};

}  // namespace meridian
