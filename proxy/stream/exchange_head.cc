// The part of the exchange that reads a request's head before anything is decided.
#include "net/trusted_proxies.h"
#include "policy/canonical_path.h"
#include "stream/exchange.h"

namespace meridian {

void Exchange::IdentifyClient() {
  const ClientInfo& info = connection_.info();
  stream_context_.client = &info;
  stream_context_.client_address = info.address;
  const std::vector<Cidr>& trusted = world_->model->trusted_proxies;
  if (trusted.empty()) return;
  const std::optional<Endpoint> peer = ParseIpLiteral(info.address, info.port);
  if (!peer || !Covers(trusted, *peer)) return;
  stream_context_.trusted_peer = true;
  stream_context_.client_address = ClientBehind(info.address, request_.headers, trusted);
}

// From here on, for routes, filters, the origin and the log, there is one path.
bool Exchange::Normalize() {
  const std::optional<std::string_view> target = CanonicalTarget(request_.path, world_->model->paths, arena_);
  if (target) request_.path = *target;
  return target.has_value();
}

}  // namespace meridian
