#include "telemetry/prometheus_bridge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <set>
#include <sstream>

#include "telemetry/descriptors.h"

namespace meridian {
namespace {

using ::meridian::testing::Folder;
using ::meridian::testing::ReadFile;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

// Two services, three service regions, two routes; the cells under test are the last ones of each.
Status SomeWorld() {
  Status status;
  status.version = "0.1.0";
  status.uptime_s = 12.5;
  status.dns_failures = 21;
  status.certificates = {{"/etc/edge/shop.pem", 1'800'000'000}};
  status.certificate_reloads = 3;
  status.certificate_reloads_failed = 1;
  status.ocsp = {{"/etc/edge/shop.ocsp", 1'700'000'000}};
  status.ocsp_reloads = 2;
  status.ocsp_reloads_failed = 4;
  status.snapshot = 17;
  status.workers = 2;
  status.ready = true;
  status.regions = {{"eu", 1, 1}, {"us", 0.5, 1}};
  OriginStatus origin;
  origin.url = "http://192.0.2.1:80";
  origin.rtt_ms = 12;
  origin.probes_ok = 5;
  origin.probes_failed = 2;
  ServiceRegionStatus eu;
  eu.region = "eu";
  eu.rtt_ms = 12;
  eu.first_share = 0.75;
  eu.openings = 3;
  eu.origins = {origin};
  ServiceRegionStatus us = eu;
  us.region = "us";
  us.rtt_ms = kUnknown;
  us.breaker = BreakerState::kRamp;
  us.share = 0.05;
  status.services = {{"shop", {eu}, {}}, {"cart", {eu, us}, {}}};
  RouteStatus all, api;
  all.name = "all";
  all.split = {{"shop", 1, 1}};
  api.name = "api";
  api.split = {{"shop", 99, 0.99}, {"cart", 1, 0.01}};
  status.routes = {all, api};
  return status;
}

class Scrape : public ::testing::Test {
 protected:
  std::string Render() const { return RenderMetrics(status, {&first, &second}, write_errors); }

  // The lines that a change of the cells brings.
  std::set<std::string> Changes(const std::string& before) const {
    const std::set<std::string> old = Lines(before);
    std::set<std::string> fresh = Lines(Render());
    for (const std::string& line : old) fresh.erase(line);
    return fresh;
  }
  static std::set<std::string> Lines(const std::string& text) {
    std::istringstream in(text);
    std::set<std::string> lines;
    for (std::string line; std::getline(in, line);) lines.insert(line);
    return lines;
  }

  struct Expectation {
    Cell* cell;
    std::string line;
  };
  // Adds 1 to each cell in turn and looks for the line. Both sides name every cell once.
  void CheckEach(const std::vector<Expectation>& expectations) {
    for (const auto& [cell, line] : expectations) {
      const std::string before = Render();
      cell->Add();
      EXPECT_THAT(Changes(before), Contains(line));
    }
  }

  Status status = SomeWorld();
  WorkerStats first{3, 2, 3}, second{3, 2, 3};
  uint64_t write_errors = 0;
};

TEST_F(Scrape, ShowsEveryCellOfAWorker) {
  WorkerStats& w = second;
  w.client_connections_opened.Add(9);  // so that a closed one shows in the gauge
  w.origin_connections_opened.Add(9);
  const std::vector<Expectation> cells = {
      {&w.client_connections_opened, "meridian_client_connections_opened_total 10"},
      {&w.client_connections_closed, "meridian_client_connections 9"},
      {&w.client_tls_handshakes, "meridian_client_tls_handshakes_total 1"},
      {&w.client_tls_resumed, "meridian_client_tls_resumed_total 1"},
      {&w.client_tls_stapled, "meridian_client_tls_stapled_total 1"},
      {&w.client_tls_failures, "meridian_client_tls_failures_total 1"},
      {&w.client_certificates_refused, "meridian_client_certificates_refused_total 1"},
      {&w.client_protocol_errors, "meridian_client_protocol_errors_total 1"},
      {&w.accept_paused, "meridian_accept_paused_total 1"},
      {&w.connections_refused, "meridian_limit_total{limit=\"connections\"} 1"},
      {&w.limit_client_connections, "meridian_limit_total{limit=\"client_connections\"} 1"},
      {&w.limit_body_rate, "meridian_limit_total{limit=\"body_rate\"} 1"},
      {&w.limit_client_stalls, "meridian_limit_total{limit=\"client_stalls\"} 1"},
      {&w.limit_memory_requests, "meridian_limit_total{limit=\"memory_requests\"} 1"},
      {&w.limit_memory_keep_alive, "meridian_limit_total{limit=\"memory_keep_alive\"} 1"},
      {&w.limit_memory_connections, "meridian_limit_total{limit=\"memory_connections\"} 1"},
      {&w.buffer_bytes, "meridian_buffer_bytes 1"},
      {&w.overload_level, "meridian_overload_level 1"},
      {&w.limit_proxy_headers, "meridian_limit_total{limit=\"proxy_headers\"} 1"},
      {&w.limit_handshakes, "meridian_limit_total{limit=\"handshakes\"} 1"},
      {&w.limit_handshake_time, "meridian_limit_total{limit=\"handshake_time\"} 1"},
      {&w.limit_requests, "meridian_limit_total{limit=\"requests\"} 1"},
      {&w.misdirected_requests, "meridian_misdirected_requests_total 1"},
      {&w.unmatched_requests, "meridian_unmatched_requests_total 1"},
      {&w.bytes_from_clients, "meridian_client_received_bytes_total 1"},
      {&w.bytes_to_clients, "meridian_client_sent_bytes_total 1"},
      {&w.origin_connections_opened, "meridian_origin_connections_opened_total 10"},
      {&w.origin_connections_closed, "meridian_origin_connections 9"},
      {&w.origin_connections_reused, "meridian_origin_connections_reused_total 1"},
      {&w.origin_address_failures, "meridian_origin_address_failures_total 1"},
      {&w.origin_address_left, "meridian_origin_address_left_total 1"},
      {&w.access_log_dropped, "meridian_access_log_dropped_total{reason=\"queue\"} 1"},
      {&w.retry_budget_exhausted, "meridian_retry_budget_exhausted_total 1"},
      {&w.replay_abandoned_length, "meridian_replay_abandoned_total{reason=\"length\"} 1"},
      {&w.replay_abandoned_memory, "meridian_replay_abandoned_total{reason=\"memory\"} 1"},
      {&w.replay_refused, "meridian_replay_refused_total 1"},
      {&w.limit_header_bytes, "meridian_limit_total{limit=\"header_bytes\"} 1"},
      {&w.limit_expressions, "meridian_limit_total{limit=\"expressions\"} 1"},
      {&w.limit_underscores, "meridian_limit_total{limit=\"underscores\"} 1"},
      {&w.limit_target_bytes, "meridian_limit_total{limit=\"target_bytes\"} 1"},
      {&w.limit_hops, "meridian_limit_total{limit=\"hops\"} 1"},
      {&w.limit_resets, "meridian_limit_total{limit=\"resets\"} 1"},
      {&w.limit_streams, "meridian_limit_total{limit=\"streams\"} 1"},
      {&w.limit_timeouts, "meridian_limit_total{limit=\"timeouts\"} 1"},
      {&w.early_hints, "meridian_early_hints_total 1"},
      {&w.refused_paths, "meridian_refused_paths_total 1"},
      {&w.impossible_events, "meridian_impossible_events_total 1"},
  };
  constexpr size_t kVectors = sizeof(w.regions) + sizeof(w.routes) + sizeof(w.arms);
  // As many as there are before the vectors: a new cell? export it.
  constexpr size_t kCells = offsetof(WorkerStats, regions) / sizeof(Cell);
  static_assert(sizeof(WorkerStats) == (kCells * sizeof(Cell) + kVectors + 63) / 64 * 64, "a cell behind them?");
  ASSERT_EQ(cells.size(), kCells);
  CheckEach(cells);
}

TEST_F(Scrape, ShowsEveryCellOfARoute) {
  RouteCells& r = second.routes[1];
  std::vector<Expectation> cells = {
      {&r.requests, "meridian_requests_total{route=\"api\"} 1"},
      {&r.failovers, "meridian_failovers_total{route=\"api\"} 1"},
      {&r.saved, "meridian_requests_saved_total{route=\"api\"} 1"},
      {&r.lost, "meridian_requests_lost_total{route=\"api\"} 1"},
      {&r.fail_open, "meridian_fail_open_total{route=\"api\"} 1"},
      {&r.silence_moved, "meridian_silence_moved_total{route=\"api\"} 1"},
      {&r.resumes_done, "meridian_resumes_total{route=\"api\",result=\"resumed\"} 1"},
      {&r.resumes_refused, "meridian_resumes_total{route=\"api\",result=\"refused\"} 1"},
      {&r.resumes_failed, "meridian_resumes_total{route=\"api\",result=\"failed\"} 1"},
      {&r.hedges, "meridian_hedges_total{route=\"api\"} 1"},
      {&r.hedges_won, "meridian_hedges_won_total{route=\"api\"} 1"},
      {&r.duration.sum_us, "meridian_request_duration_seconds_sum{route=\"api\"} 1e-06"},
  };
  const char* classes[] = {"none", "1xx", "2xx", "3xx", "4xx", "5xx"};
  for (size_t c = 0; c < 6; ++c) {
    cells.push_back({&r.responses_by_class[c],
                     "meridian_responses_total{route=\"api\",class=\"" + std::string(classes[c]) + "\"} 1"});
  }
  for (size_t i = 0; i < r.duration.buckets.size(); ++i) {
    cells.push_back(
        {&r.duration.buckets[i], "meridian_request_duration_seconds_count{route=\"api\"} " + std::to_string(i + 1)});
  }
  ASSERT_EQ(cells.size(), sizeof(RouteCells) / sizeof(Cell)) << "a new cell? export it";
  CheckEach(cells);
}

TEST_F(Scrape, ShowsEveryCellOfAnArm) {
  ArmCells& arm = second.arms[2];  // the second one of the second route
  const std::string labels = "{route=\"api\",service=\"cart\"} 1";
  const std::vector<Expectation> cells = {
      {&arm.without_region, "meridian_arm_without_region_total" + labels},
      {&arm.moved, "meridian_arm_moved_total" + labels},
  };
  ASSERT_EQ(cells.size(), sizeof(ArmCells) / sizeof(Cell)) << "a new cell? export it";
  CheckEach(cells);
}

TEST_F(Scrape, ShowsEveryCellOfARegionOfAService) {
  RegionCells& r = second.regions[2];
  const std::string labels = "{service=\"cart\",region=\"us\"";
  std::vector<Expectation> cells = {
      {&r.attempts, "meridian_attempts_total" + labels + "} 1"},
      {&r.first_attempts, "meridian_first_attempts_total" + labels + "} 1"},
      {&r.failover_statuses, "meridian_failover_statuses_total" + labels + "} 1"},
      {&r.trials, "meridian_trials_total" + labels + "} 1"},
      {&r.drill_touched, "meridian_drill_touched_requests_total" + labels + "} 1"},
      {&r.drill_saved, "meridian_drill_saved_requests_total" + labels + "} 1"},
      {&r.drill_lost, "meridian_drill_lost_requests_total" + labels + "} 1"},
      {&r.drill_gone, "meridian_drill_gone_requests_total" + labels + "} 1"},
      {&r.head_time.sum_us, "meridian_attempt_head_seconds_sum" + labels + "} 1e-06"},
  };
  for (size_t code = 0; code < kErrorCodes; ++code) {
    const std::string error(Name(static_cast<ErrorCode>(code)));
    cells.push_back(
        {&r.failures_by_error[code], "meridian_attempt_failures_total" + labels + ",error=\"" + error + "\"} 1"});
  }
  for (size_t i = 0; i < r.head_time.buckets.size(); ++i) {
    cells.push_back(
        {&r.head_time.buckets[i], "meridian_attempt_head_seconds_count" + labels + "} " + std::to_string(i + 1)});
  }
  ASSERT_EQ(cells.size(), sizeof(RegionCells) / sizeof(Cell)) << "a new cell? export it";
  CheckEach(cells);
}

TEST_F(Scrape, AddsUpTheWorkers) {
  first.routes[0].requests.Add(40);
  second.routes[0].requests.Add(2);
  EXPECT_THAT(Render(), HasSubstr("meridian_requests_total{route=\"all\"} 42\n"));
}

TEST_F(Scrape, ConnectionsNeverLookNegative) {
  first.client_connections_closed.Add();  // read while another connection came and went
  EXPECT_THAT(Render(), HasSubstr("meridian_client_connections 0\n"));
}

TEST_F(Scrape, TimesFallIntoTheBucketTheyAreNotAbove) {
  LatencyCells& duration = first.routes[0].duration;
  duration.Add(500us);
  duration.Add(500'001ns);
  duration.Add(2500us);
  duration.Add(31s);
  duration.Add(-1s);  // a clock's slip, not a time
  const std::string text = Render();
  const std::string bucket = "meridian_request_duration_seconds_bucket{route=\"all\",le=";
  EXPECT_THAT(text, HasSubstr(bucket + "\"0.0005\"} 2\n"));
  EXPECT_THAT(text, HasSubstr(bucket + "\"0.001\"} 3\n"));
  EXPECT_THAT(text, HasSubstr(bucket + "\"0.0025\"} 4\n"));
  EXPECT_THAT(text, HasSubstr(bucket + "\"30\"} 4\n"));
  EXPECT_THAT(text, HasSubstr(bucket + "\"+Inf\"} 5\n"));
  EXPECT_THAT(text, HasSubstr("meridian_request_duration_seconds_count{route=\"all\"} 5\n"));
  EXPECT_THAT(text, HasSubstr("meridian_request_duration_seconds_sum{route=\"all\"} 31.0035"));
}

TEST_F(Scrape, ShowsWhatTheControlThreadKnows) {
  status.services[1].regions[1].origins[0].serving = Serving::kDown;
  status.services[1].regions[0].origins[0].serving = Serving::kUp;
  write_errors = 7;
  const std::string text = Render();
  for (const char* line : {
           "meridian_ready 1",
           "meridian_draining 0",
           "meridian_uptime_seconds 12.5",
           "meridian_workers 2",
           "meridian_snapshot_version 17",
           "meridian_dns_failures_total 21",
           "meridian_certificate_expiry_timestamp_seconds{certificate=\"/etc/edge/shop.pem\"} 1800000000",
           "meridian_certificate_reloads_total{result=\"ok\"} 3",
           "meridian_certificate_reloads_total{result=\"failed\"} 1",
           "meridian_ocsp_expiry_timestamp_seconds{file=\"/etc/edge/shop.ocsp\"} 1700000000",
           "meridian_ocsp_reloads_total{result=\"ok\"} 2",
           "meridian_ocsp_reloads_total{result=\"failed\"} 4",
           "meridian_build_info{version=\"0.1.0\"} 1",
           "meridian_weight{route=\"api\",service=\"shop\"} 99",
           "meridian_region_share{service=\"cart\",region=\"eu\"} 0.75",
           "meridian_breaker_share{service=\"cart\",region=\"eu\"} 1",
           "meridian_breaker_state{service=\"cart\",region=\"us\",state=\"ramp\"} 1",
           "meridian_breaker_state{service=\"cart\",region=\"us\",state=\"closed\"} 0",
           "meridian_breaker_openings_total{service=\"cart\",region=\"us\"} 3",
           "meridian_region_rtt_seconds{service=\"cart\",region=\"eu\"} 0.012",
           "meridian_region_dial{region=\"us\"} 0.5",
           "meridian_origin_up{service=\"cart\",region=\"us\",origin=\"http://192.0.2.1:80\"} 0",
           "meridian_origin_up{service=\"cart\",region=\"eu\",origin=\"http://192.0.2.1:80\"} 1",
           "meridian_probes_total{service=\"cart\",region=\"us\",origin=\"http://192.0.2.1:80\",result=\"ok\"} 5",
           "meridian_probes_total{service=\"cart\",region=\"us\",origin=\"http://192.0.2.1:80\",result=\"failed\"} 2",
           "meridian_access_log_dropped_total{reason=\"write\"} 7",
           "meridian_event_log_dropped_total ",
       }) {
    EXPECT_THAT(text, HasSubstr("\n" + std::string(line)));
  }
}

void ExpectPromtoolClean(const std::string& metrics) {
  if (std::system("command -v promtool >/dev/null 2>&1") != 0) {
    GTEST_SKIP() << "promtool is not installed (Debian package: prometheus)";
  }
  const Folder folder;
  std::ofstream(folder.File("metrics")) << metrics;
  const std::string command = "promtool check metrics <" + folder.File("metrics") + " >" + folder.File("out") + " 2>&1";
  const int status = std::system(command.c_str());
  EXPECT_EQ(status, 0) << ReadFile(folder.File("out")) << metrics;
  EXPECT_EQ(ReadFile(folder.File("out")), "");
}

TEST_F(Scrape, ShowsWhatWasPromisedAndHowItWent) {
  status.services[0].failover.objective_s = 6;
  status.services[0].failover.worst_cases = {{"black_hole", 3.6, 3.6, 2.1, "", "health.timeout"}};
  FailoverCounts& counts = status.services[1].regions[1].failover;
  counts.events = {{"probes", 2}, {"rate", 0}};
  counts.durations = {{0.5, 1}, {1, 2}, {std::numeric_limits<double>::infinity(), 3}};
  counts.duration_sum_s = 40.5;
  counts.missed = 1;
  counts.saved = 70;
  counts.lost = 5;
  const std::string text = Render();
  for (const char* line : {
           "meridian_failover_objective_seconds{service=\"shop\"} 6\n",
           "meridian_failover_worst_case_seconds{service=\"shop\",kind=\"black_hole\"} 3.6\n",
           "meridian_failover_events_total{service=\"cart\",region=\"us\",cause=\"probes\"} 2\n",
           "meridian_failover_events_total{service=\"cart\",region=\"us\",cause=\"rate\"} 0\n",
           "meridian_failover_saved_requests_total{service=\"cart\",region=\"us\"} 70\n",
           "meridian_failover_lost_requests_total{service=\"cart\",region=\"us\"} 5\n",
           "meridian_failover_objective_missed_total{service=\"cart\",region=\"us\"} 1\n",
           "meridian_failover_duration_seconds_bucket{service=\"cart\",region=\"us\",le=\"0.5\"} 1\n",
           "meridian_failover_duration_seconds_bucket{service=\"cart\",region=\"us\",le=\"1\"} 3\n",
           "meridian_failover_duration_seconds_bucket{service=\"cart\",region=\"us\",le=\"+Inf\"} 6\n",
           "meridian_failover_duration_seconds_count{service=\"cart\",region=\"us\"} 6\n",
           "meridian_failover_duration_seconds_sum{service=\"cart\",region=\"us\"} 40.5\n",
       }) {
    EXPECT_THAT(text, HasSubstr("\n" + std::string(line)));
  }
  EXPECT_THAT(text, Not(HasSubstr("meridian_failover_objective_seconds{service=\"cart\"}"))) << "it promised nothing";
  ExpectPromtoolClean(text);
}

TEST_F(Scrape, LeavesOutWhatIsNotKnown) {
  const std::string text = Render();
  EXPECT_THAT(text, Not(HasSubstr("meridian_region_rtt_seconds{service=\"cart\",region=\"us\"}")));
  EXPECT_THAT(text, Not(HasSubstr("meridian_origin_up{")));  // nothing was probed yet
  EXPECT_THAT(text, Not(HasSubstr("error=\"none\"")));
  EXPECT_THAT(text, Not(HasSubstr("nan")));
  EXPECT_THAT(text, Not(HasSubstr("Nan")));
}

TEST_F(Scrape, PromtoolHasNothingToSay) {
  status.services[1].regions[1].origins[0].serving = Serving::kDown;
  first.routes[0].duration.Add(3ms);
  ExpectPromtoolClean(Render());
}

TEST_F(Scrape, PromtoolHasNothingToSayAboutAnEmptyWorld) { ExpectPromtoolClean(RenderMetrics(Status{}, {}, 0)); }

TEST_F(Scrape, NamesWithQuotesStayInsideTheirLabel) {
  status.version = "1\"\n\\";
  const std::string text = Render();
  EXPECT_THAT(text, HasSubstr(R"(meridian_build_info{version="1\"\n\\"} 1)"));
  ExpectPromtoolClean(text);
}

}  // namespace
}  // namespace meridian
