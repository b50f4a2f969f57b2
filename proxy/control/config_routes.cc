// The section about which requests go where: routes.
#include <map>

#include "control/config_sections.h"
#include "filters/target_rule.h"
#include "policy/route_match.h"

namespace meridian {
namespace {

// --- split

struct Weight {
  uint32_t value = 0;
  bool percent = false;
};

std::optional<Weight> DecodeWeight(const Entry& entry, Decoder& d) {
  if (!ExpectText(entry, d)) return std::nullopt;
  const std::string& text = entry.value.text;
  Weight out;
  if (!text.empty() && text.back() == '%') {
    out.percent = true;
    if (!Accept(entry, ParsePercent(text, &out.value), d)) return std::nullopt;
    return out;
  }
  int64_t value = 0;
  if (!ExpectPlain(entry, "a whole number or a percentage", d)) return std::nullopt;
  const bool number = ParseInteger(text, &value).empty();
  if (!Accept(entry, number ? "" : "must be a weight such as 90 or 99%", d)) return std::nullopt;
  if (value < 0 || value > int64_t{kMaxWeight}) {
    ReportRange(entry, RangeText("0", std::to_string(kMaxWeight)), d);
    return std::nullopt;
  }
  out.value = static_cast<uint32_t>(value);
  return out;
}

// The arms' weights as one set. `percent`: the notation of the first one.
void CheckWeights(const Entry& entry, const std::vector<ArmModel>& split, bool percent, Decoder& d) {
  uint64_t sum = 0;
  for (const ArmModel& arm : split) sum += arm.weight;
  if (percent && sum != kMaxWeight) {
    const std::string text = FormatPercent(static_cast<uint32_t>(std::min<uint64_t>(sum, UINT32_MAX)));
    d.problems.Add(entry.key.at, "the percentages of 'split' must add up to 100%, but make " + text);
  } else if (sum == 0) {
    d.problems.Add(entry.key.at, "the weights of 'split' must not all be 0");
  }
}

void DecodeSplit(const Entry& entry, Decoder& d, RouteDraft& out) {
  if (!ExpectMap(entry.value, entry.key.at, "'split'", d)) return;
  if (entry.value.keys.empty()) d.problems.Add(entry.value.at, "'split' is empty: a route needs a service");
  std::optional<bool> percent;
  bool weights_known = true;
  for (size_t i = 0; i < entry.value.keys.size(); ++i) {
    const Entry arm{entry.value.keys[i], entry.value.items[i]};
    const std::optional<uint16_t> service = d.services.Resolve(arm.key.text, arm.key.at, d.problems);
    const std::optional<Weight> weight = DecodeWeight(arm, d);
    weights_known = weights_known && weight;
    if (!weight) continue;
    if (percent.value_or(weight->percent) != weight->percent) {
      d.problems.Add(arm.value.at, "'split' mixes percentages and plain weights");
      weights_known = false;
    }
    if (!percent) percent = weight->percent;
    out.model.split.push_back({service.value_or(0), weight->value});
  }
  if (weights_known && percent) CheckWeights(entry, out.model.split, *percent, d);
}

void DecodeServiceOfRoute(const Entry& entry, Decoder& d, RouteDraft& out) {
  if (!ExpectText(entry, d)) return;
  const std::optional<uint16_t> service = d.services.Resolve(entry.value.text, entry.value.at, d.problems);
  if (service) out.model.split.push_back({*service, 1});
}

// --- what may be repeated

constexpr int kLeastFailureStatus = 400;  // as in a service's `failover.statuses`

const Fields<RouteDraft>& RouteFailoverFields() {
  static const Fields<RouteDraft> fields = {
      CustomField<RouteDraft>("statuses", "statuses", RangeText("400", "599"), "the service's",
                              [](const Entry& entry, Decoder& d, RouteDraft& out) {
                                DecodeStatuses(entry, kLeastFailureStatus, d, &out.model.failure_statuses.emplace());
                              }),
      BoolField<RouteDraft>("to_arms", [](RouteDraft& draft) -> bool& { return draft.model.to_arms; }),
  };
  return fields;
}

Field<RouteDraft> RouteFailoverField() {
  Field<RouteDraft> field =
      CustomField<RouteDraft>("failover", "map", "", "", [](const Entry& entry, Decoder& d, RouteDraft& out) {
        DecodeSection(entry.value, entry.key.at, "'failover'", RouteFailoverFields(), d, out);
      });
  field.list = [](const std::string& path, std::vector<ConfigKey>& out) { ListKeys(RouteFailoverFields(), path, out); };
  return field;
}

Field<RouteDraft> ReplayField() {
  return CustomField<RouteDraft>("replay", "safe or unsafe", "", "safe",
                                 [](const Entry& entry, Decoder& d, RouteDraft& out) {
                                   const std::optional<size_t> word = DecodeWord(entry, {"safe", "unsafe"}, d);
                                   if (word) out.model.replay_unsafe = *word == 1;
                                 });
}

Field<RouteDraft> HedgeField() {
  const auto hedge = [](RouteDraft& draft) -> Duration& { return draft.model.hedge; };
  Field<RouteDraft> field = DurationField<RouteDraft>("hedge", hedge, 1ms, 1min);
  field.type = "duration, auto or off";
  field.standard = "off";
  field.decode = [duration = field.decode](const Entry& entry, Decoder& d, RouteDraft& out) {
    const bool scalar = entry.value.kind == YamlNode::Kind::kScalar;
    if (scalar && entry.value.text == "off") {
      out.model.hedge = kHedgeOff;
    } else if (scalar && entry.value.text == "auto") {
      out.model.hedge = kHedgeAuto;
    } else {
      duration(entry, d, out);
    }
  };
  return field;
}

// --- routes

const Fields<RouteDraft>& OneRouteFields() {
  using R = RouteDraft;
  static const Fields<R> fields = [] {
    Field<R> name = Required(CustomField<R>("name", "name", "", "", [](const Entry& entry, Decoder& d, R& out) {
      if (!ExpectText(entry, d)) return;
      out.model.name = entry.value.text;
      d.routes.Add(out.model.name, entry.value.at, d.problems);
    }));
    Fields<R> all{
        std::move(name),
        MatchField(),
        CustomField<R>("split", "map of service: weight", "0 … 1000000 or 0% … 100%", "", DecodeSplit),
        CustomField<R>("service", "service", "", "", DecodeServiceOfRoute),
        CustomField<R>("steer", "nearest or ordered", "", "nearest",
                       [](const Entry& entry, Decoder& d, R& out) {
                         const std::optional<size_t> word = DecodeWord(entry, {"nearest", "ordered"}, d);
                         if (word) out.model.steer = *word == 0 ? Steer::kNearest : Steer::kOrdered;
                       }),
        RouteFailoverField(),
        ReplayField(),
        HedgeField(),
        BoolField<R>("resume", [](R& draft) -> bool& { return draft.model.resume; }),
    };
    for (Field<R>& field : RuleFields()) all.push_back(std::move(field));
    return all;
  }();
  return fields;
}

// A route sends its requests to services or answers them.
void CheckOneTarget(const YamlNode& node, Decoder& d) {
  std::string first;
  for (const char* key : {"service", "split", "redirect", "reply"}) {
    if (!node.Find(key)) continue;
    if (first.empty()) {
      first = key;
    } else {
      d.problems.Add(node.KeyPlace(key), "a route has '" + first + "' or '" + key + "', not both");
    }
  }
  if (first.empty()) d.problems.Add(node.at, "a route needs 'service', 'split', 'redirect' or 'reply'");
  if (first != "redirect" && first != "reply") return;
  for (const char* key : {"steer", "failover", "replay", "hedge", "resume", "rewrite", "request_headers"}) {
    if (!node.Find(key)) continue;
    d.problems.Add(node.KeyPlace(key), "'" + std::string(key) + "' has no effect beside '" + first + "'");
  }
}

// The second of two routes with one match would never be taken.
void CheckMatchIsNew(const YamlNode& node, const RouteDraft& route, std::map<std::string, int>& lines, Decoder& d) {
  const TextPosition at = node.KeyPlace("match");
  const auto [first, fresh] = lines.emplace(DescribeMatch(route), at.line);
  if (fresh) return;
  d.problems.Add(at, "this route matches the same as the one on line " + std::to_string(first->second));
}

// A request that `route` takes.
RouteRequest Example(const RouteModel& route, std::string* host) {
  *host = route.host.starts_with("*.") ? "a" + route.host.substr(1) : route.host.empty() ? "example" : route.host;
  return {.authority = *host, .target = route.path.empty() || route.path_pattern ? "/" : std::string_view(route.path)};
}

// All routes in order, without their conditions, made when first asked for: copying and sorting thousands of them for
// each redirect would take seconds.
class BareRoutes {
 public:
  explicit BareRoutes(const std::vector<RouteModel>& routes) : routes_(routes) {}
  // Whether routes[index] is the one that takes `request`.
  bool Takes(size_t index, const RouteRequest& request) {
    // As a rule, not even if it were the only one.
    std::vector<RouteModel> alone{routes_[index]};
    alone.front().conditions = nullptr;
    if (MatchRoute(alone, {0}, request) != 0) return false;
    if (bare_.empty()) {
      bare_ = routes_;
      order_ = OrderRoutes(routes_);
      for (RouteModel& each : bare_) each.conditions = nullptr;
    }
    return MatchRoute(bare_, order_, request) == static_cast<int>(index);
  }

 private:
  const std::vector<RouteModel>& routes_;
  std::vector<RouteModel> bare_;
  std::vector<uint16_t> order_;
};

// Whether a client that follows `rule`, the redirect of routes[index], meets it again. Routes with conditions that come
// before it may or may not take the request first; they get the benefit of the doubt.
bool GoesInACircle(BareRoutes& routes, const RouteModel& route, size_t index, const RedirectRule& rule) {
  std::string host;
  RouteRequest request = Example(route, &host);
  const bool stays = rule.target.host.empty() || EqualsIgnoreCase(WithoutPort(rule.target.host), route.host);
  if (!rule.scheme.empty() || rule.port != 0 || !stays) return false;
  if (route.path_pattern && rule.target.path.empty()) return true;  // nothing changes
  Arena arena;
  request.target = RewriteTarget(request.target, rule.target, route.path, arena);
  return routes.Takes(index, request);
}

void CheckCircles(const YamlNode& list, const std::vector<RouteModel>& routes, Decoder& d) {
  BareRoutes bare(routes);
  for (size_t i = 0; i < routes.size() && !d.problems.full(); ++i) {
    const RouteRules* rules = routes[i].rules.get();
    if (!rules || !rules->redirect || !GoesInACircle(bare, routes[i], i, *rules->redirect)) continue;
    d.problems.Add(list.items[i].KeyPlace("redirect"), "'redirect' would send clients around in a circle");
  }
}

void DecodeRoute(const YamlNode& node, std::map<std::string, int>& lines, Decoder& d, RouteModel& out) {
  RouteDraft draft;
  DecodeSection(node, node.at, "a route", OneRouteFields(), d, draft);
  if (node.kind != YamlNode::Kind::kMap) return;
  CheckOneTarget(node, d);
  if (draft.match_known) {
    CheckMatchIsNew(node, draft, lines, d);
    CheckRules(node, draft, d);
  }
  if (draft.model.to_arms && node.Find("service"))
    d.problems.Add(node.KeyPlace("failover"), "'to_arms' has no effect beside 'service'");
  out = std::move(draft.model);
  if (draft.conditions.count() > 0)
    out.conditions = std::make_shared<const RouteConditions>(std::move(draft.conditions));
  out.rules = std::make_shared<const RouteRules>(std::move(draft.rules));
}

void DecodeRoutes(const Entry& entry, Decoder& d, ConfigDraft& out) {
  if (!ExpectList(entry, d)) return;
  if (entry.value.items.empty()) d.problems.Add(entry.value.at, "'routes' is empty: every request would be refused");
  if (entry.value.items.size() > kMaxRoutes) {
    d.problems.Add(entry.value.items[kMaxRoutes].at, "more than " + std::to_string(kMaxRoutes) + " routes");
    return;
  }
  std::map<std::string, int> lines;
  const size_t problems = d.problems.size();
  for (const YamlNode& item : entry.value.items) DecodeRoute(item, lines, d, out.model.routes.emplace_back());
  if (d.problems.size() == problems) CheckCircles(entry.value, out.model.routes, d);
}

}  // namespace

Fields<ConfigDraft> RouteFields() {
  Field<ConfigDraft> field = Required(CustomField<ConfigDraft>("routes", "list of maps", "", "", DecodeRoutes));
  field.list = [](const std::string& path, std::vector<ConfigKey>& out) {
    ListKeys(OneRouteFields(), path + "[]", out);
  };
  return {std::move(field)};
}

}  // namespace meridian
