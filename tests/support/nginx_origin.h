// A real nginx as an origin, configured, started and stopped by the test.
//
// It serves: /healthz (200), /hello (the region's name), /nothing (204), /files/… (files put there by AddFile, with
// ETag), PUT /upload/… (stored; read back with Uploaded), /seen (the request as nginx saw it, as JSON), /proxied
// (whom the connection's PROXY header named, and which connection it was). Every answer carries `x-region`.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "support/certificates.h"
#include "support/process.h"
#include "support/sockets.h"
#include "support/temp_dir.h"

namespace meridian::testing {

struct NginxOptions {
  std::string region = "eu-west-1";
  bool http2 = false;
  CertificateFiles tls{};              // empty: cleartext
  bool proxy_protocol = false;         // each connection begins with a PROXY header
  int keepalive_requests = 1'000'000;  // per connection, then nginx closes it (GOAWAY in HTTP/2)
};

class NginxOrigin {
 public:
  explicit NginxOrigin(NginxOptions options);  // started and answering when it returns; throws HarnessError
  ~NginxOrigin();

  uint16_t port() const { return reservation_.port(); }
  // http, https, h2c or h2, as the options say.
  std::string url() const;

  // Ends at once, connections are reset or refused from then on. Start() brings it back on the same port.
  void Kill();
  void Start();

  void AddFile(const std::string& name, std::string_view content) const;
  void AddSparseFile(const std::string& name, uint64_t size) const;
  std::string UploadedFile(const std::string& name) const;  // its path
  // The lines of its access log: "METHOD URI STATUS PROTOCOL".
  std::vector<std::string> AccessLog() const;
  const TempDir& dir() const { return dir_; }

 private:
  std::string Config() const;
  bool Answers() const;

  NginxOptions options_;
  PortReservation reservation_;
  TempDir dir_;
  std::unique_ptr<Process> process_;
};

}  // namespace meridian::testing
