// A failure on purpose: for a while a share of the requests that would go to a region meet it at the edge instead, so
// that a team can see what a real one would do. Pure; part of the snapshot.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "meridian/time.h"

namespace meridian {

enum class DrillKind : uint8_t {
  kStatus503,  // an answer 503
  kReset,      // the connection is reset after the request was sent
  kHang,       // nothing ever comes
  kSlow,       // the request sets out `delay` late
};

inline constexpr std::string_view Name(DrillKind kind) {
  constexpr std::string_view kNames[] = {"503", "reset", "hang", "slow"};
  return kNames[static_cast<size_t>(kind)];
}
inline constexpr std::optional<DrillKind> ParseDrillKind(std::string_view text) {
  for (const DrillKind kind : {DrillKind::kStatus503, DrillKind::kReset, DrillKind::kHang, DrillKind::kSlow}) {
    if (Name(kind) == text) return kind;
  }
  return std::nullopt;
}

struct Drill {
  uint64_t id = 0;  // 0: none
  DrillKind kind = DrillKind::kStatus503;
  double share = 1;  // of the attempts, (0,1]
  Duration delay = 1s;
  // Probes meet the failure as well, or a region of which nothing is left could never be found down. Not for a part of
  // the requests, and not when they are only late.
  bool fails_probes() const { return id != 0 && share >= 1 && kind != DrillKind::kSlow; }
};

}  // namespace meridian
