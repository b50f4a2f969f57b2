// A real HAProxy as an origin. It has nothing to say itself, so it stands in front of an HTTP/1.1 server on loopback:
// what the edge meets is its HTTP/1.1 or HTTP/2.
#pragma once

#include <cstdint>
#include <memory>

#include "support/certificates.h"
#include "support/process.h"
#include "support/sockets.h"
#include "support/temp_dir.h"

namespace meridian::testing {

class HaproxyOrigin {
 public:
  // Started and answering when it returns; throws HarnessError. `tls` empty: cleartext, HTTP/2 by prior knowledge.
  HaproxyOrigin(uint16_t server_port, bool http2, const CertificateFiles& tls);
  uint16_t port() const { return reservation_.port(); }

 private:
  PortReservation reservation_;
  TempDir dir_;
  std::unique_ptr<Process> process_;
};

}  // namespace meridian::testing
