#include "support/edge_config.h"

namespace meridian::testing {
namespace {

constexpr const char* kWorld = R"(edge: { name: fra-1, location: [50.11, 8.68] }
admin: { address: "127.0.0.1:0" }
regions:
  eu-west-1: { location: [53.35, -6.26] }
  us-east-1: { location: [38.95, -77.45] }
  ap-northeast-1: { location: [35.68, 139.69] }
)";

std::string Key(const std::string& indent, const std::string& key, const std::string& value) {
  return value.empty() ? "" : indent + key + ": " + value + "\n";
}

std::string Pair(const CertificateFiles& files) {
  return "{ certificate: " + files.certificate + ", key: " + files.key +
         (files.ocsp.empty() ? "" : ", ocsp_file: " + files.ocsp) + " }\n";
}

std::string Listener(const std::vector<CertificateFiles>& certificates, const std::string& tls) {
  std::string text = "  - address: \"127.0.0.1:0\"\n";
  if (certificates.empty()) return text;
  if (certificates.size() == 1 && tls.empty()) {
    return text + "    tls: " + Pair(certificates[0]);
  }
  text += tls.empty() ? "    tls:\n" : "    tls:\n      certificates:\n";
  for (const CertificateFiles& files : certificates) {
    text += "      - " + Pair(files);
  }
  return text + (tls.empty() ? "" : "      " + tls + "\n");
}

std::string Service(const ServiceConfig& service) {
  std::string text = "  " + service.name + ":\n    origins:\n";
  for (const auto& [region, url] : service.origins) text += "      " + region + ": [\"" + url + "\"]\n";
  return text + Key("    ", "health", service.health) + Key("    ", "failover", service.failover) +
         Key("    ", "timeouts", service.timeouts) + Key("    ", "tls", service.tls) +
         Key("    ", "proxy_protocol", service.proxy_protocol) + Key("    ", "pool", service.pool);
}

std::string Route(const RouteConfig& route) {
  std::string text = "  - name: " + route.name + "\n" + Key("    ", "match", route.match);
  if (!route.split.empty()) text += "    split: { " + route.split + " }\n    steer: " + route.steer + "\n";
  return text + Key("    ", "resume", route.resume) + route.rules;
}

}  // namespace

std::string EdgeConfig::Yaml(const std::string& access_log) const {
  std::string text = "workers: " + std::to_string(workers) + "\n" + kWorld + extra;
  text += "access_log: { enabled: true, path: " + access_log + ", format: json }\nlisteners:\n";
  for (const auto& certificates : listeners) text += Listener(certificates, tls) + listener_extra;
  text += "services:\n";
  for (const ServiceConfig& service : services) text += Service(service);
  text += "routes:\n";
  for (const RouteConfig& route : routes) text += Route(route);
  return text;
}

}  // namespace meridian::testing
