// The admin endpoint's contract as a function from request to response; no sockets, no threads.
//
// Paths: GET / (a listing) /livez /readyz /metrics /v1/status; GET and PATCH /v1/routes/{name}/weights; GET and PATCH
// /v1/regions/{name}; GET and POST /v1/drills, GET and DELETE /v1/drills/{id}. Errors are RFC 9457 problems. Writes
// need If-Match (428 without, 412 stale, `*` is refused as 428 too: it would defeat the purpose), Content-Type
// application/json (415), a Host that is the admin's own address or localhost/loopback with its port (403), and no
// foreign Origin (403; checked for reads as well, since DNS rebinding reads too). Control thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "control/drills.h"
#include "telemetry/status.h"

namespace meridian {

struct AdminRequest {
  std::string method, path;  // path without the query
  std::string query;
  std::string host, origin, if_match, content_type;
  std::string body;
  std::string peer;  // for the audit line
};

struct AdminResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::vector<std::pair<std::string, std::string>> headers;  // ETag, Allow, …
  std::string body;
};

struct Readiness {
  bool ready = false, draining = false;
};

// The world behind the API; implemented by control/controller.
class AdminBackend {
 public:
  virtual ~AdminBackend() = default;
  // Asked many times a second by some: without the work of a whole status.
  virtual Readiness GetReadiness() = 0;
  virtual Status GetStatus() = 0;
  virtual std::string Metrics() = 0;  // text exposition format
  // Applies at once to all workers. Returns the new version (the ETag). REQUIRES: one weight per arm, not all zero.
  virtual uint64_t SetWeights(const std::string& route, const std::vector<uint32_t>& weights,
                              const std::string& by) = 0;
  virtual uint64_t SetDial(const std::string& region, double dial, const std::string& by) = 0;
  // The id, or 0 and *error: one is running there, or nobody could take over. REQUIRES: the region exists.
  virtual uint64_t StartDrill(const DrillRequest& request, const std::string& by, std::string* error) = 0;
  // False: it does not run (any more).
  virtual bool CancelDrill(uint64_t id) = 0;
  // A connection to the endpoint was closed so that another could come in.
  virtual void OnAdminConnectionReplaced() {}
};

// `self`: the bound address, "127.0.0.1:9901".
AdminResponse HandleAdmin(AdminBackend& backend, const std::string& self, const AdminRequest& request);

}  // namespace meridian
