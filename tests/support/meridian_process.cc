#include "support/meridian_process.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <cstdlib>

#include "support/harness_error.h"

namespace meridian::testing {
namespace {

using nlohmann::json;

uint16_t PortOf(const std::string& address) {
  return static_cast<uint16_t>(std::atoi(address.substr(address.rfind(':') + 1).c_str()));
}

std::vector<json> JsonLines(const std::string& text, bool strict) {
  std::vector<json> records;
  for (const std::string& line : WholeLines(text)) {
    json record = json::parse(line, nullptr, false);
    if (!record.is_discarded()) {
      records.push_back(std::move(record));
    } else if (strict) {
      ADD_FAILURE() << "not a line of JSON: " << line;
    }
  }
  return records;
}

}  // namespace

MeridianProcess::MeridianProcess(const std::string& binary, const EdgeConfig& config, Millis ready_limit)
    : access_log_(dir_.File("access.log")) {
  const std::string file = dir_.File("edge.yaml");
  WriteFile(file, config.Yaml(access_log_));
  std::vector<std::string> argv = {binary, "run", "-c", file};
  argv.insert(argv.end(), config.flags.begin(), config.flags.end());
  process_.emplace(dir_, "meridian", ProcessOptions{.argv = argv});
  const bool ready = Eventually(
      [&] {
        if (!process_->Running()) return true;
        return ReadPorts(config.listeners.size()) && Admin("GET", "/readyz").status == 200;
      },
      ready_limit);
  if (!process_->Running()) {
    throw HarnessError("meridian ended at once with exit code " + std::to_string(process_->Wait(0ms).value_or(-1)) +
                       ":\n" + process_->Out() + process_->Err() + "\nconfig:\n" + ReadFile(file));
  }
  if (!ready) throw HarnessError("meridian is not ready in time:\n" + process_->Err());
}

MeridianProcess::~MeridianProcess() {
  if (stopped_) return;
  if (!process_->Running()) {
    ADD_FAILURE() << "meridian ended by itself with exit code " << process_->Wait(0ms).value_or(-1) << ":\n"
                  << process_->Err();
    return;
  }
  const std::optional<int> code = Stop();
  EXPECT_TRUE(code == 0) << "after TERM meridian "
                         << (code ? "ended with exit code " + std::to_string(*code) : "did not end within 10 s")
                         << ":\n"
                         << process_->Err();
}

bool MeridianProcess::ReadPorts(size_t listeners) {
  ports_.clear();
  admin_port_ = 0;
  for (const json& event : Events()) {
    const std::string name = event.value("event", "");
    if (name == "listening") ports_.push_back(PortOf(event.value("address", "")));
    if (name == "admin_listening") admin_port_ = PortOf(event.value("address", ""));
  }
  return ports_.size() >= listeners && admin_port_ != 0;
}

std::string MeridianProcess::url(const std::string& path, size_t listener) const {
  return "http://127.0.0.1:" + std::to_string(port(listener)) + path;
}

std::optional<int> MeridianProcess::Stop(Millis limit) {
  stopped_ = true;
  process_->Signal(SIGTERM);
  const std::optional<int> code = process_->Wait(limit);
  if (!code) {
    process_->Signal(SIGKILL);
    process_->Wait(5s);
  }
  return code;
}

HttpResponse MeridianProcess::Admin(const std::string& method, const std::string& path, const Headers& headers,
                                    const std::string& body) const {
  Http1Client client(admin_port_, nullptr, "127.0.0.1:" + std::to_string(admin_port_));
  return client.Do({.method = method, .target = path, .headers = headers, .body = body}, 5s);
}

json MeridianProcess::Status() const { return json::parse(Admin("GET", "/v1/status").body, nullptr, false); }

std::string MeridianProcess::Metrics() const { return Admin("GET", "/metrics").body; }

double MeridianProcess::MetricSum(const std::string& name, const std::vector<std::string>& labels) const {
  double sum = 0;
  for (const std::string& line : Lines(Metrics())) {
    const bool named = line.starts_with(name + "{") || line.starts_with(name + " ");
    bool labelled = true;
    for (const std::string& label : labels) labelled = labelled && line.find(label) != std::string::npos;
    if (named && labelled) sum += std::strtod(line.c_str() + line.rfind(' '), nullptr);
  }
  return sum;
}

HttpResponse MeridianProcess::SetWeights(const std::string& route, const json& weights) const {
  const std::string path = "/v1/routes/" + route + "/weights";
  const std::string etag = Admin("GET", path).headers.Get("etag");
  return Admin("PATCH", path, {{"if-match", etag}, {"content-type", "application/json"}},
               json{{"weights", weights}}.dump());
}

json MeridianProcess::RegionStatus(const std::string& region, const std::string& service) const {
  const json::json_pointer place("/services/" + service + "/regions/" + region);
  const json status = Status();
  return status.contains(place) ? status.at(place) : json();
}

bool MeridianProcess::AllServing(const std::string& service) const {
  const json::json_pointer place("/services/" + service + "/regions");
  const json status = Status();
  if (!status.contains(place)) return false;
  for (const json& region : status.at(place)) {
    for (const json& origin : region.at("origins")) {
      if (origin.value("serving", "") != "up") return false;
    }
  }
  return true;
}

std::vector<json> MeridianProcess::AccessLog() const { return JsonLines(ReadFile(access_log_), true); }

std::vector<json> MeridianProcess::WaitForAccessLog(size_t count, bool (*matches)(const json&)) const {
  std::vector<json> found;
  Eventually(
      [&] {
        found.clear();
        for (json& record : AccessLog()) {
          if (!matches || matches(record)) found.push_back(std::move(record));
        }
        return found.size() >= count;
      },
      3s, 20ms);
  return found;
}

std::vector<json> MeridianProcess::Events() const { return JsonLines(process_->Err(), false); }

}  // namespace meridian::testing
