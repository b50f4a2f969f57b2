#include "telemetry/prometheus_bridge.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "telemetry/log.h"

namespace meridian {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;
using Workers = std::vector<const WorkerStats*>;

// The families of one scrape, in the order they are added.
class Page {
 public:
  // A family whose metrics are added next. The reference is good until the next Add.
  MetricFamily& Add(const char* name, const char* help, MetricType type) {
    MetricFamily& family = families_.emplace_back();
    family.name = name;
    family.help = help;
    family.type = type;
    return family;
  }
  void AddCounter(const char* name, const char* help, uint64_t value) {
    AddTo(Add(name, help, MetricType::Counter), {}, static_cast<double>(value));
  }
  void AddGauge(const char* name, const char* help, double value) {
    AddTo(Add(name, help, MetricType::Gauge), {}, value);
  }

  // NaN is left out: an absent metric says "not known", which a value can't.
  static void AddTo(MetricFamily& family, Labels labels, double value) {
    if (std::isnan(value)) return;
    ClientMetric& metric = family.metric.emplace_back();
    metric.label = std::move(labels);
    (family.type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
  }

  std::string Serialize() {
    std::erase_if(families_, [](const MetricFamily& family) { return family.metric.empty(); });
    return prometheus::TextSerializer().Serialize(families_);
  }

 private:
  std::vector<MetricFamily> families_;
};

// Sum over the workers of the cell that `pick` finds in each.
template <typename Pick>
uint64_t Sum(const Workers& workers, Pick pick) {
  uint64_t sum = 0;
  for (const WorkerStats* worker : workers) sum += pick(*worker).Get();
  return sum;
}

// How many are open now. One block is read cell by cell while its worker counts on, so the difference of a short-lived
// connection can be seen the wrong way round; it is never less than none.
double SumOpen(const Workers& workers, Cell WorkerStats::*opened, Cell WorkerStats::*closed) {
  const uint64_t ended = Sum(workers, [&](const WorkerStats& w) -> const Cell& { return w.*closed; });
  const uint64_t begun = Sum(workers, [&](const WorkerStats& w) -> const Cell& { return w.*opened; });
  return begun > ended ? static_cast<double>(begun - ended) : 0;
}

template <typename Pick>
void AddHistogram(MetricFamily& family, Labels labels, const Workers& workers, Pick pick) {
  ClientMetric& metric = family.metric.emplace_back();
  metric.label = std::move(labels);
  uint64_t count = 0;
  for (size_t i = 0; i <= kLatencyBounds.size(); ++i) {
    count += Sum(workers, [&](const WorkerStats& w) -> const Cell& { return pick(w).buckets[i]; });
    const bool last = i == kLatencyBounds.size();
    metric.histogram.bucket.push_back({count, last ? std::numeric_limits<double>::infinity() : kLatencyBounds[i]});
  }
  metric.histogram.sample_count = count;
  const uint64_t sum_us = Sum(workers, [&](const WorkerStats& w) -> const Cell& { return pick(w).sum_us; });
  metric.histogram.sample_sum = static_cast<double>(sum_us) / 1e6;
}

struct WorkerCounter {
  const char* name;
  const char* help;
  Cell WorkerStats::*cell;
};

constexpr WorkerCounter kWorkerCounters[] = {
    {"meridian_client_connections_opened_total", "Connections accepted from clients.",
     &WorkerStats::client_connections_opened},
    {"meridian_client_tls_handshakes_total", "TLS handshakes with clients that succeeded.",
     &WorkerStats::client_tls_handshakes},
    {"meridian_client_tls_resumed_total", "TLS handshakes with clients that went on from an earlier session.",
     &WorkerStats::client_tls_resumed},
    {"meridian_client_tls_stapled_total", "TLS handshakes that took an OCSP response to the client.",
     &WorkerStats::client_tls_stapled},
    {"meridian_client_tls_failures_total", "TLS handshakes with clients that failed.",
     &WorkerStats::client_tls_failures},
    {"meridian_client_certificates_refused_total",
     "TLS handshakes that failed because the client's certificate is missing or does not verify.",
     &WorkerStats::client_certificates_refused},
    {"meridian_client_protocol_errors_total", "Client connections or requests that were not valid HTTP.",
     &WorkerStats::client_protocol_errors},
    {"meridian_client_received_bytes_total", "Bytes received from clients.", &WorkerStats::bytes_from_clients},
    {"meridian_client_sent_bytes_total", "Bytes sent to clients.", &WorkerStats::bytes_to_clients},
    {"meridian_accept_paused_total", "Pauses in accepting, for want of file descriptors or memory.",
     &WorkerStats::accept_paused},
    {"meridian_misdirected_requests_total", "Requests for the host of another certificate than the connection's.",
     &WorkerStats::misdirected_requests},
    {"meridian_unmatched_requests_total", "Requests that no route matched.", &WorkerStats::unmatched_requests},
    {"meridian_refused_paths_total", "Requests refused because their path has no safe reading.",
     &WorkerStats::refused_paths},
    {"meridian_impossible_events_total", "Events that can't happen and were refused: bugs, please report them.",
     &WorkerStats::impossible_events},
    {"meridian_early_hints_total", "Informational (1xx) responses relayed to clients.", &WorkerStats::early_hints},
    {"meridian_origin_connections_opened_total", "Connections opened to origins.",
     &WorkerStats::origin_connections_opened},
    {"meridian_origin_connections_reused_total", "Attempts that went out on a kept connection.",
     &WorkerStats::origin_connections_reused},
    {"meridian_origin_address_failures_total",
     "Addresses of origins that were refused, unreachable or silent when a connection tried them.",
     &WorkerStats::origin_address_failures},
    {"meridian_origin_address_left_total",
     "Connections that took no more requests because their address left the origin's name.",
     &WorkerStats::origin_address_left},
    {"meridian_retry_budget_exhausted_total", "Failovers not made because the retry budget was used up.",
     &WorkerStats::retry_budget_exhausted},
    {"meridian_replay_refused_total", "Failed attempts whose request could not be sent again.",
     &WorkerStats::replay_refused},
};

// One value of a label and what counts it.
struct LabelledCell {
  const char* value;
  Cell WorkerStats::*cell;
};

constexpr LabelledCell kLimits[] = {
    {"connections", &WorkerStats::connections_refused},
    {"client_connections", &WorkerStats::limit_client_connections},
    {"handshakes", &WorkerStats::limit_handshakes},
    {"handshake_time", &WorkerStats::limit_handshake_time},
    {"requests", &WorkerStats::limit_requests},
    {"body_rate", &WorkerStats::limit_body_rate},
    {"client_stalls", &WorkerStats::limit_client_stalls},
    {"memory_requests", &WorkerStats::limit_memory_requests},
    {"memory_keep_alive", &WorkerStats::limit_memory_keep_alive},
    {"memory_connections", &WorkerStats::limit_memory_connections},
    {"proxy_headers", &WorkerStats::limit_proxy_headers},
    {"header_bytes", &WorkerStats::limit_header_bytes},
    {"expressions", &WorkerStats::limit_expressions},
    {"underscores", &WorkerStats::limit_underscores},
    {"target_bytes", &WorkerStats::limit_target_bytes},
    {"hops", &WorkerStats::limit_hops},
    {"resets", &WorkerStats::limit_resets},
    {"streams", &WorkerStats::limit_streams},
    {"timeouts", &WorkerStats::limit_timeouts},
};

constexpr LabelledCell kAbandonReasons[] = {
    {"length", &WorkerStats::replay_abandoned_length},
    {"memory", &WorkerStats::replay_abandoned_memory},
};

template <size_t N>
void AddLabelled(MetricFamily& family, const char* label, const LabelledCell (&cells)[N], const Workers& workers) {
  for (const LabelledCell& cell : cells) {
    const uint64_t sum = Sum(workers, [&](const WorkerStats& w) -> const Cell& { return w.*cell.cell; });
    Page::AddTo(family, {{label, cell.value}}, static_cast<double>(sum));
  }
}

void AddWorkerTotals(Page& page, const Workers& workers, uint64_t access_log_write_errors) {
  for (const WorkerCounter& counter : kWorkerCounters) {
    page.AddCounter(counter.name, counter.help,
                    Sum(workers, [&](const WorkerStats& w) -> const Cell& { return w.*counter.cell; }));
  }
  page.AddGauge("meridian_client_connections", "Connections with clients now.",
                SumOpen(workers, &WorkerStats::client_connections_opened, &WorkerStats::client_connections_closed));
  page.AddGauge("meridian_origin_connections", "Connections with origins now.",
                SumOpen(workers, &WorkerStats::origin_connections_opened, &WorkerStats::origin_connections_closed));

  page.AddGauge("meridian_buffer_bytes", "Bytes that requests under way hold: heads, bodies, their state.",
                static_cast<double>(Sum(workers, [](const WorkerStats& w) -> const Cell& { return w.buffer_bytes; })));
  uint64_t level = 0;
  for (const WorkerStats* worker : workers) level = std::max(level, worker->overload_level.Get());
  page.AddGauge("meridian_overload_level",
                "Of the worker that is fullest: 0 calm, 1 no streams on busy connections, 2 no keep-alive, 3 no "
                "requests, 4 no connections.",
                static_cast<double>(level));

  AddLabelled(page.Add("meridian_limit_total", "Times a limit was enforced.", MetricType::Counter), "limit", kLimits,
              workers);
  AddLabelled(
      page.Add("meridian_replay_abandoned_total",
               "Request bodies that were not kept for a replay: too long, or no memory left.", MetricType::Counter),
      "reason", kAbandonReasons, workers);

  MetricFamily& dropped =
      page.Add("meridian_access_log_dropped_total",
               "Access log lines lost: the writer's queue was full, or writing failed.", MetricType::Counter);
  const uint64_t queue = Sum(workers, [](const WorkerStats& w) -> const Cell& { return w.access_log_dropped; });
  Page::AddTo(dropped, {{"reason", "queue"}}, static_cast<double>(queue));
  Page::AddTo(dropped, {{"reason", "write"}}, static_cast<double>(access_log_write_errors));
  page.AddCounter("meridian_event_log_dropped_total", "Event log lines lost because stderr did not take them.",
                  DroppedLogEvents());
}

struct RouteCounter {
  const char* name;
  const char* help;
  Cell RouteCells::*cell;
};

constexpr RouteCounter kRouteCounters[] = {
    {"meridian_requests_total", "Requests.", &RouteCells::requests},
    {"meridian_failovers_total", "Requests that needed more than one attempt.", &RouteCells::failovers},
    {"meridian_requests_saved_total", "Requests whose client got a good answer only because of failover.",
     &RouteCells::saved},
    {"meridian_requests_lost_total", "Requests answered by an error of our own or cut off half way.",
     &RouteCells::lost},
    {"meridian_fail_open_total", "Requests sent although no region was eligible.", &RouteCells::fail_open},
    {"meridian_silence_moved_total", "Requests that began elsewhere because their region owed several answers.",
     &RouteCells::silence_moved},
    {"meridian_hedges_total", "Second attempts started beside a slow one.", &RouteCells::hedges},
    {"meridian_hedges_won_total", "Second attempts that answered before the slow one.", &RouteCells::hedges_won},
};

struct ResumeResult {
  const char* name;
  Cell RouteCells::*cell;
};

constexpr ResumeResult kResumeResults[] = {
    {"resumed", &RouteCells::resumes_done},
    {"refused", &RouteCells::resumes_refused},
    {"failed", &RouteCells::resumes_failed},
};

// Index as in RouteCells::responses_by_class.
constexpr const char* kClasses[] = {"none", "1xx", "2xx", "3xx", "4xx", "5xx"};

void AddRoutes(Page& page, const Status& status, const Workers& workers) {
  const auto cells = [](size_t route) {
    return [route](const WorkerStats& w) -> const RouteCells& { return w.routes[route]; };
  };
  for (const RouteCounter& counter : kRouteCounters) {
    MetricFamily& family = page.Add(counter.name, counter.help, MetricType::Counter);
    for (size_t i = 0; i < status.routes.size(); ++i) {
      const uint64_t sum = Sum(workers, [&](const WorkerStats& w) -> const Cell& { return cells(i)(w).*counter.cell; });
      Page::AddTo(family, {{"route", status.routes[i].name}}, static_cast<double>(sum));
    }
  }

  MetricFamily& resumes =
      page.Add("meridian_resumes_total", "Responses that broke off and went on from another region, or did not.",
               MetricType::Counter);
  for (size_t i = 0; i < status.routes.size(); ++i) {
    for (const ResumeResult& result : kResumeResults) {
      const uint64_t sum = Sum(workers, [&](const WorkerStats& w) -> const Cell& { return cells(i)(w).*result.cell; });
      Page::AddTo(resumes, {{"route", status.routes[i].name}, {"result", result.name}}, static_cast<double>(sum));
    }
  }

  MetricFamily& responses =
      page.Add("meridian_responses_total",
               "Responses to clients by status class; none: the client got no response head.", MetricType::Counter);
  for (size_t i = 0; i < status.routes.size(); ++i) {
    for (size_t c = 0; c < std::size(kClasses); ++c) {
      const uint64_t sum =
          Sum(workers, [&](const WorkerStats& w) -> const Cell& { return cells(i)(w).responses_by_class[c]; });
      Page::AddTo(responses, {{"route", status.routes[i].name}, {"class", kClasses[c]}}, static_cast<double>(sum));
    }
  }

  MetricFamily& durations =
      page.Add("meridian_request_duration_seconds", "From the request's head to the last byte of its response.",
               MetricType::Histogram);
  for (size_t i = 0; i < status.routes.size(); ++i) {
    AddHistogram(durations, {{"route", status.routes[i].name}}, workers,
                 [&](const WorkerStats& w) -> const LatencyCells& { return cells(i)(w).duration; });
  }

  MetricFamily& weights = page.Add("meridian_weight", "Weight of a service in a route's split.", MetricType::Gauge);
  for (const RouteStatus& route : status.routes) {
    for (const ArmStatus& arm : route.split) {
      Page::AddTo(weights, {{"route", route.name}, {"service", arm.service}}, arm.weight);
    }
  }
}

struct ArmCounter {
  const char* name;
  const char* help;
  Cell ArmCells::*cell;
};

constexpr ArmCounter kArmCounters[] = {
    {"meridian_arm_without_region_total", "Requests drawn for a service of which no region was eligible.",
     &ArmCells::without_region},
    {"meridian_arm_moved_total", "Of those, requests that went to another service of their route.", &ArmCells::moved},
};

void AddArms(Page& page, const Status& status, const Workers& workers) {
  for (const ArmCounter& counter : kArmCounters) {
    MetricFamily& family = page.Add(counter.name, counter.help, MetricType::Counter);
    size_t index = 0;
    for (const RouteStatus& route : status.routes) {
      for (const ArmStatus& arm : route.split) {
        const uint64_t sum =
            Sum(workers, [&](const WorkerStats& w) -> const Cell& { return w.arms[index].*counter.cell; });
        Page::AddTo(family, {{"route", route.name}, {"service", arm.service}}, static_cast<double>(sum));
        ++index;
      }
    }
  }
}

// Calls `visit(service, region, index into WorkerStats::regions)` for every region of every service.
template <typename Visit>
void ForEachRegion(const Status& status, Visit visit) {
  size_t index = 0;
  for (const ServiceStatus& service : status.services) {
    for (const ServiceRegionStatus& region : service.regions) visit(service, region, index++);
  }
}

Labels RegionLabels(const ServiceStatus& service, const ServiceRegionStatus& region) {
  return {{"service", service.name}, {"region", region.region}};
}

struct RegionCounter {
  const char* name;
  const char* help;
  Cell RegionCells::*cell;
};

constexpr RegionCounter kRegionCounters[] = {
    {"meridian_attempts_total", "Attempts at origins.", &RegionCells::attempts},
    {"meridian_first_attempts_total", "Attempts that were the first one of their request.",
     &RegionCells::first_attempts},
    {"meridian_failover_statuses_total", "Attempts whose status moved the request on to the next region.",
     &RegionCells::failover_statuses},
    {"meridian_trials_total", "Attempts made to find out whether a region is back.", &RegionCells::trials},
    {"meridian_drill_touched_requests_total", "Requests that met a drill.", &RegionCells::drill_touched},
    {"meridian_drill_saved_requests_total", "Requests that met a drill and whose client got a good answer.",
     &RegionCells::drill_saved},
    {"meridian_drill_lost_requests_total", "Requests that met a drill and whose client got none.",
     &RegionCells::drill_lost},
    {"meridian_drill_gone_requests_total", "Requests that met a drill and whose client left before any answer.",
     &RegionCells::drill_gone},
};

void AddAttemptFailures(Page& page, const Status& status, const Workers& workers) {
  MetricFamily& family = page.Add("meridian_attempt_failures_total",
                                  "Attempts that ended without a usable response, by error.", MetricType::Counter);
  ForEachRegion(status, [&](const ServiceStatus& service, const ServiceRegionStatus& region, size_t i) {
    for (size_t code = 0; code < kErrorCodes; ++code) {
      const uint64_t sum =
          Sum(workers, [&](const WorkerStats& w) -> const Cell& { return w.regions[i].failures_by_error[code]; });
      // "none" is no error; it is shown only if somebody counted it all the same.
      if (code == static_cast<size_t>(ErrorCode::kNone) && sum == 0) continue;
      Labels labels = RegionLabels(service, region);
      labels.push_back({"error", std::string(Name(static_cast<ErrorCode>(code)))});
      Page::AddTo(family, std::move(labels), static_cast<double>(sum));
    }
  });
}

void AddRegionCells(Page& page, const Status& status, const Workers& workers) {
  for (const RegionCounter& counter : kRegionCounters) {
    MetricFamily& family = page.Add(counter.name, counter.help, MetricType::Counter);
    ForEachRegion(status, [&](const ServiceStatus& service, const ServiceRegionStatus& region, size_t i) {
      const uint64_t sum =
          Sum(workers, [&](const WorkerStats& w) -> const Cell& { return w.regions[i].*counter.cell; });
      Page::AddTo(family, RegionLabels(service, region), static_cast<double>(sum));
    });
  }
  AddAttemptFailures(page, status, workers);
  MetricFamily& heads = page.Add("meridian_attempt_head_seconds",
                                 "From the start of an attempt to the head of its response.", MetricType::Histogram);
  ForEachRegion(status, [&](const ServiceStatus& service, const ServiceRegionStatus& region, size_t i) {
    AddHistogram(heads, RegionLabels(service, region), workers,
                 [&](const WorkerStats& w) -> const LatencyCells& { return w.regions[i].head_time; });
  });
}

void AddBreakers(Page& page, const Status& status) {
  MetricFamily& states =
      page.Add("meridian_breaker_state", "1 for the state that the region's breaker is in.", MetricType::Gauge);
  ForEachRegion(status, [&](const ServiceStatus& service, const ServiceRegionStatus& region, size_t) {
    for (const auto state :
         {BreakerState::kClosed, BreakerState::kOpen, BreakerState::kHalfOpen, BreakerState::kRamp}) {
      Labels labels = RegionLabels(service, region);
      labels.push_back({"state", Name(state)});
      Page::AddTo(states, std::move(labels), region.breaker == state ? 1 : 0);
    }
  });
  MetricFamily& openings =
      page.Add("meridian_breaker_openings_total", "Times that the region was taken out.", MetricType::Counter);
  ForEachRegion(status, [&](const ServiceStatus& service, const ServiceRegionStatus& region, size_t) {
    Page::AddTo(openings, RegionLabels(service, region), region.openings);
  });
}

void AddRegionStates(Page& page, const Status& status) {
  struct RegionGauge {
    const char* name;
    const char* help;
    double (*value)(const ServiceRegionStatus&);
  };
  constexpr RegionGauge kGauges[] = {
      {"meridian_region_share", "Share of the service's traffic that goes to this region first.",
       [](const ServiceRegionStatus& r) { return r.first_share; }},
      {"meridian_breaker_share", "Share of its usual traffic that the breaker lets the region have.",
       [](const ServiceRegionStatus& r) { return r.share; }},
      {"meridian_region_rtt_seconds", "Smoothed time of a probe; absent: not measured.",
       [](const ServiceRegionStatus& r) { return r.rtt_ms / 1e3; }},
  };
  for (const RegionGauge& gauge : kGauges) {
    MetricFamily& family = page.Add(gauge.name, gauge.help, MetricType::Gauge);
    ForEachRegion(status, [&](const ServiceStatus& service, const ServiceRegionStatus& region, size_t) {
      Page::AddTo(family, RegionLabels(service, region), gauge.value(region));
    });
  }
  MetricFamily& dials = page.Add("meridian_region_dial", "Share of its traffic that the operator lets the region have.",
                                 MetricType::Gauge);
  for (const RegionStatus& region : status.regions) Page::AddTo(dials, {{"region", region.name}}, region.dial);
}

struct FailoverCounter {
  const char* name;
  const char* help;
  uint64_t FailoverCounts::*count;
};

constexpr FailoverCounter kFailoverCounters[] = {
    {"meridian_failover_saved_requests_total",
     "Requests that failed in this region first and got a good answer all the same.", &FailoverCounts::saved},
    {"meridian_failover_lost_requests_total",
     "Requests that failed in this region first and then for their client too.", &FailoverCounts::lost},
    {"meridian_failover_objective_missed_total", "Failovers that lasted longer than the service's objective.",
     &FailoverCounts::missed},
};

void AddFailovers(Page& page, const Status& status) {
  MetricFamily& events =
      page.Add("meridian_failover_events_total", "Times that the service left the region.", MetricType::Counter);
  ForEachRegion(status, [&](const ServiceStatus& service, const ServiceRegionStatus& region, size_t) {
    for (const auto& [cause, count] : region.failover.events) {
      Labels labels = RegionLabels(service, region);
      labels.push_back({"cause", cause});
      Page::AddTo(events, std::move(labels), static_cast<double>(count));
    }
  });
  for (const FailoverCounter& counter : kFailoverCounters) {
    MetricFamily& family = page.Add(counter.name, counter.help, MetricType::Counter);
    ForEachRegion(status, [&](const ServiceStatus& service, const ServiceRegionStatus& region, size_t) {
      Page::AddTo(family, RegionLabels(service, region), static_cast<double>(region.failover.*counter.count));
    });
  }
  MetricFamily& durations = page.Add(
      "meridian_failover_duration_seconds",
      "From the first bad outcome until the region was left and the last error reached a client, whichever was later.",
      MetricType::Histogram);
  ForEachRegion(status, [&](const ServiceStatus& service, const ServiceRegionStatus& region, size_t) {
    if (region.failover.durations.empty()) return;
    ClientMetric& metric = durations.metric.emplace_back();
    metric.label = RegionLabels(service, region);
    for (const auto& [bound, count] : region.failover.durations) {
      metric.histogram.sample_count += count;
      metric.histogram.bucket.push_back({metric.histogram.sample_count, bound});
    }
    metric.histogram.sample_sum = region.failover.duration_sum_s;
  });
  MetricFamily& objectives =
      page.Add("meridian_failover_objective_seconds",
               "The longest that a failover of the service may take; absent: no objective.", MetricType::Gauge);
  for (const ServiceStatus& service : status.services) {
    Page::AddTo(objectives, {{"service", service.name}}, service.failover.objective_s);
  }
  MetricFamily& worst_cases = page.Add(
      "meridian_failover_worst_case_seconds",
      "The longest until the service leaves a region that fails in this way, by its configuration.", MetricType::Gauge);
  for (const ServiceStatus& service : status.services) {
    for (const WorstCaseStatus& worst : service.failover.worst_cases) {
      Page::AddTo(worst_cases, {{"service", service.name}, {"kind", worst.kind}}, worst.seconds);
    }
  }
}

double UpValue(Serving serving) {
  if (serving == Serving::kUnknown) return std::numeric_limits<double>::quiet_NaN();
  return serving == Serving::kUp ? 1 : 0;
}

void AddOrigins(Page& page, const Status& status) {
  std::vector<std::pair<Labels, const OriginStatus*>> origins;
  ForEachRegion(status, [&](const ServiceStatus& service, const ServiceRegionStatus& region, size_t) {
    for (const OriginStatus& origin : region.origins) {
      origins.emplace_back(RegionLabels(service, region), &origin);
      origins.back().first.push_back({"origin", origin.url});
    }
  });

  MetricFamily& up =
      page.Add("meridian_origin_up", "What probes say: 1 up, 0 down; absent: not known yet.", MetricType::Gauge);
  for (const auto& [labels, origin] : origins) Page::AddTo(up, labels, UpValue(origin->serving));

  MetricFamily& rtt =
      page.Add("meridian_origin_rtt_seconds", "Smoothed time of a probe; absent: not measured.", MetricType::Gauge);
  for (const auto& [labels, origin] : origins) Page::AddTo(rtt, labels, origin->rtt_ms / 1e3);

  MetricFamily& probes = page.Add("meridian_probes_total", "Probes by result.", MetricType::Counter);
  for (const auto& [labels, origin] : origins) {
    Labels ok = labels;
    ok.push_back({"result", "ok"});
    Page::AddTo(probes, std::move(ok), static_cast<double>(origin->probes_ok));
    Labels failed = labels;
    failed.push_back({"result", "failed"});
    Page::AddTo(probes, std::move(failed), static_cast<double>(origin->probes_failed));
  }
}

void AddCertificates(Page& page, const Status& status) {
  MetricFamily& expiry = page.Add("meridian_certificate_expiry_timestamp_seconds",
                                  "When the certificate in this file ends, in seconds since 1970.", MetricType::Gauge);
  for (const CertificateStatus& certificate : status.certificates) {
    Page::AddTo(expiry, {{"certificate", certificate.file}}, static_cast<double>(certificate.expires_unix_s));
  }
  if (status.certificates.empty()) return;
  MetricFamily& reloads =
      page.Add("meridian_certificate_reloads_total",
               "Times that changed files of a listener were read; failed: what was before stays.", MetricType::Counter);
  Page::AddTo(reloads, {{"result", "ok"}}, static_cast<double>(status.certificate_reloads));
  Page::AddTo(reloads, {{"result", "failed"}}, static_cast<double>(status.certificate_reloads_failed));
}

void AddOcsp(Page& page, const Status& status) {
  if (status.ocsp.empty()) return;
  MetricFamily& expiry = page.Add("meridian_ocsp_expiry_timestamp_seconds",
                                  "When the OCSP response that was last read from this file ends, in seconds since "
                                  "1970.",
                                  MetricType::Gauge);
  for (const OcspStatus& response : status.ocsp) {
    Page::AddTo(expiry, {{"file", response.file}}, static_cast<double>(response.expires_unix_s));
  }
  MetricFamily& reloads =
      page.Add("meridian_ocsp_reloads_total",
               "Times that a changed OCSP response was read; failed: what was before stays, as long "
               "as it is good.",
               MetricType::Counter);
  Page::AddTo(reloads, {{"result", "ok"}}, static_cast<double>(status.ocsp_reloads));
  Page::AddTo(reloads, {{"result", "failed"}}, static_cast<double>(status.ocsp_reloads_failed));
}

void AddProcess(Page& page, const Status& status) {
  page.AddGauge("meridian_ready", "1 if this edge takes traffic.", status.ready ? 1 : 0);
  page.AddCounter("meridian_admin_connections_replaced_total",
                  "Connections to the admin endpoint closed for another one, since there were too many.",
                  status.admin_connections_replaced);
  page.AddGauge("meridian_draining", "1 while this edge finishes its last requests.", status.draining ? 1 : 0);
  page.AddGauge("meridian_uptime_seconds", "Time since the start.", status.uptime_s);
  page.AddGauge("meridian_workers", "Worker threads.", status.workers);
  page.AddCounter("meridian_dns_failures_total", "Names of origins that did not resolve; the last good answer stays.",
                  status.dns_failures);
  page.AddGauge("meridian_snapshot_version", "Version of the world that steering reads.",
                static_cast<double>(status.snapshot));
  Page::AddTo(page.Add("meridian_build_info", "Always 1; the version is in the label.", MetricType::Gauge),
              {{"version", status.version}}, 1);
}

}  // namespace

std::string RenderMetrics(const Status& status, const std::vector<const WorkerStats*>& workers,
                          uint64_t access_log_write_errors) {
  Page page;
  AddProcess(page, status);
  AddCertificates(page, status);
  AddOcsp(page, status);
  AddRoutes(page, status, workers);
  AddArms(page, status, workers);
  AddRegionCells(page, status, workers);
  AddBreakers(page, status);
  AddRegionStates(page, status);
  AddFailovers(page, status);
  AddOrigins(page, status);
  AddWorkerTotals(page, workers, access_log_write_errors);
  return page.Serialize();
}

}  // namespace meridian
