// Asks one origin how it is, over the protocol that requests use, on a connection that stays warm.
//
// Results come with the time from the request to the head of the answer, so that a probe also measures the distance.
// A probe that finds its kept connection dead is repeated at once on a new one: that says nothing about the origin.
// One loop (the control thread's). Destroy it to stop.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "origin/pool.h"
#include "policy/probe_state.h"

namespace meridian {

struct ProbeResult {
  bool passed = false;
  int status = 0;              // 0: no answer
  Error error;                 // set when there was no answer
  Duration head_time{};        // request sent → head; zero without an answer, or when it includes a connect
  std::string_view address{};  // that was asked, or that could not be reached last; valid during OnProbe
};

class Prober;

class ProbeSink {
 public:
  // `id` as given.
  virtual void OnProbe(size_t id, const ProbeResult& result) = 0;
  // What the origin's name says now.
  virtual const std::vector<Endpoint>& ProbeEndpoints(size_t id) = 0;
  virtual uint64_t Random() = 0;

 protected:
  ~ProbeSink() = default;
};

class Prober final : private PoolRequest, private ResponseHandler {
 public:
  Prober(Loop& loop, ProbeSink& sink, size_t id, const HealthModel& health, const OriginModel& origin,
         OriginPool::Options pool);
  ~Prober() override;
  // The first probe starts at once, later ones by NextProbeDelay.
  void Start();
  ProbeState& state() { return state_; }

 private:
  void OnTimer();
  void Send();
  void Begin(ClientCodec& codec, bool kept);
  void Done(ProbeResult result);
  void StopExchange();
  // PoolRequest
  void OnPoolReady(ClientCodec& codec) override { Begin(codec, false); }
  void OnPoolFailed(const Error& error) override {
    address_ = address;
    Done({false, 0, error, {}});
  }
  // ResponseHandler
  Arena& arena() override { return *arena_; }
  BodyPipe& response_body() override { return *body_; }
  void OnInformational(const ResponseHead&) override {}
  void OnResponseHead(const ResponseHead& head) override;
  void OnResponseComplete() override {}
  void OnAttemptFailed(const Error& error) override;

  Loop& loop_;
  ProbeSink& sink_;
  const size_t id_;
  const HealthModel health_;
  const OriginModel origin_;
  const std::string host_;
  std::string address_;
  OriginPool pool_;
  ProbeState state_;
  std::unique_ptr<Arena> arena_;
  std::unique_ptr<BodyPipe> body_;
  RequestHead request_;
  ClientStream* stream_ = nullptr;
  bool waiting_ = false;  // a probe is under way; the timer is its timeout
  bool kept_ = false;
  bool repeated_ = false;
  TimePoint sent_{};
  TimePoint began_{};
  Timer timer_;
};

}  // namespace meridian
