// Switches origins when one is unreachable, silent or answers with a failure status: the rules of replay.
//
//   proven unsent (connect or TLS failed, stream refused,  → next region, any method
//   left behind by GOAWAY, closed before it arrived)
//   sent, no answer (reset, timeout), or answered with a   → next region if the method is idempotent (RFC 9110 §9.2.2),
//   status of the failure set                                the request carries Idempotency-Key, or the route says
//                                                            `replay: unsafe`
//   a part of the request's body is gone                   → never
//   a byte of the answer already went to the client        → never
#pragma once

#include <memory>

#include "meridian/filter.h"

namespace meridian {

class OriginFailover final : public Filter {
 public:
  explicit OriginFailover(bool replay_unsafe) : replay_unsafe_(replay_unsafe) {}
  std::string_view name() const override { return "origin_failover"; }
  Decision OnOutcome(const Outcome& outcome, const StreamContext& context) const override;

 private:
  const bool replay_unsafe_;
};

}  // namespace meridian
