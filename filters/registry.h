// The explicit list of filters: which ones a route gets, and in which order.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "meridian/filter.h"
#include "meridian/route_rules.h"

namespace meridian {

// What filters are configured with; grows with the first option of a new filter.
struct FilterOptions {
  bool replay_unsafe = false;      // RouteModel::replay_unsafe
  std::string edge_name;           // Model::edge_name
  int max_hops = 3;                // Model::max_hops
  bool trust_client_cert = false;  // Model::trust_client_cert
  RouteRules rules;                // RouteModel::rules
  std::string matched;             // RouteModel::path
};

// Built once with the model, shared by all workers.
std::vector<std::shared_ptr<const Filter>> MakeFilters(const FilterOptions& options);

}  // namespace meridian
