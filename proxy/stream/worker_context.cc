#include "stream/worker_context.h"

#include <algorithm>
#include <utility>

namespace meridian {
namespace {

constexpr size_t kLogBufferBytes = 64 * 1024;

}  // namespace

std::unique_ptr<OriginTlsContexts> OriginTlsContexts::Make(const Model& model, std::string* error) {
  auto self = std::make_unique<OriginTlsContexts>();
  for (const ServiceModel& service : model.services) {
    Pair pair;
    for (const auto& region : service.regions) {
      for (const OriginModel& origin : region.origins) {
        if (!UsesTls(origin.protocol)) continue;
        auto& slot = UsesHttp2(origin.protocol) ? pair.http2 : pair.http1;
        if (slot) continue;
        slot = TlsClientContext::Make(service.tls.ca_file, service.tls.verify, UsesHttp2(origin.protocol), error);
        if (!slot) return nullptr;
      }
    }
    self->services_.push_back(std::move(pair));
  }
  return self;
}

TlsClientContext* OriginTlsContexts::Of(uint16_t service, OriginProtocol protocol) const {
  if (!UsesTls(protocol)) return nullptr;
  const Pair& pair = services_[service];
  return UsesHttp2(protocol) ? pair.http2.get() : pair.http1.get();
}

OriginPool::Options PoolOptionsFor(const Model& model, uint16_t service, const OriginModel& origin,
                                   const OriginTlsContexts& tls, PoolCounters* counters) {
  const ServiceModel& s = model.services[service];
  OriginPool::Options options;
  options.origin = origin;
  options.limits = s.pool;
  options.max_answer_bytes = model.max_answer_bytes;
  options.max_answer_fields = model.max_answer_fields;
  options.connect_timeout = s.timeouts.connect;
  options.tls_timeout = s.timeouts.tls;
  options.warm = s.pool.warm;
  options.tls = tls.Of(service, origin.protocol);
  options.server_name = s.tls.server_name.empty() ? origin.host : s.tls.server_name;
  options.proxy_protocol = s.proxy_protocol;
  options.counters = counters;
  return options;
}

WorkerContext::WorkerContext(Loop& loop, std::shared_ptr<const Snapshot> first, const OriginTlsContexts& tls,
                             const ClientSettings& settings, OutcomeSink& outcomes, AccessLogWriter* log,
                             const RandomKey& key)
    : stats_(first->model->CountServiceRegions(), first->model->routes.size(), first->model->CountArms()),
      loop_(loop),
      settings_(settings),
      outcome_sink_(outcomes),
      log_(log),
      random_(key),
      overload_(settings.buffer_memory),
      batch_timer_(loop, Bind<&WorkerContext::SendOutcomes>(this)),
      urgent_(loop, Bind<&WorkerContext::SendOutcomes>(this)),
      log_timer_(loop, Bind<&WorkerContext::FlushLog>(this)) {
  const Model& model = *first->model;
  size_t arms = 0;
  for (const RouteModel& route : model.routes) {
    routes_.push_back({LowDiscrepancySequence(Random()), LatencyWindow(), arms});
    arms += route.split.size();
  }
  for (uint16_t s = 0; s < model.services.size(); ++s) {
    region_base_.push_back(region_states_.size());
    services_.push_back({LowDiscrepancySequence(Random()), RetryBudget(), 0});
    for (const ServiceRegionModel& region : model.services[s].regions) {
      RegionState state;
      for (const OriginModel& origin : region.origins) {
        state.pools.push_back(
            std::make_unique<OriginPool>(loop, PoolOptionsFor(model, s, origin, tls, &pool_counters_)));
      }
      region_states_.push_back(std::move(state));
    }
  }
  SetSnapshot(std::move(first));
}

WorkerContext::~WorkerContext() {
  SendOutcomes();
  FlushLog();
}

void WorkerContext::SetSnapshot(std::shared_ptr<const Snapshot> snapshot) {
  world_ = WorldRef(new World{std::move(snapshot), 0});
  const Snapshot& world = *world_;
  for (uint16_t s = 0; s < world.services.size(); ++s) {
    for (uint16_t r = 0; r < world.services[s].regions.size(); ++r) {
      const std::vector<OriginView>& origins = world.services[s].regions[r].origins;
      for (uint16_t o = 0; o < origins.size(); ++o) Pool(s, r, o).SetAddresses(origins[o].endpoints);
    }
  }
}

OriginPool& WorkerContext::Pool(uint16_t service, uint16_t region, uint16_t origin) {
  return *region_states_[RegionIndex(service, region)].pools[origin];
}

const Overload& WorkerContext::memory() {
  const OverloadLevel before = overload_.level();
  const uint64_t used = BlockPool::Local().live_bytes();
  if (overload_.Update(used) != before) {
    stats_.buffer_bytes.Set(used);
    stats_.overload_level.Set(static_cast<uint64_t>(overload_.level()));
  }
  return overload_;
}

void WorkerContext::PublishMemory() {
  memory();
  stats_.buffer_bytes.Set(BlockPool::Local().live_bytes());
}

bool WorkerContext::ReserveReplay(uint64_t bytes) {
  if (bytes > settings_.replay_memory - replay_bytes_) return false;
  replay_bytes_ += bytes;
  return true;
}

const Drill* WorkerContext::DrawDrill(const Snapshot& world, uint16_t model_region) {
  if (world.drills.empty()) return nullptr;
  const Drill& drill = world.drills[model_region];
  if (drill.id == 0) return nullptr;
  return static_cast<double>(Random() >> 11) * 0x1p-53 < drill.share ? &drill : nullptr;
}

void WorkerContext::KeepWarm() {
  const Model& model = *world_->model;
  for (uint16_t s = 0; s < model.services.size(); ++s) {
    if (!model.services[s].pool.warm) continue;
    for (uint16_t r = 0; r < model.services[s].regions.size(); ++r) {
      const RegionView& view = world_->services[s].regions[r];
      if (view.breaker == BreakerState::kOpen) continue;  // probes and trials are enough for a dead region
      for (uint16_t o = 0; o < view.origins.size(); ++o) {
        if (view.origins[o].serving != Serving::kDown) Pool(s, r, o).KeepWarm();
      }
    }
  }
}

uint64_t WorkerContext::SilentRegions(uint16_t service) {
  const TimePoint now = loop_.Now();
  uint64_t silent = 0;
  for (size_t i = 0; i < world_->services[service].regions.size(); ++i) {
    if (region_states_[region_base_[service] + i].silence.IsSilent(now)) silent |= uint64_t{1} << i;
  }
  return silent;
}

void WorkerContext::GrantTrial(uint16_t service, uint16_t region) {
  RegionState& state = region_states_[RegionIndex(service, region)];
  if (state.trial) return;
  state.trial = true;
  ++services_[service].trials;
}

int WorkerContext::TakeTrial(uint16_t service) {
  if (services_[service].trials == 0) return -1;
  const size_t regions = world_->model->services[service].regions.size();
  for (uint16_t r = 0; r < regions; ++r) {
    RegionState& state = region_states_[RegionIndex(service, r)];
    if (!state.trial) continue;
    state.trial = false;
    --services_[service].trials;
    // The grant may be older than the news that the region closed or opened.
    if (world_->services[service].regions[r].breaker == BreakerState::kHalfOpen) return r;
  }
  return -1;
}

void WorkerContext::Report(uint16_t service, uint16_t region, Signal signal, bool trial, Duration head_time) {
  OutcomeRun* last = outcomes_.empty() ? nullptr : &outcomes_.back();
  if (last && last->service == service && last->region == region && last->signal == signal && last->trial == trial) {
    ++last->count;
    if (head_time > Duration::zero()) last->head_time = head_time;
  } else {
    outcomes_.push_back({service, region, signal, trial, 1, loop_.Now(), head_time});
  }
  if (signal != Signal::kSuccess || trial) {
    urgent_.AtTurnEnd();
  } else if (!batch_timer_.armed()) {
    batch_timer_.Arm(kBatchDelay);
  }
}

void WorkerContext::ReportAffected(uint16_t service, uint16_t region, bool saved, bool trial, TimePoint at) {
  const auto same = [&](const AffectedRun& run) {
    return run.service == service && run.region == region && run.saved == saved && run.trial == trial;
  };
  if (!affected_.empty() && same(affected_.back())) {
    ++affected_.back().count;
    affected_.back().last = std::max(affected_.back().last, at);
  } else {
    affected_.push_back({service, region, saved, trial, 1, at});
  }
  if (!saved) {
    urgent_.AtTurnEnd();
  } else if (!batch_timer_.armed()) {
    batch_timer_.Arm(kBatchDelay);
  }
}

// Outcomes first: the failure that affected a request stands before it.
void WorkerContext::SendOutcomes() {
  batch_timer_.Cancel();
  urgent_.Cancel();
  if (!outcomes_.empty()) outcome_sink_.OnOutcomes(std::exchange(outcomes_, {}));
  if (!affected_.empty()) outcome_sink_.OnAffected(std::exchange(affected_, {}));
}

void WorkerContext::Log(const AccessRecord& record) {
  FormatAccessRecord(record, &log_buffer_);
  if (log_buffer_.size() >= kLogBufferBytes) {
    FlushLog();
  } else if (!log_timer_.armed()) {
    log_timer_.Arm(kBatchDelay);
  }
}

void WorkerContext::FlushLog() {
  log_timer_.Cancel();
  if (log_buffer_.empty() || !log_) return;
  uint64_t lines = 0;
  for (char c : log_buffer_) lines += c == '\n';
  if (!log_->Submit(&log_buffer_)) stats_.access_log_dropped.Add(lines);
  log_buffer_.clear();
}

void WorkerContext::SyncPoolCounters() {
  stats_.origin_connections_opened.Add(pool_counters_.opened);
  stats_.origin_connections_closed.Add(pool_counters_.closed);
  stats_.origin_connections_reused.Add(pool_counters_.reused);
  stats_.origin_address_failures.Add(pool_counters_.address_failures);
  stats_.origin_address_left.Add(pool_counters_.address_left);
  pool_counters_ = {};
}

}  // namespace meridian
