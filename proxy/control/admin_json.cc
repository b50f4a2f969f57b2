#include "control/admin_json.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>
#include <utility>

#include "control/config_decoder.h"
#include "control/config_values.h"

namespace meridian {
namespace {

using Json = nlohmann::ordered_json;
using Object = Json::object_t;
using Input = nlohmann::json;  // sorted, so that thousands of members cost a hostile sender's time, not ours

constexpr uint32_t kWholePpm = 1'000'000;

std::string Dump(const Json& json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace) + "\n";
}

// Appends without the search for an equal key, which would make documents of thousands of routes slow. REQUIRES: names
// differ, as those of one configuration section do.
void Append(Object& object, const std::string& name, Json value) { object.emplace_back(name, std::move(value)); }

Json OriginDocument(const OriginStatus& origin) {
  return {{"url", origin.url},
          {"serving", Name(origin.serving)},
          {"endpoints", origin.endpoints},
          {"rtt_ms", origin.rtt_ms},
          {"probes_ok", origin.probes_ok},
          {"probes_failed", origin.probes_failed},
          {"last_probe", origin.last_probe}};
}

Json ServiceRegionDocument(const ServiceRegionStatus& region) {
  Json origins = Json::array();
  for (const OriginStatus& origin : region.origins) origins.push_back(OriginDocument(origin));
  return {{"breaker", Name(region.breaker)}, {"reason", region.reason},
          {"share", region.share},           {"dial", region.dial},
          {"rtt_ms", region.rtt_ms},         {"distance_km", region.distance_km},
          {"openings", region.openings},     {"first_share", region.first_share},
          {"origins", std::move(origins)}};
}

// A number that is not known is null, as everywhere in this document.
Json FailoverDocument(const FailoverStatus& failover) {
  Object worst_cases;
  for (const WorstCaseStatus& worst : failover.worst_cases) {
    Append(worst_cases, worst.kind,
           {{"seconds", worst.seconds},
            {"by_probes_s", worst.by_probes_s},
            {"by_traffic_s", worst.by_traffic_s},
            {"arithmetic", worst.arithmetic},
            {"dominated_by", worst.field}});
  }
  Json events = Json::array();
  for (const FailoverEventStatus& event : failover.events) {
    events.push_back({{"number", event.number},
                      {"region", event.region},
                      {"cause", event.cause},
                      {"begin_unix_s", event.begin_unix_s},
                      {"switch_s", event.switch_s},
                      {"last_affected_s", event.last_affected_s},
                      {"last_error_s", event.last_error_s},
                      {"duration_s", event.duration_s},
                      {"saved", event.saved},
                      {"lost", event.lost},
                      {"objective_s", event.objective_s},
                      {"kept", event.kept},
                      {"ended", event.ended}});
  }
  return {{"objective_s", failover.objective_s}, {"worst_case", std::move(worst_cases)}, {"events", std::move(events)}};
}

Json ServiceDocument(const ServiceStatus& service) {
  Object regions;
  for (const ServiceRegionStatus& region : service.regions) {
    Append(regions, region.region, ServiceRegionDocument(region));
  }
  return {
      {"regions", std::move(regions)}, {"nearest", service.nearest}, {"failover", FailoverDocument(service.failover)}};
}

Json RouteDocument(const RouteStatus& route) {
  Object split;
  for (const ArmStatus& arm : route.split) {
    Append(split, arm.service, {{"weight", arm.weight}, {"share", arm.share}});
  }
  Json match = {{"host", route.host}, {"path", route.path}, {"path_exact", route.path_exact}};
  return {{"match", std::move(match)},
          {"split", std::move(split)},
          {"steer", route.steer},
          {"weights_version", route.weights_version}};
}

Json RegionDocument(const RegionStatus& region) {
  return {{"dial", region.dial}, {"dial_version", region.dial_version}};
}

Json DrillDocument(const DrillStatus& drill) {
  return {{"id", drill.id},
          {"region", drill.region},
          {"kind", drill.kind},
          {"share", drill.share},
          {"delay_s", drill.delay_s},
          {"for_s", drill.for_s},
          {"elapsed_s", drill.elapsed_s},
          {"abort_after", drill.abort_after},
          {"by", drill.by},
          {"state", drill.state},
          {"why", drill.why},
          {"settled", drill.settled},
          {"touched", drill.touched},
          {"saved", drill.saved},
          {"lost", drill.lost},
          {"left_after_s", drill.left_after_s}};
}

Json DrillDocuments(const std::vector<DrillStatus>& drills) {
  Json documents = Json::array();
  for (const DrillStatus& drill : drills) documents.push_back(DrillDocument(drill));
  return documents;
}

// The whole body as one JSON value. nlohmann keeps the last of two equal members; whoever sends two means something
// that we can't know, so they are refused.
BodyProblem ParseObject(std::string_view body, Input* out) {
  std::vector<std::set<std::string>> open_objects;
  std::string twice;
  const auto watch = [&](int, Input::parse_event_t event, Input& parsed) {
    if (event == Input::parse_event_t::object_start) open_objects.emplace_back();
    if (event == Input::parse_event_t::object_end) open_objects.pop_back();
    if (event == Input::parse_event_t::key) {
      const auto& name = parsed.get_ref<const std::string&>();
      if (!open_objects.back().insert(name).second && twice.empty()) twice = name;
    }
    return true;
  };
  try {
    *out = Input::parse(body, watch);
  } catch (const Input::parse_error& error) {
    return {400, "the body is not valid JSON, at byte " + std::to_string(error.byte)};
  } catch (const Input::out_of_range&) {
    return {400, "the body holds a number beyond all bounds"};
  }
  if (!twice.empty()) return {400, "the member '" + twice + "' is there twice"};
  if (!out->is_object()) return {422, "the body must be a JSON object"};
  return {};
}

std::string WithSuggestion(const std::string& text, const std::string& suggestion) {
  return suggestion.empty() ? text : text + "; " + suggestion;
}

// The body's only member, `name`.
BodyProblem ParseOnlyMember(std::string_view body, const std::string& name, Input* out) {
  Input document;
  if (BodyProblem problem = ParseObject(body, &document); problem.status != 0) return problem;
  for (const auto& [key, value] : document.items()) {
    if (key != name) return {422, WithSuggestion("unknown member '" + key + "'", DidYouMean(Nearest(key, {name})))};
  }
  const auto member = document.find(name);
  if (member == document.end()) return {422, "the member '" + name + "' is missing"};
  *out = std::move(*member);  // a copy would recurse as deep as the sender likes
  return {};
}

std::vector<std::string> ServiceNames(const RouteStatus& route) {
  std::vector<std::string> names;
  names.reserve(route.split.size());
  for (const ArmStatus& arm : route.split) names.push_back(arm.service);
  return names;
}

BodyProblem CheckServices(const Input& weights, const RouteStatus& route) {
  const std::vector<std::string> names = ServiceNames(route);
  const std::set<std::string> known(names.begin(), names.end());
  for (const auto& [service, value] : weights.items()) {
    if (known.count(service) == 0) {
      return {422, WithSuggestion("route '" + route.name + "' has no service '" + service + "' in its split",
                                  DidYouMean(Nearest(service, names)))};
    }
  }
  for (const std::string& service : names) {
    if (!weights.contains(service)) {
      return {422, "the weight of service '" + service + "' is missing: weights are set all together"};
    }
  }
  return {};
}

BodyProblem ParseWeight(const std::string& service, const Input& value, uint32_t* out) {
  if (value.is_string()) {
    const std::string complaint = ParsePercent(value.get_ref<const std::string&>(), out);
    if (complaint.empty()) return {};
    return {422, "the weight of service '" + service + "' is no percentage: " + complaint};
  }
  // A number beyond 64 bits is no integer to the parser, and so refused here as well.
  const bool fits = value.is_number_unsigned() ? value.get<uint64_t>() <= kMaxWeight
                                               : value.is_number_integer() && value.get<int64_t>() == 0;
  if (!fits) {
    return {422, "the weight of service '" + service + "' must be a whole number from 0 to 1000000, or a percentage " +
                     "in quotes such as \"1.5%\""};
  }
  *out = value.get<uint32_t>();
  return {};
}

BodyProblem CheckSum(const std::vector<uint32_t>& weights, size_t percentages) {
  const auto sum = std::accumulate(weights.begin(), weights.end(), uint64_t{0});
  if (percentages != 0 && percentages != weights.size()) {
    return {422, "either all weights are percentages or none is"};
  }
  if (percentages != 0 && sum != kWholePpm) {
    return {422, "the percentages must add up to 100%, but make " + FormatPercent(static_cast<uint32_t>(sum))};
  }
  if (sum == 0) return {422, "not all weights can be 0: no service would be left for the route"};
  return {};
}

}  // namespace

std::string StatusJson(const Status& status) {
  Object regions, services, routes;
  for (const RegionStatus& region : status.regions) Append(regions, region.name, RegionDocument(region));
  for (const ServiceStatus& service : status.services) Append(services, service.name, ServiceDocument(service));
  for (const RouteStatus& route : status.routes) Append(routes, route.name, RouteDocument(route));
  const Json document = {{"edge", status.edge},
                         {"version", status.version},
                         {"snapshot", status.snapshot},
                         {"uptime_s", status.uptime_s},
                         {"ready", status.ready},
                         {"draining", status.draining},
                         {"workers", status.workers},
                         {"buffer_bytes", status.buffer_bytes},
                         {"overload_level", status.overload_level},
                         {"regions", std::move(regions)},
                         {"services", std::move(services)},
                         {"routes", std::move(routes)},
                         {"drills", DrillDocuments(status.drills)}};
  return Dump(document, 2);
}

std::string WeightsJson(const RouteStatus& route) {
  Object weights, shares;
  for (const ArmStatus& arm : route.split) {
    Append(weights, arm.service, arm.weight);
    Append(shares, arm.service, arm.share);
  }
  return Dump({{"route", route.name}, {"weights", std::move(weights)}, {"shares", std::move(shares)}}, -1);
}

std::string DialJson(const RegionStatus& region) { return Dump({{"region", region.name}, {"dial", region.dial}}, -1); }

std::string ProblemJson(int status, std::string_view title, std::string_view detail) {
  return Dump({{"type", "about:blank"}, {"title", title}, {"status", status}, {"detail", detail}}, -1);
}

BodyProblem ParseWeights(std::string_view body, const RouteStatus& route, std::vector<uint32_t>* weights) {
  Input given;
  if (BodyProblem problem = ParseOnlyMember(body, "weights", &given); problem.status != 0) return problem;
  if (!given.is_object()) return {422, "'weights' must be an object of services and their weights"};
  if (BodyProblem problem = CheckServices(given, route); problem.status != 0) return problem;
  weights->assign(route.split.size(), 0);
  size_t percentages = 0;
  for (size_t i = 0; i < route.split.size(); ++i) {
    const std::string& service = route.split[i].service;
    const Input& value = given[service];
    if (BodyProblem problem = ParseWeight(service, value, &(*weights)[i]); problem.status != 0) return problem;
    if (value.is_string()) ++percentages;
  }
  return CheckSum(*weights, percentages);
}

BodyProblem ParseDial(std::string_view body, double* dial) {
  Input given;
  if (BodyProblem problem = ParseOnlyMember(body, "dial", &given); problem.status != 0) return problem;
  if (given.is_string()) {
    uint32_t ppm = 0;
    const std::string complaint = ParsePercent(given.get_ref<const std::string&>(), &ppm);
    if (!complaint.empty()) return {422, "'dial' is no percentage: " + complaint};
    *dial = static_cast<double>(ppm) / kWholePpm;
    return {};
  }
  const double value = given.is_number() ? given.get<double>() : -1;
  if (!(value >= 0 && value <= 1)) {
    return {422, "'dial' must be a number from 0 to 1, or a percentage in quotes such as \"50%\""};
  }
  *dial = value;
  return {};
}

std::string DrillJson(const DrillStatus& drill) { return Dump(DrillDocument(drill), -1); }

std::string DrillsJson(const std::vector<DrillStatus>& drills) {
  return Dump({{"drills", DrillDocuments(drills)}}, -1);
}

BodyProblem ParseDrill(std::string_view body, DrillRequest* drill) {
  Input document;
  if (BodyProblem problem = ParseObject(body, &document); problem.status != 0) return problem;
  static const std::vector<std::string> known = {"region", "kind", "share", "for", "delay", "abort_after", "force"};
  for (const auto& [key, value] : document.items()) {
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      return {422, WithSuggestion("unknown member '" + key + "'", DidYouMean(Nearest(key, known)))};
    }
    const bool text = key != "abort_after" && key != "force";
    if (text && !value.is_string()) return {422, "'" + key + "' must be text in quotes"};
  }
  for (const char* needed : {"region", "kind"}) {
    if (!document.contains(needed)) return {422, "the member '" + std::string(needed) + "' is missing"};
  }
  drill->region = document["region"].get<std::string>();
  const std::optional<DrillKind> kind = ParseDrillKind(document["kind"].get_ref<const std::string&>());
  if (!kind) return {422, "'kind' must be \"503\", \"reset\", \"hang\" or \"slow\""};
  drill->kind = *kind;
  if (document.contains("share")) {
    uint32_t ppm = 0;
    const std::string complaint = ParsePercent(document["share"].get_ref<const std::string&>(), &ppm);
    if (!complaint.empty()) return {422, "'share' is no percentage: " + complaint};
    if (ppm == 0) return {422, "'share' must be above 0%"};
    drill->share = static_cast<double>(ppm) / kWholePpm;
  }
  const auto duration = [&](const char* key, Duration least, Duration most, Duration* out) -> BodyProblem {
    if (!document.contains(key)) return {};
    const std::string complaint = ParseDuration(document[key].get_ref<const std::string&>(), out);
    if (!complaint.empty()) return {422, "'" + std::string(key) + "' " + complaint};
    if (*out >= least && *out <= most) return {};
    return {422, "'" + std::string(key) + "' must be within " + FormatDuration(least) + " and " + FormatDuration(most)};
  };
  BodyProblem problem = duration("for", Drills::kMinLength, Drills::kMaxLength, &drill->length);
  if (problem.status == 0) problem = duration("delay", 1ms, 1min, &drill->delay);
  if (problem.status != 0) return problem;
  if (document.contains("abort_after")) {
    const Input& count = document["abort_after"];
    if (!count.is_number_unsigned() || count.get<uint64_t>() == 0) {
      return {422, "'abort_after' must be a whole number above 0"};
    }
    drill->abort_after = count.get<uint64_t>();
  }
  if (document.contains("force")) {
    if (!document["force"].is_boolean()) return {422, "'force' must be true or false"};
    drill->force = document["force"].get<bool>();
  }
  return {};
}

}  // namespace meridian
