#include "control/controller.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "net/address.h"
#include "policy/plan_builder.h"
#include "policy/random.h"
#include "policy/route_match.h"

#include "telemetry/log.h"
#include "telemetry/prometheus_bridge.h"
#include "telemetry/version.h"

namespace meridian {

Controller::Controller(Loop& loop, std::shared_ptr<const Model> model, const OriginTlsContexts& tls, uint64_t seed)
    : loop_(loop),
      model_(std::move(model)),
      random_(seed),
      started_(loop.Now()),
      endpoint_feed_(loop, *this),
      failovers_(*model_),
      latency_(model_->CountServiceRegions()),
      drills_(*model_),
      route_order_(OrderRoutes(model_->routes)),
      publish_hook_(loop, Bind<&Controller::Publish>(this)),
      tick_timer_(loop, Bind<&Controller::OnTick>(this)) {
  for (const RouteModel& route : model_->routes) {
    std::vector<uint32_t>& weights = weights_.emplace_back();
    weights.reserve(route.split.size());
    for (const ArmModel& arm : route.split) weights.push_back(arm.weight);
  }
  // Versions of an earlier process must not pass for ours in an If-Match.
  const uint64_t first_version = (Random() % 1'000'000 + 1) * 1'000;
  weight_versions_.assign(model_->routes.size(), first_version);
  for (const RegionModel& region : model_->regions) dials_.push_back(region.dial);
  dial_versions_.assign(model_->regions.size(), first_version);
  BuildStates(tls);
  snapshot_ = Build();
}

Controller::~Controller() = default;

void Controller::BuildStates(const OriginTlsContexts& tls) {
  const std::optional<Location>& edge = model_->edge_location;
  for (uint16_t s = 0; s < model_->services.size(); ++s) {
    const ServiceModel& service = model_->services[s];
    ServiceState state{{}, RegionRanking(service.regions.size())};
    for (uint16_t r = 0; r < service.regions.size(); ++r) {
      const ServiceRegionModel& region = service.regions[r];
      RegionState region_state(BreakerOptions{.ramp = service.failover.ramp}, Random());
      const auto& location = model_->regions[region.region].location;
      region_state.distance_km = location && edge ? DistanceKm(*edge, *location) : std::nan("");
      for (uint16_t o = 0; o < region.origins.size(); ++o) {
        const OriginModel& origin = region.origins[o];
        const size_t id = origins_.size();
        region_state.origins.push_back(id);
        places_.push_back({s, r, o});
        OriginState origin_state;
        origin_state.endpoint_id = endpoint_feed_.Add(origin.host, origin.port);
        if (service.health.enabled) {
          ProbeSink& sink = *this;
          origin_state.prober = std::make_unique<Prober>(loop_, sink, id, service.health, origin,
                                                         PoolOptionsFor(*model_, s, origin, tls, nullptr));
        }
        origins_.push_back(std::move(origin_state));
      }
      state.regions.push_back(std::move(region_state));
    }
    services_.push_back(std::move(state));
  }
  Rank();
}

void Controller::AddWorker(WorkerHandle& worker) {
  workers_.push_back(&worker);
  stats_.push_back(&worker.stats());
}

void Controller::ForgetWorkers() {
  tick_timer_.Cancel();
  workers_.clear();
  stats_.clear();
}

void Controller::Start(std::function<void()> on_ready) {
  on_ready_ = std::move(on_ready);
  for (OriginState& origin : origins_) {
    if (origin.prober) origin.prober->Start();
  }
  tick_timer_.Arm(kTick);
  if (!tls_) return;
  const auto publish = [this](size_t listener, const std::shared_ptr<const TlsServerContext>& tls) {
    for (WorkerHandle* worker : workers_) worker->PublishTls(listener, tls);
  };
  tls_->Start(publish, ListenerTls::Reading::kOnThread);
}

uint64_t Controller::Random() { return SplitMix64(random_); }

// ---- news ----------------------------------------------------------------------------------------------------------

void Controller::OnEndpointsChanged(size_t) { Changed(); }

const std::vector<Endpoint>& Controller::ProbeEndpoints(size_t id) {
  return endpoint_feed_.endpoints(origins_[id].endpoint_id);
}

void Controller::OnProbe(size_t id, const ProbeResult& truth) {
  const TimePoint now = loop_.Now();
  const OriginPlace place = places_[id];
  ProbeResult result = truth;
  if (drills_.FailsProbes(model_->services[place.service].regions[place.region].region)) {
    result = {false, 0, {ErrorCode::kCancelled, Fault::kSelf, Retry::kNever, "a drill"}, {}};
  }
  OriginState& origin = origins_[id];
  ++(result.passed ? origin.probes_ok : origin.probes_failed);
  origin.last_probe = result.status ? fmt::format("{} in {:.1f} ms", result.status, ToMilliseconds(result.head_time))
                                    : std::string(Name(result.error.code));
  if (result.error.code == ErrorCode::kTlsFailed) origin.last_probe += std::string(": ") + result.error.what;
  RegionState& region = services_[place.service].regions[place.region];
  const BreakerState before = region.breaker.state();
  const ProbeState& known = origin.prober->state();
  failovers_.OnProbe(place.service, place.region, result.passed, known.serving(), before, now);
  // An answer that was held up by a fault measures the fault. Distance is taken from origins that were well before.
  if (result.passed && known.serving() != Serving::kDown && !known.suspicious()) origin.rtt.Add(result.head_time, now);
  if (origin.prober->state().OnResult(result.passed)) {
    const Serving serving = origin.prober->state().serving();
    const ServiceModel& service = model_->services[place.service];
    LogEvent(serving == Serving::kDown ? LogLevel::kWarning : LogLevel::kInfo, "origin_" + std::string(Name(serving)),
             {{"service", service.name},
              {"region", model_->regions[service.regions[place.region].region].name},
              {"origin", service.regions[place.region].origins[place.origin].url},
              {"address", std::string(truth.address)},
              {"probe", origin.last_probe}});
    Changed();
  }
  if (region.breaker.OnProbe(result.passed, RegionServing(region), now)) Changed();
  NoteBreaker(place.service, place.region, before);
  if (!origin.answered) {
    origin.answered = true;
    CheckReady();
  }
}

void Controller::OnOutcomes(std::vector<OutcomeRun> runs) {
  loop_.Post([this, r = std::move(runs)] { ApplyOutcomes(r); });
}

void Controller::OnAffected(std::vector<AffectedRun> runs) {
  loop_.Post([this, r = std::move(runs)] {
    for (const AffectedRun& run : r) failovers_.OnAffected(run);
  });
}

void Controller::ApplyOutcomes(const std::vector<OutcomeRun>& runs) {
  const TimePoint now = loop_.Now();
  for (const OutcomeRun& run : runs) {
    RegionState& region = services_[run.service].regions[run.region];
    const BreakerState before = region.breaker.state();
    failovers_.OnOutcomes(run, before, now);
    if (region.breaker.OnSignal(run.signal, run.count, run.trial, now)) Changed();
    NoteBreaker(run.service, run.region, before);
    // Where probes run, they alone measure: requests of one region and probes of another can't be compared.
    if (run.head_time > Duration::zero() && !model_->services[run.service].health.enabled) {
      region.request_rtt.Add(run.head_time, now);
    }
  }
}

void Controller::OnTick() {
  const TimePoint now = loop_.Now();
  size_t index = 0;
  for (uint16_t s = 0; s < services_.size(); ++s) {
    for (uint16_t r = 0; r < services_[s].regions.size(); ++r) {
      Breaker& breaker = services_[s].regions[r].breaker;
      latency_.Look(index++, stats_, breaker, now);
      if (breaker.state() == BreakerState::kClosed) continue;
      const BreakerState before = breaker.state();
      if (breaker.Tick(now)) Changed();
      NoteBreaker(s, r, before);
      if (!workers_.empty() && breaker.TakeTrial(now)) {
        workers_[next_worker_++ % workers_.size()]->GrantTrial(s, r);
      }
    }
  }
  failovers_.OnTick(now);
  if (drills_.OnTick(stats_, now)) Publish();
  if (now - last_ranking_ >= kRankingInterval) Rank();
  if (!ready_) CheckReady();
  tick_timer_.Arm(kTick);
}

void Controller::Rank() {
  last_ranking_ = loop_.Now();
  std::vector<RankInput> inputs;
  for (uint16_t s = 0; s < services_.size(); ++s) {
    inputs.clear();
    for (const RegionState& region : services_[s].regions) inputs.push_back({RegionRttMs(region), region.distance_km});
    if (!services_[s].ranking.Evaluate(inputs)) continue;
    const ServiceModel& service = model_->services[s];
    std::string order;
    for (uint16_t r : services_[s].ranking.order()) {
      order += (order.empty() ? "" : " ") + model_->regions[service.regions[r].region].name;
    }
    LogEvent(LogLevel::kInfo, "nearest_changed", {{"service", service.name}, {"order", order}});
    Changed();
  }
}

void Controller::CheckReady() {
  if (ready_) return;
  const bool probed =
      std::all_of(origins_.begin(), origins_.end(), [](const OriginState& o) { return !o.prober || o.answered; });
  if ((!endpoint_feed_.settled() || !probed) && loop_.Now() - started_ < kSettleTimeout) return;
  ready_ = true;
  // The first order by time, before the first request.
  Rank();
  Publish();
  if (on_ready_) on_ready_();
}

void Controller::NoteBreaker(uint16_t service, uint16_t region, BreakerState before) {
  const Breaker& breaker = services_[service].regions[region].breaker;
  if (breaker.state() == before) return;
  const ServiceModel& model = model_->services[service];
  LogEvent(breaker.state() == BreakerState::kOpen ? LogLevel::kWarning : LogLevel::kInfo,
           "breaker_" + std::string(Name(breaker.state())),
           {{"service", model.name},
            {"region", model_->regions[model.regions[region].region].name},
            {"from", Name(before)},
            {"reason", breaker.reason()}});
  if (breaker.state() == BreakerState::kOpen) drills_.OnLeft(model.regions[region].region, loop_.Now());
  failovers_.OnBreaker(service, region, before, breaker, loop_.Now(), loop_.UnixMicros());
}

void Controller::SetDraining() { draining_ = true; }

// ---- the world -----------------------------------------------------------------------------------------------------

Serving Controller::RegionServing(const RegionState& region) const {
  bool all_down = true;
  bool any_up = false;
  for (size_t id : region.origins) {
    const auto& prober = origins_[id].prober;
    const Serving serving = prober ? prober->state().serving() : Serving::kUnknown;
    all_down &= serving == Serving::kDown;
    any_up |= serving == Serving::kUp;
  }
  return any_up ? Serving::kUp : all_down ? Serving::kDown : Serving::kUnknown;
}

double Controller::RegionRttMs(const RegionState& region) {
  const TimePoint now = loop_.Now();
  double best = region.request_rtt.Milliseconds(now);
  for (size_t id : region.origins) {
    const double ms = origins_[id].rtt.Milliseconds(now);
    if (std::isnan(best) || ms < best) best = ms;
  }
  return best;
}

std::shared_ptr<const Snapshot> Controller::Build() {
  auto snapshot = std::make_shared<Snapshot>();
  snapshot->version = ++version_;
  snapshot->model = model_;
  snapshot->dials = dials_;
  snapshot->drills = drills_.Active();
  snapshot->route_order = route_order_;
  for (const auto& weights : weights_) snapshot->routes.push_back({weights});
  for (const ServiceState& service : services_) {
    ServiceView view;
    view.nearest = service.ranking.order();
    for (const RegionState& region : service.regions) {
      RegionView region_view;
      region_view.breaker = region.breaker.state();
      region_view.share = region.breaker.share();
      region_view.rtt_ms = RegionRttMs(region);
      region_view.distance_km = region.distance_km;
      for (size_t id : region.origins) {
        const OriginState& origin = origins_[id];
        region_view.origins.push_back({origin.prober ? origin.prober->state().serving() : Serving::kUnknown,
                                       endpoint_feed_.endpoints(origin.endpoint_id)});
      }
      view.regions.push_back(std::move(region_view));
    }
    snapshot->services.push_back(std::move(view));
  }
  return snapshot;
}

void Controller::Publish() {
  publish_hook_.Cancel();
  snapshot_ = Build();
  for (WorkerHandle* worker : workers_) worker->Publish(snapshot_);
}

// ---- the operator --------------------------------------------------------------------------------------------------

uint64_t Controller::SetWeights(const std::string& route, const std::vector<uint32_t>& weights, const std::string&) {
  for (size_t i = 0; i < model_->routes.size(); ++i) {
    if (model_->routes[i].name != route) continue;
    weights_[i] = weights;
    ++weight_versions_[i];
    Publish();
    return weight_versions_[i];
  }
  return 0;
}

uint64_t Controller::SetDial(const std::string& region, double dial, const std::string&) {
  for (size_t i = 0; i < model_->regions.size(); ++i) {
    if (model_->regions[i].name != region) continue;
    dials_[i] = dial;
    ++dial_versions_[i];
    Publish();
    return dial_versions_[i];
  }
  return 0;
}

uint64_t Controller::StartDrill(const DrillRequest& request, const std::string& by, std::string* error) {
  const uint64_t id = drills_.Start(request, *snapshot_, stats_, by, loop_.Now(), error);
  if (id != 0) Publish();
  return id;
}

bool Controller::CancelDrill(uint64_t id) {
  if (!drills_.Cancel(id, loop_.Now())) return false;
  Publish();
  return true;
}

ServiceRegionStatus Controller::RegionStatusOf(uint16_t s, uint16_t r, double first_share) {
  const ServiceRegionModel& model = model_->services[s].regions[r];
  const RegionState& region = services_[s].regions[r];
  ServiceRegionStatus status;
  status.region = model_->regions[model.region].name;
  status.breaker = region.breaker.state();
  status.reason = region.breaker.reason();
  status.share = region.breaker.share();
  status.dial = dials_[model.region];
  status.rtt_ms = RegionRttMs(region);
  status.distance_km = region.distance_km;
  status.openings = region.breaker.opened();
  status.first_share = first_share;
  failovers_.Fill(s, r, &status.failover);
  for (size_t o = 0; o < region.origins.size(); ++o) {
    const OriginState& origin = origins_[region.origins[o]];
    OriginStatus out;
    out.url = model.origins[o].url;
    out.serving = origin.prober ? origin.prober->state().serving() : Serving::kUnknown;
    for (const Endpoint& e : endpoint_feed_.endpoints(origin.endpoint_id)) out.endpoints.push_back(EndpointText(e));
    out.rtt_ms = origin.rtt.Milliseconds(loop_.Now());
    out.probes_ok = origin.probes_ok;
    out.probes_failed = origin.probes_failed;
    out.last_probe = origin.last_probe;
    status.origins.push_back(std::move(out));
  }
  return status;
}

Status Controller::GetStatus() {
  Status status;
  status.version = kVersion;
  status.edge = model_->edge_name;
  status.snapshot = snapshot_->version;
  status.uptime_s = ToSeconds(loop_.Now() - started_);
  status.dns_failures = endpoint_feed_.failures();
  if (tls_) tls_->Fill(&status);
  const auto [ready, draining] = GetReadiness();
  status.ready = ready;
  status.draining = draining;
  status.admin_connections_replaced = admin_connections_replaced_;
  for (const WorkerStats* worker : stats_) {
    status.buffer_bytes += worker->buffer_bytes.Get();
    status.overload_level = std::max(status.overload_level, static_cast<int>(worker->overload_level.Get()));
  }
  status.workers = static_cast<int>(workers_.size());
  for (size_t i = 0; i < model_->regions.size(); ++i) {
    status.regions.push_back({model_->regions[i].name, dials_[i], dial_versions_[i]});
  }
  std::vector<double> shares;
  for (uint16_t s = 0; s < services_.size(); ++s) {
    ServiceStatus service;
    service.name = model_->services[s].name;
    RegionShares(*snapshot_, s, Steer::kNearest, &shares);
    for (uint16_t r = 0; r < services_[s].regions.size(); ++r)
      service.regions.push_back(RegionStatusOf(s, r, shares[r]));
    failovers_.Fill(s, &service.failover);
    for (uint16_t r : services_[s].ranking.order()) service.nearest.push_back(service.regions[r].region);
    status.services.push_back(std::move(service));
  }
  for (size_t i = 0; i < model_->routes.size(); ++i) {
    const RouteModel& model = model_->routes[i];
    RouteStatus route{model.name,
                      model.host,
                      model.path,
                      model.path_exact,
                      model.steer == Steer::kNearest ? "nearest" : "ordered",
                      {},
                      weight_versions_[i]};
    double sum = 0;
    for (uint32_t w : weights_[i]) sum += w;
    for (size_t a = 0; a < model.split.size(); ++a) {
      const uint32_t weight = weights_[i][a];
      route.split.push_back({model_->services[model.split[a].service].name, weight, sum > 0 ? weight / sum : 0});
    }
    status.routes.push_back(std::move(route));
  }
  status.drills = drills_.Reports(loop_.Now());
  return status;
}

std::string Controller::Metrics() {
  return RenderMetrics(GetStatus(), stats_, access_log_ ? access_log_->write_errors() : 0);
}

}  // namespace meridian
