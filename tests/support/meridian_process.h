// The real binary, run as an operator runs it: config file, event log, admin endpoint, signals.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "support/edge_config.h"
#include "support/http1.h"
#include "support/process.h"
#include "support/temp_dir.h"

namespace meridian::testing {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;  // memory and speed mean nothing then
#else
inline constexpr bool kSanitized = false;
#endif

class MeridianProcess {
 public:
  // Starts `binary run -c FILE` and waits until /readyz says 200. Throws HarnessError with the event log if it does
  // not within the limit.
  MeridianProcess(const std::string& binary, const EdgeConfig& config, Millis ready_limit = 10s);
  // Drains it with TERM if the test has not stopped it; an exit code other than 0 fails the test.
  ~MeridianProcess();

  uint16_t port(size_t listener = 0) const { return ports_.at(listener); }
  uint16_t admin_port() const { return admin_port_; }
  std::string url(const std::string& path = "/", size_t listener = 0) const;
  Process& process() { return *process_; }

  // TERM, then waits. The exit code, or nothing when it still runs at the limit (then it is killed).
  std::optional<int> Stop(Millis limit = 10s);
  // The test has ended the process in its own way and has judged the exit code: the destructor says nothing about it.
  void Ended() { stopped_ = true; }

  // The admin endpoint. `headers` beside Host.
  HttpResponse Admin(const std::string& method, const std::string& path, const Headers& headers = {},
                     const std::string& body = "") const;
  nlohmann::json Status() const;  // GET /v1/status
  std::string Metrics() const;
  // The sum over all series whose line starts with `name` and contains each of `labels`.
  double MetricSum(const std::string& name, const std::vector<std::string>& labels = {}) const;
  // Sets a route's weights with the current ETag; the final answer.
  HttpResponse SetWeights(const std::string& route, const nlohmann::json& weights) const;
  // True when every origin of `service` has been measured by a probe and is serving.
  bool AllServing(const std::string& service = "shop") const;
  // What `/v1/status` says about one region of a service; null if there is none.
  nlohmann::json RegionStatus(const std::string& region, const std::string& service = "shop") const;

  // Complete lines of the access log so far; a line that is not JSON fails the test.
  std::vector<nlohmann::json> AccessLog() const;
  // Waits for `count` lines that `matches` accepts (the log is written with a delay of up to 100 ms).
  std::vector<nlohmann::json> WaitForAccessLog(size_t count, bool (*matches)(const nlohmann::json&) = nullptr) const;
  std::vector<nlohmann::json> Events() const;
  std::string EventText() const { return process_->Err(); }

 private:
  bool ReadPorts(size_t listeners);

  TempDir dir_;
  std::string access_log_;
  std::optional<Process> process_;
  std::vector<uint16_t> ports_;
  uint16_t admin_port_ = 0;
  bool stopped_ = false;
};

}  // namespace meridian::testing
