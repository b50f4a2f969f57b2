#include "filters/registry.h"

#include "filters/client_certificate.h"
#include "filters/fixed_reply.h"
#include "filters/forwarding_headers.h"
#include "filters/grpc_timeout.h"
#include "filters/header_edits.h"
#include "filters/loop_guard.h"
#include "filters/max_forwards.h"
#include "filters/origin_failover.h"
#include "filters/redirect.h"
#include "filters/rewrite.h"
#include "filters/trace_context.h"

namespace meridian {

std::vector<std::shared_ptr<const Filter>> MakeFilters(const FilterOptions& options) {
  const RouteRules& rules = options.rules;
  std::vector<std::shared_ptr<const Filter>> filters;
  const auto add = [&](auto filter) { filters.push_back(std::make_shared<const decltype(filter)>(std::move(filter))); };
  if (!rules.response_headers.empty()) add(ResponseHeaders(rules.response_headers));
  add(MaxForwards());
  add(LoopGuard(options.edge_name, options.max_hops));
  add(ForwardingHeaders());
  add(ClientCertificateHeader(options.trust_client_cert));
  add(TraceContext());
  add(GrpcTimeout());
  if (rules.redirect) add(Redirect(*rules.redirect, options.matched));
  if (rules.reply) add(FixedReply(*rules.reply));
  add(OriginFailover(options.replay_unsafe));
  if (!rules.rewrite.empty()) add(Rewrite(rules.rewrite, options.matched));
  if (!rules.request_headers.empty()) add(RequestHeaders(rules.request_headers));
  return filters;
}

}  // namespace meridian
