#include "control/admin_api.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <utility>

#include "control/admin_json.h"
#include "control/config_decoder.h"
#include "http/h1_write.h"
#include "telemetry/log.h"

namespace meridian {
namespace {

constexpr size_t kMaxBody = 64 * 1024;
constexpr size_t kMaxAuditText = 256;

constexpr std::string_view kRoutes = "/v1/routes/";
constexpr std::string_view kWeights = "/weights";
constexpr std::string_view kRegions = "/v1/regions/";
constexpr std::string_view kDrills = "/v1/drills";

constexpr char kText[] = "text/plain; charset=utf-8";
constexpr char kMetrics[] = "text/plain; version=0.0.4; charset=utf-8";
constexpr char kListing[] =
    "Meridian admin\n"
    "\n"
    "GET /livez                            200 while the process answers\n"
    "GET /readyz                           200 while it takes traffic, else 503\n"
    "GET /metrics                          Prometheus text format\n"
    "GET /v1/status                        regions, services, origins, health, routes, shares\n"
    "GET, PATCH /v1/routes/{name}/weights  {\"weights\":{\"shop\":90,\"shop-v2\":10}}\n"
    "GET, PATCH /v1/regions/{name}         {\"dial\":\"50%\"}\n"
    "GET, POST /v1/drills                  "
    "{\"region\":\"eu-west-1\",\"kind\":\"503\",\"share\":\"100%\",\"for\":\"60s\"}\n"
    "GET, DELETE /v1/drills/{id}           a failure on purpose, its report, and its end\n"
    "\n"
    "PATCH needs If-Match with the ETag of a GET; PATCH and POST need Content-Type: application/json.\n";

// What goes back, and what the audit line says about it.
struct Reply {
  AdminResponse response;
  std::string audit;
};
using Refusal = std::optional<Reply>;

Reply Problem(int status, const std::string& detail) {
  return {{status, "application/problem+json", {}, ProblemJson(status, ReasonPhrase(status), detail)}, detail};
}

Reply Text(int status, std::string content_type, std::string body) {
  return {{status, std::move(content_type), {}, std::move(body)}, ""};
}

Reply Document(std::string body, const std::string& etag = {}, std::string audit = {}) {
  Reply reply{{200, "application/json", {}, std::move(body)}, std::move(audit)};
  if (!etag.empty()) reply.response.headers.emplace_back("ETag", etag);
  return reply;
}

std::string_view Trim(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

bool IsRead(const AdminRequest& request) { return request.method == "GET" || request.method == "HEAD"; }

// RFC 9110 §9.2.1: these ask for no change, whatever becomes of them.
bool IsSafe(const AdminRequest& request) {
  return IsRead(request) || request.method == "OPTIONS" || request.method == "TRACE";
}

// Whether `host` (lower case) is a name under which the admin is meant to be reached. A page on the internet can make
// its own name resolve to this machine and then counts as same-origin; only its Host gives it away.
bool IsOwnHost(const std::string& host, const std::string& self) {
  const std::string port = self.substr(self.rfind(':') + 1);
  const std::array<std::string, 4> own = {self, "localhost:" + port, "127.0.0.1:" + port, "[::1]:" + port};
  // Clients leave the default port out.
  const bool has_port = host.rfind(':') != std::string::npos && host.back() != ']';
  const std::string full = has_port || port != "80" ? host : host + ":80";
  return std::find(own.begin(), own.end(), full) != own.end();
}

Refusal CheckSource(const std::string& self, const AdminRequest& request) {
  if (!IsOwnHost(Lower(request.host), self)) {
    return Problem(403, "the Host '" + request.host + "' is not this admin endpoint: use " + self);
  }
  constexpr std::string_view kScheme = "http://";
  const std::string origin = Lower(request.origin);
  const bool own = origin.starts_with(kScheme) && IsOwnHost(origin.substr(kScheme.size()), self);
  if (!origin.empty() && !own) return Problem(403, "requests from the web page '" + request.origin + "' are refused");
  return std::nullopt;
}

Reply WrongMethod(const AdminRequest& request, const std::string& allow) {
  Reply reply = Problem(405, "the method " + request.method + " is not for this path; allowed: " + allow);
  reply.response.headers.emplace_back("Allow", allow);
  return reply;
}

Reply NotFound(const std::string& what, const std::string& suggestion = {}) {
  return Problem(404, suggestion.empty() ? what : what + "; " + suggestion);
}

// If-Match compares strongly (RFC 9110 §13.1.1): a weak tag never matches.
bool Matches(std::string_view if_match, const std::string& etag) {
  while (true) {
    const size_t comma = if_match.find(',');
    if (Trim(if_match.substr(0, comma)) == etag) return true;
    if (comma == std::string_view::npos) return false;
    if_match.remove_prefix(comma + 1);
  }
}

bool IsJson(const std::string& content_type) {
  const std::string_view type = content_type;
  return Lower(Trim(type.substr(0, type.find(';')))) == "application/json";
}

// What every write must show before its body is looked at.
Refusal CheckWrite(const AdminRequest& request, const std::string& etag) {
  if (request.method != "PATCH") return WrongMethod(request, "GET, HEAD, PATCH");
  if (!IsJson(request.content_type)) return Problem(415, "the body must be sent as Content-Type: application/json");
  const std::string_view if_match = Trim(request.if_match);
  if (if_match.empty() || if_match == "*") {
    return Problem(428, "a change must say which version it is based on: send If-Match with the ETag of a GET");
  }
  if (!Matches(if_match, etag)) {
    Reply reply = Problem(412, "the version has changed: it is " + etag + " now, not " + std::string(if_match));
    reply.response.headers.emplace_back("ETag", etag);
    return reply;
  }
  if (request.body.size() > kMaxBody) return Problem(413, "the body is larger than 64 KiB");
  return std::nullopt;
}

template <typename Item>
const Item* FindNamed(const std::vector<Item>& items, std::string_view name) {
  const auto found = std::find_if(items.begin(), items.end(), [name](const Item& item) { return item.name == name; });
  return found == items.end() ? nullptr : &*found;
}

template <typename Item>
std::string Suggest(const std::vector<Item>& items, std::string_view name) {
  std::vector<std::string> names;
  names.reserve(items.size());
  for (const Item& item : items) names.push_back(item.name);
  return DidYouMean(Nearest(name, names));
}

std::string WeightsEtag(uint64_t version) { return "\"w" + std::to_string(version) + "\""; }
std::string DialEtag(uint64_t version) { return "\"d" + std::to_string(version) + "\""; }

RouteStatus WithWeights(RouteStatus route, const std::vector<uint32_t>& weights, uint64_t version) {
  uint64_t sum = 0;
  for (const uint32_t weight : weights) sum += weight;
  for (size_t i = 0; i < weights.size(); ++i) {
    route.split[i].weight = weights[i];
    route.split[i].share = static_cast<double>(weights[i]) / static_cast<double>(sum);
  }
  route.weights_version = version;
  return route;
}

// "shop 99 -> 90, shop-v2 1 -> 10".
std::string DescribeChange(const RouteStatus& route, const std::vector<uint32_t>& weights) {
  std::string text;
  for (size_t i = 0; i < weights.size(); ++i) {
    const ArmStatus& arm = route.split[i];
    if (i > 0) text += ", ";
    text += arm.service + " " + std::to_string(arm.weight) + " -> " + std::to_string(weights[i]);
  }
  return text;
}

Reply Weights(AdminBackend& backend, const AdminRequest& request, std::string_view name) {
  const Status status = backend.GetStatus();
  const RouteStatus* route = FindNamed(status.routes, name);
  if (!route) return NotFound("no route '" + std::string(name) + "'", Suggest(status.routes, name));
  if (route->split.empty()) return NotFound("route '" + route->name + "' answers by itself and has no weights");
  const std::string etag = WeightsEtag(route->weights_version);
  if (IsRead(request)) return Document(WeightsJson(*route), etag);
  if (Refusal refusal = CheckWrite(request, etag)) return *std::move(refusal);
  std::vector<uint32_t> weights;
  if (BodyProblem problem = ParseWeights(request.body, *route, &weights); problem.status != 0) {
    return Problem(problem.status, problem.detail);
  }
  const uint64_t version = backend.SetWeights(route->name, weights, request.peer);
  return Document(WeightsJson(WithWeights(*route, weights, version)), WeightsEtag(version),
                  DescribeChange(*route, weights));
}

std::string DialText(double dial) { return FormatPercent(static_cast<uint32_t>(std::lround(dial * 1e6))); }

Reply Region(AdminBackend& backend, const AdminRequest& request, std::string_view name) {
  const Status status = backend.GetStatus();
  const RegionStatus* region = FindNamed(status.regions, name);
  if (!region) return NotFound("no region '" + std::string(name) + "'", Suggest(status.regions, name));
  const std::string etag = DialEtag(region->dial_version);
  if (IsRead(request)) return Document(DialJson(*region), etag);
  if (Refusal refusal = CheckWrite(request, etag)) return *std::move(refusal);
  double dial = 0;
  if (BodyProblem problem = ParseDial(request.body, &dial); problem.status != 0) {
    return Problem(problem.status, problem.detail);
  }
  const uint64_t version = backend.SetDial(region->name, dial, request.peer);
  return Document(DialJson({region->name, dial, version}), DialEtag(version),
                  "dial " + DialText(region->dial) + " -> " + DialText(dial));
}

Reply StartDrill(AdminBackend& backend, const AdminRequest& request) {
  if (!IsJson(request.content_type)) return Problem(415, "the body must be sent as Content-Type: application/json");
  if (request.body.size() > kMaxBody) return Problem(413, "the body is larger than 64 KiB");
  DrillRequest drill;
  if (BodyProblem problem = ParseDrill(request.body, &drill); problem.status != 0) {
    return Problem(problem.status, problem.detail);
  }
  const Status status = backend.GetStatus();
  if (!FindNamed(status.regions, drill.region)) {
    const std::string suggestion = Suggest(status.regions, drill.region);
    return Problem(422, "no region '" + drill.region + "'" + (suggestion.empty() ? "" : "; " + suggestion));
  }
  std::string error;
  const uint64_t id = backend.StartDrill(drill, request.peer, &error);
  if (id == 0) return Problem(409, error);
  for (const DrillStatus& started : backend.GetStatus().drills) {
    if (started.id != id) continue;
    Reply reply = Document(DrillJson(started), {}, "drill " + std::to_string(id) + " of " + drill.region);
    reply.response.status = 201;
    reply.response.headers.emplace_back("Location", std::string(kDrills) + "/" + std::to_string(id));
    return reply;
  }
  return Problem(500, "the drill is not listed");
}

Reply AllDrills(AdminBackend& backend, const AdminRequest& request) {
  if (IsRead(request)) return Document(DrillsJson(backend.GetStatus().drills));
  if (request.method == "POST") return StartDrill(backend, request);
  return WrongMethod(request, "GET, HEAD, POST");
}

Reply OneDrill(AdminBackend& backend, const AdminRequest& request, std::string_view id) {
  const bool cancel = request.method == "DELETE";
  if (!IsRead(request) && !cancel) return WrongMethod(request, "GET, HEAD, DELETE");
  for (const DrillStatus& drill : backend.GetStatus().drills) {
    if (std::to_string(drill.id) != id) continue;
    if (!cancel) return Document(DrillJson(drill));
    if (!backend.CancelDrill(drill.id)) return Problem(409, "drill " + std::string(id) + " is over: " + drill.state);
    DrillStatus ended = drill;
    for (const DrillStatus& now : backend.GetStatus().drills) {
      if (now.id == drill.id) ended = now;
    }
    return Document(DrillJson(ended), {}, "drill " + std::string(id) + " cancelled");
  }
  return NotFound("no drill '" + std::string(id) + "' among the last ones");
}

Reply Ready(AdminBackend& backend) {
  const Readiness status = backend.GetReadiness();
  if (status.draining) return Text(503, kText, "draining\n");
  if (!status.ready) return Text(503, kText, "starting\n");
  return Text(200, kText, "ok\n");
}

// Paths that are only read.
using Read = Reply (*)(AdminBackend&);
Read FindRead(std::string_view path) {
  if (path == "/") return [](AdminBackend&) { return Text(200, kText, kListing); };
  if (path == "/livez") return [](AdminBackend&) { return Text(200, kText, "ok\n"); };
  if (path == "/readyz") return Ready;
  if (path == "/metrics") return [](AdminBackend& backend) { return Text(200, kMetrics, backend.Metrics()); };
  if (path == "/v1/status") return [](AdminBackend& backend) { return Document(StatusJson(backend.GetStatus())); };
  return nullptr;
}

// The one path segment between `prefix` and `suffix`; nullopt if `path` does not look like that.
std::optional<std::string_view> NameIn(std::string_view path, std::string_view prefix, std::string_view suffix) {
  if (path.size() <= prefix.size() + suffix.size() || !path.starts_with(prefix) || !path.ends_with(suffix)) {
    return std::nullopt;
  }
  const std::string_view name = path.substr(prefix.size(), path.size() - prefix.size() - suffix.size());
  return name.find('/') == std::string_view::npos ? std::optional(name) : std::nullopt;
}

Reply Answer(AdminBackend& backend, const std::string& self, const AdminRequest& request) {
  if (Refusal refusal = CheckSource(self, request)) return *std::move(refusal);
  if (const Read read = FindRead(request.path)) {
    return IsRead(request) ? read(backend) : WrongMethod(request, "GET, HEAD");
  }
  if (const auto route = NameIn(request.path, kRoutes, kWeights)) return Weights(backend, request, *route);
  if (const auto region = NameIn(request.path, kRegions, "")) return Region(backend, request, *region);
  if (request.path == kDrills) return AllDrills(backend, request);
  if (const auto id = NameIn(request.path, "/v1/drills/", "")) return OneDrill(backend, request, *id);
  return NotFound("nothing is at '" + request.path + "'; GET / lists what there is");
}

void Audit(const AdminRequest& request, const Reply& reply) {
  const bool accepted = reply.response.status < 300;
  LogEvent(accepted ? LogLevel::kInfo : LogLevel::kWarning, accepted ? "admin_write_accepted" : "admin_write_refused",
           {{"by", request.peer},
            {"method", request.method.substr(0, kMaxAuditText)},
            {"path", request.path.substr(0, kMaxAuditText)},
            {"status", std::to_string(reply.response.status)},
            {accepted ? "change" : "why", reply.audit.substr(0, kMaxAuditText)}});
}

}  // namespace

AdminResponse HandleAdmin(AdminBackend& backend, const std::string& self, const AdminRequest& request) {
  Reply reply = Answer(backend, self, request);
  reply.response.headers.emplace_back("Cache-Control", "no-store");
  if (!IsSafe(request)) Audit(request, reply);
  return std::move(reply.response);
}

}  // namespace meridian
