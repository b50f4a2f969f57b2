#include "filters/redirect.h"

#include "filters/target_rule.h"

namespace meridian {

// Relative where only the path changes: the client knows best by which scheme and port it came. A path of which a
// client would read the beginning as a host ("//", "/\") is written behind one.
std::string_view Redirect::Location(const RequestHead& request, const StreamContext& context) const {
  Arena& arena = *request.headers.arena();
  const std::string_view target = RewriteTarget(request.path, rule_.target, matched_, arena);
  const bool ambiguous = target.size() > 1 && (target[1] == '/' || target[1] == '\\');
  const bool elsewhere = !rule_.scheme.empty() || !rule_.target.host.empty() || rule_.port != 0;
  if (!elsewhere && !target.starts_with('/')) return {};  // OPTIONS *
  if (!elsewhere && !ambiguous) return target;
  const std::string_view scheme = rule_.scheme.empty() ? context.scheme : std::string_view(rule_.scheme);
  std::string_view host = rule_.target.host.empty() ? request.authority : std::string_view(rule_.target.host);
  if (host.empty()) return {};
  const bool own_port = rule_.target.host.empty() && scheme == context.scheme;
  if (rule_.port != 0 || (rule_.target.host.empty() && !own_port)) host = WithoutPort(host);
  std::string_view location = arena.Concat(scheme, "://", host);
  if (rule_.port != 0) location = arena.Concat(location, ":", std::to_string(rule_.port));
  return target.starts_with('/') ? arena.Concat(location, target) : location;
}

std::optional<LocalReply> Redirect::OnRequest(RequestHead& request, StreamContext& context) const {
  const std::string_view location = Location(request, context);
  if (location.empty()) return LocalReply{.status = 400, .body = "", .refused = true};
  return LocalReply{.status = rule_.status, .body = "", .location = location};
}

}  // namespace meridian
