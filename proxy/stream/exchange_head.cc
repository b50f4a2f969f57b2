// The part of the exchange that reads a request's head before anything is decided.
#include "policy/canonical_path.h"
#include "stream/exchange.h"

namespace meridian {

// From here on, for routes, filters, the origin and the log, there is one path.
bool Exchange::Normalize() {
  const std::optional<std::string_view> target = CanonicalTarget(request_.path, world_->model->paths, arena_);
  if (target) request_.path = *target;
  return target.has_value();
}

}  // namespace meridian
