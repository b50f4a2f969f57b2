// The one owner of everything that changes: probes, breakers, rankings, names, weights, dials. It turns news into a new
// Snapshot and publishes it to all workers; nothing else writes what steering reads.
//
// Lives on the control loop. OnOutcomes and OnAffected may be called from any thread; all else from the loop's.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "control/admin_api.h"
#include "control/config.h"
#include "control/drills.h"
#include "control/endpoint_feed.h"
#include "control/failover_watch.h"
#include "control/latency_feed.h"
#include "control/listener_tls.h"
#include "health/prober.h"
#include "policy/breaker.h"
#include "policy/region_ranking.h"
#include "stream/worker_context.h"

namespace meridian {

// A worker as the controller sees it. Calls are made from the control thread and take effect on the worker's own.
class WorkerHandle {
 public:
  virtual void Publish(std::shared_ptr<const Snapshot> snapshot) = 0;
  // The connections that come from here on.
  virtual void PublishTls(size_t listener, std::shared_ptr<const TlsServerContext> tls) = 0;
  virtual void GrantTrial(uint16_t service, uint16_t region) = 0;
  virtual const WorkerStats& stats() = 0;

 protected:
  ~WorkerHandle() = default;
};

class Controller final : public AdminBackend, public OutcomeSink, private ProbeSink, private EndpointFeedSink {
 public:
  static constexpr Duration kTick = 50ms;
  static constexpr Duration kRankingInterval = 500ms;
  static constexpr Duration kSettleTimeout = 2s;  // names that do not answer hold readiness back no longer

  Controller(Loop& loop, std::shared_ptr<const Model> model, const OriginTlsContexts& tls, uint64_t seed);
  ~Controller() override;

  // The world before any news; made in the constructor.
  std::shared_ptr<const Snapshot> snapshot() const { return snapshot_; }
  void AddWorker(WorkerHandle& worker);
  // The workers are about to go: nothing is published, granted or read from here on.
  void ForgetWorkers();
  void SetTls(ListenerTls* tls) { tls_ = tls; }
  void SetAccessLog(const AccessLogWriter* log) { access_log_ = log; }
  // Starts names and probes. `on_ready` is called once, when every name and every probed origin had its first answer.
  void Start(std::function<void()> on_ready);
  void SetDraining();

  // AdminBackend
  Readiness GetReadiness() override { return {ready_ && !draining_, draining_}; }
  void OnAdminConnectionReplaced() override { ++admin_connections_replaced_; }
  Status GetStatus() override;
  std::string Metrics() override;
  uint64_t SetWeights(const std::string& route, const std::vector<uint32_t>& weights, const std::string& by) override;
  uint64_t SetDial(const std::string& region, double dial, const std::string& by) override;
  uint64_t StartDrill(const DrillRequest& request, const std::string& by, std::string* error) override;
  bool CancelDrill(uint64_t id) override;
  // OutcomeSink
  void OnOutcomes(std::vector<OutcomeRun> runs) override;
  void OnAffected(std::vector<AffectedRun> runs) override;

 private:
  struct OriginState {
    size_t endpoint_id = 0;
    std::unique_ptr<Prober> prober;  // null without health checks
    RttEstimate rtt;
    uint64_t probes_ok = 0, probes_failed = 0;
    std::string last_probe;
    bool answered = false;
  };
  struct RegionState {
    RegionState(BreakerOptions options, uint64_t seed) : breaker(options, seed) {}
    Breaker breaker;
    RttEstimate request_rtt;  // from requests, where there are no probes
    double distance_km = 0;
    std::vector<size_t> origins;  // indexes into origins_
  };
  struct ServiceState {
    std::vector<RegionState> regions;
    RegionRanking ranking;
  };
  struct OriginPlace {
    uint16_t service = 0, region = 0, origin = 0;
  };

  // ProbeSink
  void OnProbe(size_t id, const ProbeResult& result) override;
  const std::vector<Endpoint>& ProbeEndpoints(size_t id) override;
  uint64_t Random() override;
  // EndpointFeedSink
  void OnEndpointsChanged(size_t id) override;

  void BuildStates(const OriginTlsContexts& tls);
  void ApplyOutcomes(const std::vector<OutcomeRun>& runs);
  void OnTick();
  void Rank();
  void CheckReady();
  void Changed() { publish_hook_.AtTurnEnd(); }
  void Publish();
  std::shared_ptr<const Snapshot> Build();
  Serving RegionServing(const RegionState& region) const;
  double RegionRttMs(const RegionState& region);
  void NoteBreaker(uint16_t service, uint16_t region, BreakerState before);
  ServiceRegionStatus RegionStatusOf(uint16_t service, uint16_t region, double first_share);

  Loop& loop_;
  const std::shared_ptr<const Model> model_;
  uint64_t random_;
  const TimePoint started_;
  EndpointFeed endpoint_feed_;
  std::vector<OriginState> origins_;
  std::vector<OriginPlace> places_;
  std::vector<ServiceState> services_;
  FailoverWatch failovers_;
  LatencyFeed latency_;
  Drills drills_;
  std::vector<std::vector<uint32_t>> weights_;
  std::vector<uint64_t> weight_versions_;
  std::vector<double> dials_;
  std::vector<uint64_t> dial_versions_;
  std::vector<uint16_t> route_order_;
  std::shared_ptr<const Snapshot> snapshot_;
  uint64_t version_ = 0;
  std::vector<WorkerHandle*> workers_;
  std::vector<const WorkerStats*> stats_;  // theirs
  size_t next_worker_ = 0;
  const AccessLogWriter* access_log_ = nullptr;
  ListenerTls* tls_ = nullptr;
  std::function<void()> on_ready_;
  bool ready_ = false;
  bool draining_ = false;
  uint64_t admin_connections_replaced_ = 0;
  TimePoint last_ranking_{};
  Hook publish_hook_;
  Timer tick_timer_;
};

}  // namespace meridian
