#include "filters/origin_failover.h"

namespace meridian {

Decision OriginFailover::OnOutcome(const Outcome& outcome, const StreamContext& context) const {
  if (outcome.committed) return Decision::kAccept;
  if (outcome.status != 0 && !outcome.failure) return Decision::kAccept;
  if (outcome.error && outcome.error.retry == Retry::kNever) return Decision::kAccept;
  // What was given away of the body can't be given again.
  if (context.body_gone) return Decision::kAccept;
  if (outcome.error && outcome.error.retry == Retry::kAlways) return Decision::kTryNext;
  const bool safe = replay_unsafe_ || IsIdempotent(context.method) || context.has_idempotency_key;
  return safe ? Decision::kTryNext : Decision::kAccept;
}

}  // namespace meridian
