// What the decisions of one request cost, and nothing else: no I/O, no allocation.
#include <benchmark/benchmark.h>

#include <array>
#include <string>

#include "meridian/message.h"
#include "policy/plan_builder.h"
#include "policy/route_match.h"
#include "policy/weighted_pick.h"

namespace meridian {
namespace {

Snapshot MakeWorld(uint16_t routes, uint16_t regions) {
  auto model = std::make_shared<Model>();
  Snapshot snapshot;
  for (uint16_t i = 0; i < regions; ++i) {
    RegionModel region;
    region.name = "region-" + std::to_string(i);
    model->regions.push_back(region);
    snapshot.dials.push_back(1.0);
  }
  for (int version = 0; version < 2; ++version) {
    ServiceModel service;
    ServiceView view;
    for (uint16_t i = 0; i < regions; ++i) {
      service.regions.push_back({.region = i, .origins = {OriginModel{}}});
      RegionView region;
      region.origins.push_back({.serving = Serving::kUp, .endpoints = {}});
      view.regions.push_back(region);
      view.nearest.push_back(i);
    }
    model->services.push_back(service);
    snapshot.services.push_back(view);
  }
  for (uint16_t i = 0; i < routes; ++i) {
    RouteModel route;
    route.host = i == 0 ? "shop.example" : "shop-" + std::to_string(i) + ".example";
    route.path = i == 0 ? "/api/" : "/api/v" + std::to_string(i);
    route.split = {{.service = 0, .weight = 99}, {.service = 1, .weight = 1}};
    model->routes.push_back(route);
    snapshot.routes.push_back({.weights = {99, 1}});
  }
  snapshot.route_order = OrderRoutes(model->routes);
  snapshot.model = model;
  return snapshot;
}

void BM_MatchRoute(benchmark::State& state) {
  Snapshot snapshot = MakeWorld(static_cast<uint16_t>(state.range(0)), 3);
  for (auto _ : state) {
    benchmark::DoNotOptimize(MatchRoute(snapshot.model->routes, snapshot.route_order,
                                        {.authority = "shop.example:8443", .target = "/api/items/42?page=1"}));
  }
}
BENCHMARK(BM_MatchRoute)->Arg(1)->Arg(10)->Arg(100)->Arg(1000);

// Arguments: routes, regions.
void BM_MatchPickPlan(benchmark::State& state) {
  Snapshot snapshot = MakeWorld(static_cast<uint16_t>(state.range(0)), static_cast<uint16_t>(state.range(1)));
  LowDiscrepancySequence arms(1), regions(2);
  for (auto _ : state) {
    int match = MatchRoute(snapshot.model->routes, snapshot.route_order,
                           {.authority = "shop.example:8443", .target = "/api/items/42?page=1"});
    auto route = static_cast<uint16_t>(match);
    auto arm = static_cast<uint16_t>(PickArm(snapshot.routes[route], {}, arms.Next()));
    benchmark::DoNotOptimize(BuildPlan(snapshot, route, arm, {}, -1, regions.Next()));
  }
}
BENCHMARK(BM_MatchPickPlan)->Args({1, 3})->Args({10, 3})->Args({10, 12});

void BM_IdentifyHeader(benchmark::State& state) {
  static constexpr std::array<std::string_view, 16> kNames = {
      "accept",       "accept-encoding", "accept-language", "cache-control", "cookie",         "user-agent", "referer",
      "x-request-id", "content-type",    "x-forwarded-for", "if-none-match", "sec-fetch-mode", "connection", "priority",
      "via",          "traceparent"};
  size_t next = 0;
  for (auto _ : state) {
    std::string_view name = kNames[next++ % kNames.size()];
    benchmark::DoNotOptimize(name);
    benchmark::DoNotOptimize(IdentifyHeader(name));
  }
}
BENCHMARK(BM_IdentifyHeader);

// The arena and the header block of one exchange with 16 headers copied in.
void BM_ArenaAndHeaders(benchmark::State& state) {
  for (auto _ : state) {
    Arena arena;
    HeaderBlock headers(&arena);
    for (int i = 0; i < 16; ++i) headers.AddCopy("x-header-name", "a value of usual length");
    benchmark::DoNotOptimize(headers.begin());
  }
}
BENCHMARK(BM_ArenaAndHeaders);

}  // namespace
}  // namespace meridian

BENCHMARK_MAIN();
