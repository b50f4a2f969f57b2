// The section about which requests go where: routes.
#include <map>
#include <tuple>

#include "control/config_sections.h"

namespace meridian {
namespace {

// A route while it is being read.
struct RouteDraft {
  RouteModel model;
  bool match_known = true;  // not when a part of it could not be read
};

// --- match

std::string Lower(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return text;
}

const Fields<RouteModel>& MatchFields() {
  using R = RouteModel;
  static const Fields<R> fields = [] {
    Field<R> host = TextField<R>("host", &R::host, "host or *.suffix", CheckHostPattern);
    host.standard = "any";
    Field<R> path =
        TextField<R>("path", &R::path, "path", [](std::string_view text) { return CheckPath(text, false); });
    path.standard = "any";
    return Fields<R>{std::move(host), std::move(path), BoolField<R>("exact", &R::path_exact)};
  }();
  return fields;
}

// Requests are matched by their canonical path, so that another spelling of it would match none.
void CheckPathCanOccur(const Entry& match, Decoder& d, const std::string& path) {
  Arena arena;
  const std::optional<std::string_view> canonical = CanonicalTarget(path, d.paths, arena);
  if (canonical == path) return;
  const std::string suggestion = canonical ? "write " + Quoted(*canonical) : "";
  d.problems.Add(match.value.items[*match.value.IndexOf("path")].at,
                 "'path' is not spelled as paths are when they are matched", suggestion);
}

void DecodeMatch(const Entry& entry, Decoder& d, RouteDraft& out) {
  const size_t problems = d.problems.size();
  RouteModel& route = out.model;
  DecodeSection(entry.value, entry.key.at, "'match'", MatchFields(), d, route);
  route.host = Lower(std::move(route.host));
  if (route.path_exact && !entry.value.IndexOf("path")) {
    d.problems.Add(entry.value.items[*entry.value.IndexOf("exact")].at, "'exact' needs a 'path' to be exact about");
  }
  CheckPathCanOccur(entry, d, route.path);
  out.match_known = d.problems.size() == problems;
}

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
    Field<R> match = CustomField<R>("match", "map", "", "everything", DecodeMatch);
    match.list = [](const std::string& path, std::vector<ConfigKey>& out) { ListKeys(MatchFields(), path, out); };
    return Fields<R>{
        std::move(name),
        std::move(match),
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
  }();
  return fields;
}

void CheckOneTarget(const YamlNode& node, Decoder& d) {
  const bool split = node.IndexOf("split").has_value();
  const std::optional<size_t> service = node.IndexOf("service");
  if (split && service) {
    d.problems.Add(node.keys[*service].at, "a route has 'service' or 'split', not both");
  } else if (!split && !service) {
    d.problems.Add(node.at, "a route needs 'service' or 'split'");
  }
}

using Match = std::tuple<std::string, std::string, bool>;

// The second of two routes with one match would never be taken.
void CheckMatchIsNew(const YamlNode& node, const RouteModel& route, std::map<Match, int>& lines, Decoder& d) {
  const std::optional<size_t> match = node.IndexOf("match");
  const TextPosition at = match ? node.keys[*match].at : node.at;
  const auto [first, fresh] = lines.emplace(Match{route.host, route.path, route.path_exact}, at.line);
  if (fresh) return;
  d.problems.Add(at, "this route matches the same as the one on line " + std::to_string(first->second));
}

void DecodeRoute(const YamlNode& node, std::map<Match, int>& lines, Decoder& d, RouteModel& out) {
  RouteDraft draft;
  DecodeSection(node, node.at, "a route", OneRouteFields(), d, draft);
  if (node.kind != YamlNode::Kind::kMap) return;
  CheckOneTarget(node, d);
  if (draft.match_known) CheckMatchIsNew(node, draft.model, lines, d);
  out = std::move(draft.model);
}

void DecodeRoutes(const Entry& entry, Decoder& d, ConfigDraft& out) {
  if (!ExpectList(entry, d)) return;
  if (entry.value.items.empty()) d.problems.Add(entry.value.at, "'routes' is empty: every request would be refused");
  if (entry.value.items.size() > kMaxRoutes) {
    d.problems.Add(entry.value.items[kMaxRoutes].at, "more than " + std::to_string(kMaxRoutes) + " routes");
    return;
  }
  std::map<Match, int> lines;
  for (const YamlNode& item : entry.value.items) DecodeRoute(item, lines, d, out.model.routes.emplace_back());
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
