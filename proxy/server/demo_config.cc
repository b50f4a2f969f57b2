#include "server/demo_config.h"

#include <fmt/format.h>
#include <unistd.h>

#include "net/listener.h"
#include "net/tls_context.h"

namespace meridian {
namespace {

constexpr uint16_t kPortsToTry = 200;

// Asked without SO_REUSEPORT: two edges on one port would share its clients. 0, the kernel's choice, when all are
// taken.
uint16_t FreePort(uint16_t first) {
  for (uint16_t port = first; port < first + kPortsToTry; ++port) {
    std::string error;
    Endpoint bound;
    const int fd = OpenListenSocket(DemoAddress(port), false, &bound, &error);
    if (fd < 0) continue;
    close(fd);
    return port;
  }
  return 0;
}

std::string RegionsYaml() {
  std::string yaml = "regions:\n";
  for (const DemoRegion& region : kDemoRegions) {
    yaml += fmt::format("  {}: {{ location: {} }}\n", region.name, region.location);
  }
  return yaml;
}

std::string ServicesYaml(const DemoOrigins& origins) {
  std::string yaml = "services:\n";
  for (size_t s = 0; s < kDemoServices.size(); ++s) {
    yaml += fmt::format("  {}:\n    origins:\n", kDemoServices[s].name);
    for (size_t r = 0; r < kDemoServices[s].regions; ++r) {
      // One of each protocol.
      yaml += fmt::format("      {}: [\"{}://127.0.0.1:{}\"]\n", kDemoRegions[r].name, r == 1 ? "h2c" : "http",
                          origins.port(s, r));
    }
    yaml +=
        "    health: { path: /healthz, interval: 500ms, timeout: 400ms }\n"
        "    failover: { statuses: [500, 502-504], attempts: 3, ramp: 5s }\n";
  }
  return yaml;
}

std::string Yaml(const DemoOrigins& origins) {
  return fmt::format(
             "workers: 2\n"
             "edge: {{ name: fra-1, location: [50.11, 8.68] }}\n"
             "listeners: [{{ address: \"127.0.0.1:{}\" }}]\n"
             "admin: {{ address: \"127.0.0.1:{}\" }}\n"
             "access_log: {{ enabled: false }}\n",
             FreePort(kDemoServicePort), FreePort(kDemoAdminPort)) +
         RegionsYaml() + ServicesYaml(origins) +
         fmt::format("routes:\n  - {{ name: {}, split: {{ {}: 99%, {}: 1% }} }}\n", kDemoRoute, kDemoServices[0].name,
                     kDemoServices[kCanary].name);
}

}  // namespace

std::optional<Config> MakeDemoConfig(const DemoOrigins& origins, std::string* error) {
  CertificateConfig certificate;
  certificate.inline_pem = true;
  if (!MakeSelfSigned({"localhost", "127.0.0.1"}, &certificate.certificate, &certificate.key)) {
    *error = "no certificate could be made";
    return std::nullopt;
  }
  ConfigResult read = ParseConfig(Yaml(origins), "demo.yaml", ".");
  if (!read.config) {
    for (const ConfigProblem& problem : read.problems) *error += FormatProblem(problem);
    return std::nullopt;
  }
  read.config->listeners.front().certificates = {std::move(certificate)};
  return std::move(read.config);
}

}  // namespace meridian
