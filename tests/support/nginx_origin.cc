#include "support/nginx_origin.h"

#include <signal.h>

#include <filesystem>

#include "support/harness_error.h"

namespace meridian::testing {
namespace {

// One process, nothing outside its prefix, small buffers. `master_process off` so that the death signal of the test
// reaches the process that does the work.
constexpr std::string_view kMain = R"(daemon off;
master_process off;
pid nginx.pid;
error_log error.log warn;
worker_rlimit_nofile 8192;
events { worker_connections 4096; }
http {
  log_format brief '$request_method $request_uri $status $server_protocol';
  access_log access.log brief;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  client_max_body_size 0;
  default_type application/octet-stream;
  keepalive_timeout 60s;
  sendfile on;
  server {
)";

constexpr std::string_view kLocations = R"(
    location = /healthz { access_log off; return 200 "ok\n"; }
    location = /nothing { return 204; }
    location /files/ { alias files/; }
    location /upload/ { alias upload/; dav_methods PUT; }
    location = /seen {
      default_type application/json;
      return 200 '{"protocol":"$server_protocol","host":"$http_host","via":"$http_via","request_id":"$http_x_request_id"}';
    }
    location = /proxied {
      default_type application/json;
      return 200 '{"client":"$proxy_protocol_addr:$proxy_protocol_port","connection":"$connection"}';
    }
  }
}
)";

}  // namespace

NginxOrigin::NginxOrigin(NginxOptions options) : options_(std::move(options)) {
  for (const char* folder : {"files", "upload", "body", "proxy", "fastcgi", "uwsgi", "scgi"}) dir_.MakeFolder(folder);
  // Workers of a root-started nginx run as nobody only with a master process; here the owner is who runs the test.
  WriteFile(dir_.File("nginx.conf"), Config());
  Start();
}

NginxOrigin::~NginxOrigin() = default;

std::string NginxOrigin::Config() const {
  const bool tls = !options_.tls.certificate.empty();
  std::string config(kMain);
  config += "    listen 127.0.0.1:" + std::to_string(port()) + (tls ? " ssl" : "") + (options_.http2 ? " http2" : "") +
            (options_.proxy_protocol ? " proxy_protocol" : "") + " backlog=1024;\n";
  config += "    keepalive_requests " + std::to_string(options_.keepalive_requests) + ";\n";
  config += "    add_header x-region " + options_.region + " always;\n";
  if (tls) {
    config +=
        "    ssl_certificate " + options_.tls.certificate + ";\n    ssl_certificate_key " + options_.tls.key + ";\n";
  }
  config += "    location = /hello { return 200 \"" + options_.region + "\\n\"; }";
  config += kLocations;
  // `alias` is resolved against the compiled-in prefix of some builds, so it is written out in full.
  for (const char* folder : {"files", "upload"}) {
    const std::string alias = std::string("alias ") + folder + "/";
    config.replace(config.find(alias), alias.size(), "alias " + dir_.File(folder) + "/");
  }
  return config;
}

std::string NginxOrigin::url() const {
  const bool tls = !options_.tls.certificate.empty();
  const std::string scheme = tls ? (options_.http2 ? "h2" : "https") : (options_.http2 ? "h2c" : "http");
  return scheme + "://127.0.0.1:" + std::to_string(port());
}

bool NginxOrigin::Answers() const { return static_cast<bool>(ConnectTo(port())); }

void NginxOrigin::Start() {
  ProcessOptions options;
  options.argv = {"nginx", "-p", dir_.path(), "-c", dir_.File("nginx.conf"), "-e", dir_.File("error.log")};
  process_ = std::make_unique<Process>(dir_, "nginx", options);
  const bool up = Eventually([&] { return Answers() || !process_->Running(); }, 5s) && process_->Running();
  if (!up) throw HarnessError("nginx does not start: " + process_->Err() + ReadFile(dir_.File("error.log")));
}

void NginxOrigin::Kill() {
  process_->Signal(SIGKILL);
  process_->Wait(5s);
}

void NginxOrigin::AddFile(const std::string& name, std::string_view content) const {
  WriteFile(dir_.File("files/" + name), content);
}

void NginxOrigin::AddSparseFile(const std::string& name, uint64_t size) const {
  WriteSparseFile(dir_.File("files/" + name), size);
}

std::string NginxOrigin::UploadedFile(const std::string& name) const { return dir_.File("upload/" + name); }

std::vector<std::string> NginxOrigin::AccessLog() const { return WholeLines(ReadFile(dir_.File("access.log"))); }

}  // namespace meridian::testing
