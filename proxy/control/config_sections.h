// The tables of all sections of the configuration file, and what they fill. Private to the reader.
#pragma once

#include <string>
#include <vector>

#include "control/config.h"
#include "control/config_decoder.h"
#include "policy/model.h"

namespace meridian {

struct ListenAddress {
  Endpoint endpoint;
  TextPosition at;
};

// A configuration while it is being read.
struct ConfigDraft {
  Config config;
  Model model;
  std::vector<ListenAddress> listen;  // of the listeners
  Duration objective{};               // of services that have none of their own; zero: none
};

// A route while it is being read.
struct RouteDraft {
  RouteModel model;
  RouteConditions conditions;
  RouteRules rules;
  bool match_known = true;  // not when a part of it could not be read
};

Fields<ConfigDraft> ProcessFields();  // workers, edge, listeners, admin, access_log, limits, paths, trusted_proxies
Field<ListenerConfig> TlsField();     // `tls` of a listener
Fields<ConfigDraft> ServiceFields();  // regions, failover_objective, services
Fields<ConfigDraft> RouteFields();    // routes; read after the services
Field<RouteDraft> MatchField();       // `match` of a route
Fields<RouteDraft> RuleFields();      // what else a route does: rewrite, redirect, reply, header edits

// The same text for routes that match the same.
std::string DescribeMatch(const RouteDraft& route);
// What the rules need of the match.
void CheckRules(const YamlNode& route, const RouteDraft& draft, Decoder& d);

// Gives services without an objective the common one, and compares what each service can promise with it. REQUIRES:
// `root` was read into `draft` without problems.
void CheckObjectives(const YamlNode& root, ConfigDraft& draft, ProblemList& problems);

template <class T, class Member>
Field<T> ObjectiveField(std::string key, Member member) {
  Field<T> field = DurationField<T>(std::move(key), member, 100ms, 1h);
  field.standard = "";
  return field;
}

// [latitude, longitude], range-checked.
void DecodeLocation(const Entry& entry, Decoder& d, std::optional<Location>& out);

template <class T, class Member>
Field<T> LocationField(Member member) {
  return CustomField<T>(
      "location", "[latitude, longitude]", "±90, ±180", "",
      [member](const Entry& entry, Decoder& d, T& out) { DecodeLocation(entry, d, std::invoke(member, out)); });
}

}  // namespace meridian
