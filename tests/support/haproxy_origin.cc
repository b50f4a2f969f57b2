#include "support/haproxy_origin.h"

#include "support/harness_error.h"

namespace meridian::testing {

HaproxyOrigin::HaproxyOrigin(uint16_t server_port, bool http2, const CertificateFiles& tls) {
  std::string bind = "bind 127.0.0.1:" + std::to_string(port());
  if (tls.certificate.empty()) {
    bind += http2 ? " proto h2" : "";
  } else {
    WriteFile(dir_.File("both.pem"), ReadFile(tls.certificate) + ReadFile(tls.key));
    bind += " ssl crt " + dir_.File("both.pem") + " alpn " + (http2 ? "h2" : "http/1.1");
  }
  WriteFile(dir_.File("haproxy.cfg"),
            "global\n  maxconn 2000\n"
            "defaults\n  mode http\n  timeout connect 5s\n  timeout client 30s\n  timeout server 30s\n"
            "frontend edge\n  " +
                bind +
                "\n  default_backend behind\n"
                "backend behind\n  server behind 127.0.0.1:" +
                std::to_string(server_port) + "\n");
  process_ = std::make_unique<Process>(
      dir_, "haproxy", ProcessOptions{.argv = {"haproxy", "-db", "-q", "-f", dir_.File("haproxy.cfg")}});
  const bool up = Eventually([&] { return static_cast<bool>(ConnectTo(port())) || !process_->Running(); }, 5s);
  if (!up || !process_->Running()) throw HarnessError("haproxy does not start: " + process_->Err());
}

}  // namespace meridian::testing
