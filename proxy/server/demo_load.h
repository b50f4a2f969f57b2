// The demo's clients: GET requests over TLS and HTTP/2 to the edge, at a rate that does not depend on the answers.
//
// Lives on the stage's loop. Every request ends: answered, failed, or after kPatience.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "event/loop.h"
#include "net/tls_context.h"
#include "origin/pool.h"
#include "server/demo_tally.h"

namespace meridian {

class DemoLoadSink {
 public:
  virtual void OnAnswer(const DemoAnswer& answer) = 0;

 protected:
  ~DemoLoadSink() = default;
};

class DemoLoad {
 public:
  static constexpr Duration kPatience = 10s;
  static constexpr size_t kClients = 4;           // each with connections of its own, so that all workers get some
  static constexpr size_t kMaxInFlight = 10'000;  // beyond it the clients hold back
  static constexpr Duration kDoorClosed = 250ms;  // no new requests after a refused connection

  DemoLoad(Loop& loop, const Endpoint& edge, TlsClientContext& tls, DemoLoadSink& sink);
  ~DemoLoad();
  // Requests per second from now on; 0: no new ones.
  void SetRate(int per_second);
  // `count` requests on top of the rate, as fast as the answers come with `at_once` under way.
  void Burst(uint64_t count, size_t at_once);
  bool burst_over() const { return burst_left_ == 0 && burst_in_flight_ == 0; }
  // `count` requests right now.
  void Send(std::string_view path, size_t count);
  size_t in_flight() const { return requests_.size(); }

 private:
  class Request;
  void OnTick();
  void OnBurst();
  void Start(std::string_view path, bool of_burst);
  void Done(Request* request, const DemoAnswer& answer);

  Loop& loop_;
  DemoLoadSink& sink_;
  const Endpoint edge_;
  const std::string authority_;
  std::vector<std::unique_ptr<OriginPool>> clients_;
  size_t next_client_ = 0;
  std::vector<std::unique_ptr<Request>> requests_;
  int rate_ = 0;
  TimePoint last_tick_{};
  double owed_ = 0;  // requests that the rate has earned
  TimePoint closed_until_{};
  uint64_t burst_left_ = 0;
  size_t burst_in_flight_ = 0;
  size_t burst_at_once_ = 0;
  Timer tick_;
  Hook burst_;
};

}  // namespace meridian
