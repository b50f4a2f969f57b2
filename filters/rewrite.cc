#include "filters/rewrite.h"

#include "filters/target_rule.h"

namespace meridian {

std::optional<LocalReply> Rewrite::OnRequest(RequestHead& request, StreamContext&) const {
  if (!rule_.host.empty()) request.authority = rule_.host;
  request.path = RewriteTarget(request.path, rule_, matched_, *request.headers.arena());
  return std::nullopt;
}

}  // namespace meridian
