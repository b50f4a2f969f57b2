// A steady stream of GETs that does not slow down when the server does: request k is due at start + k/rate, and its
// latency counts from then, so that a stall is seen by every request that fell into it. HTTP/1.1 on keep-alive
// connections, one thread each; runs beside the test until Stop().
#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "support/http1.h"

namespace meridian::testing {

struct LoadOptions {
  uint16_t port = 0;
  const TlsClientContext* tls = nullptr;
  std::string host = "shop.example";
  std::string target = "/api/item";
  double rate = 500;       // requests per second, over all connections
  int connections = 48;    // also the most requests in flight
  uint64_t most = 20'000;  // requests, then it stops by itself
  Millis timeout = 10s;    // per request
};

struct LoadSample {
  double at_ms = 0;       // when the request was due, since the start
  double latency_ms = 0;  // from then until the whole answer
  int status = 0;         // 0: no complete answer
  std::string region;     // the answer's x-region
  std::string error;
};

class LoadGenerator {
 public:
  explicit LoadGenerator(LoadOptions options);  // starts
  ~LoadGenerator();

  // Ends the stream and waits for the requests in flight. Samples in the order of their due time.
  std::vector<LoadSample> Stop();
  double ElapsedMs() const;

 private:
  void RunConnection();
  LoadSample RunOne(Http1Client* client, uint64_t number);

  const LoadOptions options_;
  const Clock::time_point start_ = Clock::now();
  std::atomic<uint64_t> next_ = 0;
  std::atomic<bool> stopping_ = false;
  std::mutex mutex_;
  std::vector<LoadSample> samples_;
  std::vector<std::thread> threads_;
};

// Views of a list of samples.
std::vector<LoadSample> Failed(const std::vector<LoadSample>& samples);  // without a complete 2xx answer
// "3 failed: 2× 503, 1× reset (first at 812 ms)", or "none failed of 1500".
std::string Describe(const std::vector<LoadSample>& samples);
std::map<std::string, int> RegionCounts(const std::vector<LoadSample>& samples, double from_ms = 0,
                                        double to_ms = 1e12);
double LatencyQuantile(const std::vector<LoadSample>& samples, double quantile);

}  // namespace meridian::testing
