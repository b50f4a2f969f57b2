// An HTTP/1.1 origin inside the test: a lambda decides, per request, what to answer or how to misbehave, and the
// origin remembers what it received.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "support/http1.h"
#include "support/session_server.h"

namespace meridian::testing {

struct OriginRequest {
  std::string method, target, version;
  Headers headers;
  std::string body;  // empty with DropBodies
  uint64_t body_bytes = 0;
  Headers trailers;
  uint64_t connection = 0;  // 1, 2, … in order of accept
  uint64_t number = 0;      // 1, 2, … in order of arrival, health checks not counted
};

struct OriginReply {
  enum class After {
    kKeep,   // the connection stays open
    kClose,  // FIN after the reply
    kReset,  // RST after the reply
    kHang,   // nothing more, until the peer gives up or the test ends
  };

  int status = 200;
  Headers headers{};
  std::string body{};
  bool chunked = false;  // instead of content-length
  Headers trailers{};    // with chunked
  // Bytes of the body that are really sent (content-length still announces all); −1: all. Use with kClose or kReset.
  int64_t send_only = -1;
  std::vector<std::string> interim{};  // whole 1xx heads, sent first
  std::string raw{};                   // if not empty: sent instead of everything above
  bool silent = false;                 // send nothing at all, go straight to `after`
  Millis delay{0};                     // before the reply
  After after = After::kKeep;
};

class ScriptedOrigin {
 public:
  using Handler = std::function<OriginReply(const OriginRequest&)>;

  // Listens at once. Every answer gets `x-region: <region>`. GET /healthz is answered 200 (see SetHealth) without the
  // handler. The handler is called on the connections' threads, one call at a time per connection.
  ScriptedOrigin(std::string region, Handler handler);

  // 200, x-region, and the region's name as the body.
  static Handler Friendly();

  uint16_t port() const { return server_.port(); }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port()); }
  const std::string& region() const { return region_; }

  void SetHandler(Handler handler);  // from the next request on
  void SetHealth(int status) { health_status_ = status; }
  // Request bodies are counted, not kept.
  void DropBodies() { drop_bodies_ = true; }

  // Without health checks. A request counts when its whole body was read.
  uint64_t requests() const { return requests_; }
  uint64_t health_checks() const { return health_checks_; }
  uint64_t connections() const { return server_.accepted(); }
  // Connections that ended by OriginReply::After::kClose: close() has returned.
  uint64_t closed_by_reply() const { return closed_by_reply_; }
  // Heads that began to arrive and were not understood as a request, or whose body never ended.
  uint64_t broken_requests() const { return broken_; }
  // The last 10 000 requests, without health checks.
  std::vector<OriginRequest> Received() const;
  void Forget();

 private:
  void Serve(Connection* connection, uint64_t number);
  // False: the connection is finished.
  bool ServeOne(Connection* connection, uint64_t number, MessageReader* reader);
  bool Answer(Connection* connection, const std::string& method, const OriginReply& reply);
  OriginReply Decide(OriginRequest request);
  std::string Render(const std::string& method, const OriginReply& reply) const;
  bool SleepUnlessStopped(Millis time) const;

  const std::string region_;
  std::atomic<bool> drop_bodies_ = false;
  std::atomic<int> health_status_ = 200;
  std::atomic<uint64_t> requests_ = 0, health_checks_ = 0, broken_ = 0, closed_by_reply_ = 0;

  mutable std::mutex mutex_;
  std::shared_ptr<const Handler> handler_;
  std::vector<OriginRequest> received_;
  SessionServer server_{[this](Connection* connection, uint64_t number) { Serve(connection, number); }};
};

}  // namespace meridian::testing
