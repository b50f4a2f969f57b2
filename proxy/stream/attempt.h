// One try of one origin: lease, request out, response head or failure. It reports exactly one of
// OnAttemptHead / OnAttemptFailed first; after a head either OnAttemptComplete or OnAttemptFailed.
//
// Owns the response's body pipe, so that an answer can be held back while another region is tried.
#pragma once

#include <memory>

#include "http/codec.h"
#include "origin/pool.h"
#include "policy/drill.h"
#include "policy/plan_builder.h"
#include "policy/silence_watch.h"

namespace meridian {

class Attempt;

class AttemptSink {
 public:
  virtual Arena& arena() = 0;
  virtual void OnAttemptInformational(Attempt& attempt, const ResponseHead& head) = 0;
  virtual void OnAttemptHead(Attempt& attempt) = 0;
  virtual void OnAttemptTrailers(HeaderBlock& trailers) = 0;
  virtual void OnAttemptComplete(Attempt& attempt) = 0;
  virtual void OnAttemptFailed(Attempt& attempt, const Error& error) = 0;

 protected:
  ~AttemptSink() = default;
};

class Attempt final : public Disposable, private PoolRequest, private ResponseHandler {
 public:
  Attempt(AttemptSink& sink, const Step& step, uint16_t origin);
  ~Attempt() override;

  // False: it failed at once, *error says why, and the sink hears nothing. What `request` views, and `body`, outlive
  // the attempt.
  // `since`: when the request began, its place in the pool's queue. A request that could not be moved if a kept
  // connection took it along gets a fresh one where those are distrusted.
  bool Start(OriginPool& pool, const RequestHead& request, BodyPipe* body, TimePoint since, Error* error);
  // The same, but the attempt meets a drill: the sink hears of a failure, or of nothing, and the origin is not asked
  // (unless it is only slow). Never fails at once. `drill` lives as long as the snapshot.
  void StartDrill(Loop& loop, const Drill& drill, OriginPool& pool, const RequestHead& request, BodyPipe* body,
                  TimePoint since);
  // After this the sink hears nothing.
  void Cancel();

  const Step& step() const { return step_; }
  uint16_t origin() const { return origin_; }
  ResponseHead& head() { return head_; }
  bool has_head() const { return head_.status != 0; }
  BodyPipe& body() { return body_; }
  bool reused() const { return reused_; }
  // The address that it was sent to, or that failed it last; in the sink's arena. Empty: none yet.
  std::string_view asked() const { return asked_; }
  bool live() const { return stream_ != nullptr || drill_ != nullptr; }

  bool movable = true;        // it may be sent again after a failure
  using PoolRequest::client;  // for origins that want a PROXY header
  TimePoint started{};
  TimePoint until{};             // it has no answer by then: too late
  bool failed_by_head = false;   // what its head said, before anything was changed in it
  bool grpc = false;             // likewise
  size_t record = 0;             // index of its line in the access record
  SilenceWatch::Ticket waiting;  // from the request's last byte to the response's head

 private:
  class DrillTimer;
  void OnDrill();
  bool Begin(ClientCodec& codec, Error* error);
  void NoteAddress();
  void OnPoolReady(ClientCodec& codec) override;
  void OnPoolFailed(const Error& error) override;
  Arena& arena() override { return sink_.arena(); }
  BodyPipe& response_body() override { return body_; }
  void OnInformational(const ResponseHead& head) override { sink_.OnAttemptInformational(*this, head); }
  void OnResponseHead(const ResponseHead& head) override;
  void OnTrailers(HeaderBlock& trailers) override { sink_.OnAttemptTrailers(trailers); }
  void OnResponseComplete() override;
  void OnAttemptFailed(const Error& error) override;

  AttemptSink& sink_;
  const Step step_;
  const uint16_t origin_;
  RequestHead request_;  // a copy of views: attempts side by side may differ in it
  BodyPipe* request_body_ = nullptr;
  ClientStream* stream_ = nullptr;
  std::unique_ptr<DrillTimer> drill_;  // while it pretends
  bool reused_ = false;
  std::string_view asked_;
  ResponseHead head_;
  BodyPipe body_;
};

}  // namespace meridian
