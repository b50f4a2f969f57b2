// What one worker owns and its exchanges use: the pinned world, pools, draws, budgets, counters, logs.
//
// One per worker thread; nothing in it is shared with other threads except through the mailboxes of the loops.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "origin/pool.h"
#include "policy/breaker.h"
#include "policy/keyed_random.h"
#include "policy/latency_window.h"
#include "policy/overload.h"
#include "policy/plan_builder.h"
#include "policy/retry_budget.h"
#include "policy/silence_watch.h"
#include "policy/snapshot.h"
#include "policy/weighted_pick.h"
#include "telemetry/access_log.h"
#include "telemetry/stats.h"

namespace meridian {

// TLS towards origins, per service; immutable, shared by all threads.
class OriginTlsContexts {
 public:
  static std::unique_ptr<OriginTlsContexts> Make(const Model& model, std::string* error);
  TlsClientContext* Of(uint16_t service, OriginProtocol protocol) const;

 private:
  struct Pair {
    std::unique_ptr<TlsClientContext> http1, http2;
  };
  std::vector<Pair> services_;
};

// Options of a pool for one origin of a service.
OriginPool::Options PoolOptionsFor(const Model& model, uint16_t service, const OriginModel& origin,
                                   const OriginTlsContexts& tls, PoolCounters* counters);

// A run of equal outcomes of one region of one service, on its way to the control thread.
struct OutcomeRun {
  uint16_t service = 0;
  uint16_t region = 0;  // index into ServiceModel::regions
  Signal signal = Signal::kSuccess;
  bool trial = false;
  uint32_t count = 0;
  TimePoint first{};     // when the first of them was known
  Duration head_time{};  // of the last one in the run that may count as a measurement of distance; zero: none
};

// A run of requests that a failing region affected: their first failed attempt was there.
struct AffectedRun {
  uint16_t service = 0;
  uint16_t region = 0;
  bool saved = false;  // its client got a good answer all the same; else an error
  bool trial = false;  // that attempt was the trial of a half-open region
  uint32_t count = 0;
  TimePoint last{};  // when the last one of them got its answer's head, or its error
};

class OutcomeSink {
 public:
  // Both from a worker thread.
  virtual void OnOutcomes(std::vector<OutcomeRun> runs) = 0;
  virtual void OnAffected(std::vector<AffectedRun> runs) = 0;

 protected:
  ~OutcomeSink() = default;
};

// The snapshot as one worker pins it: counted without atomics, so that requests of different workers share no cache
// line.
struct World {
  std::shared_ptr<const Snapshot> snapshot;
  uint32_t refs = 0;
};
class WorldRef {
 public:
  WorldRef() = default;
  explicit WorldRef(World* w) : world_(w) {
    if (world_) ++world_->refs;
  }
  WorldRef(const WorldRef& o) : WorldRef(o.world_) {}
  WorldRef(WorldRef&& o) noexcept : world_(std::exchange(o.world_, nullptr)) {}
  WorldRef& operator=(WorldRef o) noexcept {
    std::swap(world_, o.world_);
    return *this;
  }
  ~WorldRef() {
    if (world_ && --world_->refs == 0) delete world_;
  }
  const Snapshot& operator*() const { return *world_->snapshot; }
  const Snapshot* operator->() const { return world_->snapshot.get(); }
  explicit operator bool() const { return world_ != nullptr; }

 private:
  World* world_ = nullptr;
};

// Settings of the client side that every connection of a worker needs.
struct ClientSettings {
  MessageLimits messages;
  Duration header_timeout = 10s;
  Duration handshake_timeout = 10s;
  Duration stall_timeout = 30s;
  Duration idle_timeout = 60s;
  Underscores underscores = Underscores::kPass;
  uint64_t min_body_rate = 1024;               // bytes per second
  size_t max_connections = 25000;              // of this worker
  size_t max_connections_per_client = 12500;   // of this worker, by one prefix
  double handshakes_per_second = 0;            // that this worker begins; 0: any number
  uint64_t buffer_memory = 256 * 1024 * 1024;  // of this worker
  uint64_t replay_memory = 64 * 1024 * 1024;   // request bodies that this worker keeps for a replay
  bool access_log = false;
};

class WorkerContext {
 public:
  WorkerContext(Loop& loop, std::shared_ptr<const Snapshot> first, const OriginTlsContexts& tls,
                const ClientSettings& settings, OutcomeSink& outcomes, AccessLogWriter* log, const RandomKey& key);
  ~WorkerContext();

  Loop& loop() { return loop_; }
  const ClientSettings& settings() const { return settings_; }
  WorldRef world() const { return world_; }
  // Takes effect for requests that begin after it. Same model for life.
  void SetSnapshot(std::shared_ptr<const Snapshot> snapshot);

  OriginPool& Pool(uint16_t service, uint16_t region, uint16_t origin);
  // Two sequences that do not move in step, or a 1 % canary would always draw the same region.
  uint64_t DrawArm(uint16_t route) { return routes_[route].arms.Next(); }
  uint64_t DrawRegion(uint16_t service) { return services_[service].regions.Next(); }
  uint32_t NextTurn(uint16_t service, uint16_t region) { return region_states_[RegionIndex(service, region)].turn++; }
  LatencyWindow& latency(uint16_t route) { return routes_[route].latency; }
  RetryBudget& budget(uint16_t service) { return services_[service].budget; }
  RegionCells& region_cells(uint16_t service, uint16_t region) { return stats_.regions[RegionIndex(service, region)]; }
  RouteCells& route_cells(uint16_t route) { return stats_.routes[route]; }
  ArmCells& arm_cells(uint16_t route, uint16_t arm) { return stats_.arms[routes_[route].first_arm + arm]; }
  WorkerStats& stats() { return stats_; }
  // Not to be foretold from others.
  uint64_t Random() { return random_.Next(); }
  // How full the buffers are now.
  const Overload& memory();
  void PublishMemory();  // every second

  // Room for `bytes` of a request's body that is kept for a replay; false: there is none.
  bool ReserveReplay(uint64_t bytes);
  void ReleaseReplay(uint64_t bytes) { replay_bytes_ -= bytes; }
  // Opens a connection to each region in reserve that has none. Called every second.
  void KeepWarm();

  // The drill that an attempt in this region of the model meets, or null. Draws if it is for a share of them.
  const Drill* DrawDrill(const Snapshot& world, uint16_t model_region);

  SilenceWatch& silence(uint16_t service, uint16_t region) {
    return region_states_[RegionIndex(service, region)].silence;
  }
  // Bit i: region i of the service is silent.
  uint64_t SilentRegions(uint16_t service);

  // One request may try a half-open region; granted by the control thread.
  void GrantTrial(uint16_t service, uint16_t region);
  bool HasTrial(uint16_t service) const { return services_[service].trials > 0; }
  // A region of the service to try, or −1. Takes the grant.
  int TakeTrial(uint16_t service);

  // Successes travel in batches of at most kBatchDelay; a failure takes everything along at the end of the turn.
  void Report(uint16_t service, uint16_t region, Signal signal, bool trial, Duration head_time);
  // Saved requests travel like successes, a lost one takes everything along.
  void ReportAffected(uint16_t service, uint16_t region, bool saved, bool trial, TimePoint at);
  void Log(const AccessRecord& record);
  void FlushLog();
  // Copies what pools counted into the stats block.
  void SyncPoolCounters();

  static constexpr Duration kBatchDelay = 100ms;

 private:
  struct RouteState {
    LowDiscrepancySequence arms;
    LatencyWindow latency;
    size_t first_arm = 0;  // in WorkerStats::arms
  };
  struct ServiceState {
    LowDiscrepancySequence regions;
    RetryBudget budget;
    uint16_t trials = 0;  // how many of its regions have a grant
  };
  struct RegionState {
    uint32_t turn = 0;
    bool trial = false;
    SilenceWatch silence;
    std::vector<std::unique_ptr<OriginPool>> pools;
  };
  size_t RegionIndex(uint16_t service, uint16_t region) const { return region_base_[service] + region; }
  void SendOutcomes();

  WorkerStats stats_;  // first: it wants a cache line of its own
  Loop& loop_;
  const ClientSettings settings_;
  OutcomeSink& outcome_sink_;
  AccessLogWriter* log_;
  KeyedRandom random_;
  Overload overload_;
  uint64_t replay_bytes_ = 0;  // reserved now
  WorldRef world_;
  std::vector<size_t> region_base_;  // first RegionState of each service
  PoolCounters pool_counters_;
  std::vector<RouteState> routes_;
  std::vector<RegionState> region_states_;
  std::vector<ServiceState> services_;
  std::vector<OutcomeRun> outcomes_;
  std::vector<AffectedRun> affected_;
  Timer batch_timer_;
  Hook urgent_;
  std::string log_buffer_;
  Timer log_timer_;
};

}  // namespace meridian
