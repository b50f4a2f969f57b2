// A small world to plan in: regions with dials, services with one origin per region, routes over them.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "policy/plan_builder.h"
#include "policy/route_match.h"
#include "policy/snapshot.h"

namespace meridian::testing {

class World {
 public:
  // One service in `regions` regions, one route to it, everything healthy; nearest = file order.
  explicit World(size_t regions) : model_(std::make_shared<Model>()) {
    for (size_t i = 0; i < regions; ++i) {
      model_->regions.push_back({.name = "region-" + std::to_string(i), .location = {}, .dial = 1.0});
    }
    snapshot_.dials.assign(regions, 1.0);
    AddService("shop");
    AddRoute("", "", {{0, 1}});
    snapshot_.model = model_;
  }

  uint16_t AddService(std::string name) {
    ServiceModel service;
    service.name = std::move(name);
    ServiceView view;
    for (uint16_t i = 0; i < model_->regions.size(); ++i) {
      service.regions.push_back({.region = i, .origins = {OriginModel{}}});
      RegionView region;
      region.origins = {{.serving = Serving::kUp, .endpoints = {}}};
      view.regions.push_back(std::move(region));
      view.nearest.push_back(i);
    }
    model_->services.push_back(std::move(service));
    snapshot_.services.push_back(std::move(view));
    return static_cast<uint16_t>(model_->services.size() - 1);
  }

  void AddRoute(std::string host, std::string path, std::vector<ArmModel> split) {
    RouteModel route;
    route.name = "route-" + std::to_string(model_->routes.size());
    route.host = std::move(host);
    route.path = std::move(path);
    route.split = std::move(split);
    RouteView view;
    for (const ArmModel& arm : route.split) view.weights.push_back(arm.weight);
    model_->routes.push_back(std::move(route));
    snapshot_.routes.push_back(std::move(view));
    snapshot_.route_order = OrderRoutes(model_->routes);
  }

  Model& model() { return *model_; }
  Snapshot& snapshot() { return snapshot_; }
  ServiceModel& service() { return model_->services[0]; }
  ServiceView& view() { return snapshot_.services[0]; }
  RegionView& region(size_t i) { return view().regions[i]; }
  RouteModel& route() { return model_->routes[0]; }

  World& Dials(std::vector<double> dials) {
    snapshot_.dials = std::move(dials);
    return *this;
  }
  World& ProbesDown(size_t i) {
    for (OriginView& origin : region(i).origins) origin.serving = Serving::kDown;
    return *this;
  }
  World& Breaker(size_t i, BreakerState state, double share) {
    region(i).breaker = state;
    region(i).share = share;
    return *this;
  }

  Plan MakePlan(uint64_t draw = 0, Wish wish = {}, int trial = -1, uint64_t silent = 0) const {
    return BuildPlan(snapshot_, 0, 0, wish, trial, draw, silent);
  }
  std::vector<double> Shares(Steer steer = Steer::kNearest) const {
    std::vector<double> shares;
    RegionShares(snapshot_, 0, steer, &shares);
    return shares;
  }

 private:
  std::shared_ptr<Model> model_;
  Snapshot snapshot_;
};

}  // namespace meridian::testing
