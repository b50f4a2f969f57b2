// The configuration file, read and checked whole.
//
// YAML 1.2 by libfyaml, strict: unknown and duplicate keys, wrong types and dangling names are errors, all of them are
// listed, each with file:line:col, the excerpt with a caret and, where one is near, a suggestion. Reading has no side
// effect beyond reading the named file and stat-ing the certificate files it names. Control thread (or main before
// threads).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/address.h"
#include "net/tls_server_context.h"
#include "policy/model.h"

namespace meridian {

struct CertificateConfig {
  std::string certificate;  // PEM chain, path resolved against the config file's folder
  std::string key;          // PEM private key
  std::string ocsp_file{};  // DER, an OCSP response to staple; empty: none
  bool inline_pem = false;  // both are PEM texts instead of paths; never from a file, for the demo
};

struct ListenerConfig {
  std::string address;                            // "0.0.0.0:8443", "[::1]:8443"; port 0: the kernel picks one
  bool proxy_protocol = false;                    // connections begin with a PROXY header…
  std::vector<Network> proxies{};                 // …if they come from here; empty: all
  std::vector<CertificateConfig> certificates{};  // empty: cleartext. First one is the default without SNI match
  TlsServerOptions tls{};                         // what else goes for all of them
};

struct AdminConfig {
  std::string address = "127.0.0.1:9901";  // loopback only: anything else is a configuration error
};

struct AccessLogConfig {
  bool enabled = true;
  std::string path = "stdout";  // or "stderr", or a file, appended to
};

struct LimitConfig {
  uint32_t max_connections = 0;             // client connections per process; 0: min(50 000, RLIMIT_NOFILE/2 − 64)
  uint32_t max_connections_per_client = 0;  // of one /24 or /56; 0: half of max_connections
  uint32_t max_streams = 100;               // concurrent HTTP/2 streams per client connection
  uint32_t max_requests = 100'000;          // of one client connection; 0: any number
  uint32_t handshakes_per_second = 0;       // TLS with clients, per process; 0: any number
  uint32_t max_header_bytes = 60 * 1024;
  uint32_t max_headers = 100;
  Underscores underscores = Underscores::kPass;
  uint32_t max_target_bytes = 32 * 1024;
  uint32_t max_answer_bytes = 256 * 1024;  // of an origin's head
  uint32_t max_answer_fields = 1000;
  uint64_t replay_memory = 64 * 1024 * 1024;   // request bodies kept for a replay, in the whole process
  uint64_t buffer_memory = 512 * 1024 * 1024;  // bytes in flight, in the whole process
  uint64_t min_body_rate = 1024;               // bytes per second; 0: any
  int max_hops = 3;                            // how often one request may pass this edge
  Duration header_timeout = 10s;
  Duration handshake_timeout = 10s;
  Duration stall_timeout = 30s;  // a client that takes nothing of its response
  Duration idle_timeout = 60s;   // client connection without a request
  Duration drain_timeout = 30s;  // after TERM
};

struct Config {
  int workers = 0;  // 0: one per core
  std::vector<ListenerConfig> listeners;
  std::optional<AdminConfig> admin = AdminConfig{};
  AccessLogConfig access_log;
  LimitConfig limits;
  std::shared_ptr<const Model> model;
  std::string tls_key_log;  // a file; empty: none. Never from a file of configuration: a flag of `meridian run`
};

struct ConfigProblem {
  std::string file;
  int line = 0;            // 1-based; 0: the whole file
  int column = 0;          // 1-based
  std::string message;     // "unknown key 'rout'"
  std::string suggestion;  // "did you mean 'routes'?", or empty
  std::string excerpt;     // the line of the file, without its newline; may be empty
};

struct ConfigResult {
  std::optional<Config> config;         // only if problems is empty
  std::vector<ConfigProblem> problems;  // in order of line
};

// `file` names the text in problems; relative paths inside are resolved against `base_dir`.
ConfigResult ParseConfig(std::string_view text, const std::string& file, const std::string& base_dir);
ConfigResult LoadConfig(const std::string& path);

// "conf/edge.yaml:12:5: error: unknown key 'rout'; did you mean 'routes'?\n    rout:\n    ^\n"
std::string FormatProblem(const ConfigProblem& problem);

// For `meridian validate --format json`: an array of objects with the fields of ConfigProblem, all always present.
std::string ProblemsToJson(const std::vector<ConfigProblem>& problems);

// One URL of an origin: "http://host:port", "https", "h2c", "h2"; default ports 80 and 443; [v6] literals. Error text,
// or empty and *out set.
std::string ParseOriginUrl(std::string_view url, OriginModel* out);

}  // namespace meridian
