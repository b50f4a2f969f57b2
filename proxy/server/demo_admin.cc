#include "server/demo_admin.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "net/address.h"

namespace meridian {
namespace {

using Json = nlohmann::json;

// The sum of all series of `metric` that carry `label`; Prometheus' text format.
uint64_t SumSeries(std::string_view page, std::string_view metric, std::string_view label) {
  uint64_t sum = 0;
  while (!page.empty()) {
    const size_t end = page.find('\n');
    const std::string_view line = page.substr(0, end);
    page.remove_prefix(end == std::string_view::npos ? page.size() : end + 1);
    if (!line.starts_with(metric) || line.find(label) == std::string_view::npos) continue;
    const std::string_view number = line.substr(line.rfind(' ') + 1);
    double value = 0;
    std::from_chars(number.data(), number.data() + number.size(), value);
    sum += static_cast<uint64_t>(value);
  }
  return sum;
}

uint64_t SumFailedAttempts(std::string_view page, size_t region) {
  return SumSeries(page, "meridian_attempt_failures_total{", fmt::format("region=\"{}\"", kDemoRegions[region].name));
}

bool IsDown(const Json& region) {
  for (const Json& origin : region["origins"]) {
    if (origin["serving"] != "down") return false;
  }
  return true;
}

std::string StateOf(const Json& region) {
  const double dial = region["dial"];
  const std::string breaker = region["breaker"];
  if (IsDown(region)) return "down";
  if (breaker == "ramp") return fmt::format("ramp {:.0f} %", region["share"].get<double>() * 100);
  if (breaker == "half_open") return "half-open";
  if (breaker == "open") return "open";
  return dial < 1 ? fmt::format("dial {:.0f} %", dial * 100) : "up";
}

DemoView ViewOf(const Json& status) {
  DemoView view;
  const Json& regions = status["services"][kDemoServices[0].name]["regions"];
  for (size_t i = 0; i < view.size(); ++i) {
    const Json& region = regions[kDemoRegions[i].name];
    view[i].state = StateOf(region);
    view[i].rtt_ms = region["rtt_ms"].is_number() ? region["rtt_ms"].get<double>() : std::nan("");
  }
  return view;
}

}  // namespace

DemoAdmin::DemoAdmin(DemoStage& stage, const Endpoint& admin, const bool& over)
    : stage_(stage),
      over_(over),
      address_(admin),
      authority_(EndpointText(admin)),
      pool_(stage.loop(), AdminPoolOptions(admin)) {}

DemoAdmin::~DemoAdmin() = default;

AdminReply DemoAdmin::Call(Method method, std::string_view path, std::string_view if_match, std::string_view body) {
  AdminCall exchange(authority_, method, path, if_match, body);
  exchange.Send(pool_, address_);
  stage_.Wait(kPatience, [&] { return exchange.done() || over_; });
  return exchange.reply();
}

std::optional<DemoView> DemoAdmin::View() {
  const AdminReply status = Call(Method::kGet, "/v1/status");
  const AdminReply metrics = Call(Method::kGet, "/metrics");
  if (status.status != 200 || metrics.status != 200) return std::nullopt;
  const Json document = Json::parse(status.body, nullptr, false);
  if (document.is_discarded()) return std::nullopt;
  DemoView view = ViewOf(document);
  for (size_t i = 0; i < view.size(); ++i) view[i].failed_attempts = SumFailedAttempts(metrics.body, i);
  return view;
}

uint64_t DemoAdmin::FailedAttempts(size_t region) {
  return SumFailedAttempts(Call(Method::kGet, "/metrics").body, region);
}

std::string DemoAdmin::SetWeights(std::string_view stable, std::string_view canary) {
  const Json weights = {{kDemoServices[0].name, stable}, {kDemoServices[kCanary].name, canary}};
  return Patch(fmt::format("/v1/routes/{}/weights", kDemoRoute), Json{{"weights", weights}}.dump());
}

std::string DemoAdmin::SetDial(size_t region, std::string_view dial) {
  return Patch(fmt::format("/v1/regions/{}", kDemoRegions[region].name), Json{{"dial", dial}}.dump());
}

std::string DemoAdmin::Patch(const std::string& path, std::string_view body) {
  const AdminReply now = Call(Method::kGet, path);
  if (now.status != 200) return fmt::format("GET {} answered {}", path, now.status);
  const AdminReply changed = Call(Method::kPatch, path, now.etag, body);
  if (changed.status != 200) return fmt::format("PATCH {} answered {} {}", path, changed.status, changed.body);
  return {};
}

}  // namespace meridian
