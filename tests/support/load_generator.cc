#include "support/load_generator.h"

#include <algorithm>
#include <cmath>
#include <sstream>

namespace meridian::testing {
namespace {

double MillisSince(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

}  // namespace

LoadGenerator::LoadGenerator(LoadOptions options) : options_(std::move(options)) {
  for (int i = 0; i < options_.connections; ++i) threads_.emplace_back([this] { RunConnection(); });
}

LoadGenerator::~LoadGenerator() { Stop(); }

double LoadGenerator::ElapsedMs() const { return MillisSince(start_); }

void LoadGenerator::RunConnection() {
  Http1Client client(options_.port, options_.tls, options_.host);
  std::vector<LoadSample> mine;
  while (!stopping_) {
    const uint64_t number = next_++;
    if (number >= options_.most) break;
    const auto due = start_ + std::chrono::duration_cast<Clock::duration>(
                                  std::chrono::duration<double>(static_cast<double>(number) / options_.rate));
    std::this_thread::sleep_until(due);
    if (stopping_) break;
    mine.push_back(RunOne(&client, number));
  }
  const std::lock_guard lock(mutex_);
  samples_.insert(samples_.end(), mine.begin(), mine.end());
}

LoadSample LoadGenerator::RunOne(Http1Client* client, uint64_t number) {
  LoadSample sample;
  sample.at_ms = static_cast<double>(number) * 1000 / options_.rate;
  const HttpResponse response = client->Get(options_.target + "?n=" + std::to_string(number), options_.timeout);
  sample.latency_ms = MillisSince(start_) - sample.at_ms;
  sample.status = response.complete ? response.status : 0;
  sample.region = response.headers.Get("x-region");
  sample.error = response.error;
  return sample;
}

std::vector<LoadSample> LoadGenerator::Stop() {
  stopping_ = true;
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  std::sort(samples_.begin(), samples_.end(), [](const auto& a, const auto& b) { return a.at_ms < b.at_ms; });
  return samples_;
}

std::vector<LoadSample> Failed(const std::vector<LoadSample>& samples) {
  std::vector<LoadSample> failed;
  for (const LoadSample& sample : samples) {
    if (sample.status < 200 || sample.status > 299) failed.push_back(sample);
  }
  return failed;
}

std::string Describe(const std::vector<LoadSample>& samples) {
  const std::vector<LoadSample> failed = Failed(samples);
  if (failed.empty()) return "none failed of " + std::to_string(samples.size());
  std::map<std::string, int> kinds;
  for (const LoadSample& sample : failed) {
    ++kinds[sample.status == 0 ? "no answer (" + sample.error + ")" : std::to_string(sample.status)];
  }
  std::ostringstream text;
  text << failed.size() << " of " << samples.size() << " failed:";
  for (const auto& [kind, count] : kinds) text << ' ' << count << "× " << kind << ',';
  text << " first at " << failed.front().at_ms << " ms";
  return text.str();
}

std::map<std::string, int> RegionCounts(const std::vector<LoadSample>& samples, double from_ms, double to_ms) {
  std::map<std::string, int> counts;
  for (const LoadSample& sample : samples) {
    if (sample.at_ms >= from_ms && sample.at_ms < to_ms) ++counts[sample.region];
  }
  return counts;
}

double LatencyQuantile(const std::vector<LoadSample>& samples, double quantile) {
  if (samples.empty()) return 0;
  std::vector<double> latencies;
  for (const LoadSample& sample : samples) latencies.push_back(sample.latency_ms);
  std::sort(latencies.begin(), latencies.end());
  const double rank = std::ceil(quantile * static_cast<double>(latencies.size()));
  return latencies[static_cast<size_t>(std::clamp(rank, 1.0, static_cast<double>(latencies.size()))) - 1];
}

}  // namespace meridian::testing
