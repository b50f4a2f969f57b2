// Switches origins when one is unreachable, silent or answers with a failure status: the rules of replay.
//
//   proven unsent (connect or TLS failed, stream refused)      → next region, any method
//   sent, no answer (reset, timeout)                           → next region if the method is idempotent (RFC 9110
//   §9.2.2) or the answered with a status of the route's failure set            request carries Idempotency-Key; a body
//   must still be whole a byte of the answer already went to the client            → never
#pragma once

#include <memory>

#include "meridian/filter.h"
#include "meridian/status_set.h"

namespace meridian {

class OriginFailover final : public Filter {
 public:
  explicit OriginFailover(StatusSet statuses) : statuses_(statuses) {}
  std::string_view name() const override { return "origin_failover"; }
  Decision OnOutcome(const Outcome& outcome, const StreamContext& context) const override;

 private:
  const StatusSet statuses_;
};

}  // namespace meridian
