#include "policy/weighted_pick.h"

#include <cstddef>

namespace meridian {
namespace {

__extension__ using Uint128 = unsigned __int128;

}  // namespace

int PickWeighted(std::span<const uint32_t> weights, uint64_t u) {
  uint64_t total = 0;
  for (uint32_t weight : weights) total += weight;
  if (total == 0) return -1;
  // floor(u · total / 2^64): uniform in [0, total) without division and without bias beyond 2^-64.
  uint64_t point = static_cast<uint64_t>((Uint128{u} * total) >> 64);
  size_t arm = 0;
  while (point >= weights[arm]) point -= weights[arm++];
  return static_cast<int>(arm);
}

uint64_t DrawWithin(std::span<const uint32_t> weights, uint64_t u) {
  const int arm = PickWeighted(weights, u);
  if (arm < 0) return u;
  uint64_t total = 0, before = 0;
  for (size_t i = 0; i < weights.size(); ++i) {
    total += weights[i];
    if (i < static_cast<size_t>(arm)) before += weights[i];
  }
  // In units of 2^-64 of a weight of one; below weight · 2^64.
  const Uint128 within = Uint128{u} * total - (Uint128{before} << 64);
  return static_cast<uint64_t>(within / weights[static_cast<size_t>(arm)]);
}

int PickShare(std::span<const double> shares, uint64_t u) {
  double total = 0;
  int last = -1;
  for (size_t i = 0; i < shares.size(); ++i) {
    if (!(shares[i] > 0)) continue;
    total += shares[i];
    last = static_cast<int>(i);
  }
  double point = static_cast<double>(u >> 11) * 0x1p-53 * total;
  for (int i = 0; i < last; ++i) {
    double share = shares[static_cast<size_t>(i)];
    if (!(share > 0)) continue;
    if (point < share) return i;
    point -= share;
  }
  return last;  // also what rounding left over
}

}  // namespace meridian
