// What the demo's clients saw: one answer, and sums over many.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "meridian/time.h"
#include "server/demo_world.h"

namespace meridian {

struct DemoAnswer {
  TimePoint sent{};
  TimePoint ended{};
  int status = 0;                         // 0: none, or cut off half way
  bool unsent = false;                    // the edge did not take the request: its door was closed
  std::optional<size_t> region, service;  // who answered; indexes into the demo's world

  bool ok() const { return status == 200; }
  Duration time() const { return ended - sent; }
};

class DemoTally {
 public:
  // Answers to requests sent before `since` are of an earlier world and do not count.
  explicit DemoTally(TimePoint since = {}) : since_(since) {}
  void Add(const DemoAnswer& answer);

  uint64_t answered() const { return answered_; }
  uint64_t failed() const { return failed_; }
  uint64_t unsent() const { return unsent_; }  // not among the failed
  uint64_t of_region(size_t region) const { return regions_[region]; }
  uint64_t of_service(size_t service) const { return services_[service]; }
  double RegionShare(size_t region) const { return Share(regions_[region]); }
  double ServiceShare(size_t service) const { return Share(services_[service]); }
  std::optional<TimePoint> first_error() const { return first_error_; }
  // The first good answer that was not of the nearest region.
  std::optional<TimePoint> first_from_elsewhere() const { return first_from_elsewhere_; }
  Duration slowest() const;
  Duration Quantile(double q) const;

 private:
  double Share(uint64_t part) const;
  TimePoint since_;
  uint64_t answered_ = 0;
  uint64_t failed_ = 0;
  uint64_t unsent_ = 0;
  std::array<uint64_t, kDemoRegions.size()> regions_{};
  std::array<uint64_t, kDemoServices.size()> services_{};
  std::vector<Duration> times_;
  std::optional<TimePoint> first_error_, first_from_elsewhere_;
};

}  // namespace meridian
