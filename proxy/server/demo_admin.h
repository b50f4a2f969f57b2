// The demo's operator: speaks to the admin endpoint over HTTP as anybody would, one call after the other.
//
// Calls look blocking to the story: the stage's loop runs while they wait. REQUIRES: not called from a callback.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "origin/pool.h"
#include "server/admin_call.h"
#include "server/demo_stage.h"
#include "server/demo_world.h"

namespace meridian {

// The stable service as seen by the edge, one entry per region of the demo's world.
struct DemoRegionView {
  std::string state;  // "up", "down", "open", "half-open", "ramp 35 %", "dial 0 %"
  double rtt_ms = 0;  // NaN: not measured
  uint64_t failed_attempts = 0;
};
using DemoView = std::array<DemoRegionView, kDemoRegions.size()>;

class DemoAdmin {
 public:
  static constexpr Duration kPatience = 5s;

  // `over`: the edge has stopped; calls under way end without an answer.
  DemoAdmin(DemoStage& stage, const Endpoint& admin, const bool& over);
  ~DemoAdmin();
  AdminReply Call(Method method, std::string_view path, std::string_view if_match = {}, std::string_view body = {});
  // Nothing if the edge does not answer.
  std::optional<DemoView> View();
  // Attempts that ended without a usable response, since the start.
  uint64_t FailedAttempts(size_t region);
  // GET for the ETag, then PATCH with If-Match. Empty, or what went wrong.
  std::string SetWeights(std::string_view stable, std::string_view canary);
  std::string SetDial(size_t region, std::string_view dial);

 private:
  std::string Patch(const std::string& path, std::string_view body);

  DemoStage& stage_;
  const bool& over_;
  const Endpoint address_;
  const std::string authority_;
  OriginPool pool_;
};

}  // namespace meridian
