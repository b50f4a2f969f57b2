// A response body that survives its origin: the client reads one pipe, filled from one attempt after the other.
//
// Bytes move by reference and only while the client's pipe holds less than BodyPipe::kHighWater, so that back-pressure
// reaches the origin as without it. When a source broke and all that came of it is on its way, the sink is asked for
// another one, from a turn of its own: never from within a codec's call. Trailers arrive if it never broke. One thread.
#pragma once

#include "event/loop.h"
#include "http/body_pipe.h"

namespace meridian {

class ResumedBodySink {
 public:
  // The next source must begin at delivered(); or call Cut.
  virtual void OnSourceOver() = 0;

 protected:
  ~ResumedBodySink() = default;
};

class ResumedBody final : private BodyPipe::Reader, private BodyPipe::Writer {
 public:
  // `total`: bytes of the whole body. `etag` outlives it.
  ResumedBody(Loop& loop, ResumedBodySink& sink, uint64_t total, std::string_view etag);
  ~ResumedBody() { Detach(); }

  BodyPipe& pipe() { return pipe_; }
  // Bytes given to the client's side so far: where a continuation begins.
  uint64_t delivered() const { return pipe_.written(); }
  uint64_t total() const { return total_; }
  // Bytes are missing.
  bool owes() const { return delivered() < total_; }
  std::string_view etag() const { return etag_; }
  bool waiting() const { return source_ == nullptr; }

  void Attach(BodyPipe& source);
  // The source will not end well. What it still holds is delivered first.
  void SourceBroke();
  // Lets go of the source, which is about to go away. Until Attach, waiting() is true.
  void Detach();
  // The sink is about to be asked.
  bool pending() const { return hook_.queued(); }
  // No more of it: what the client has must look cut.
  void Cut();
  // The client is gone; the sink hears nothing any more.
  void Stop();

  int continuations = 0;
  bool paid = false;     // the retry budget gave leave for the next continuation
  TimePoint deadline{};  // for the continuation that is being looked for

 private:
  void OnBodyReadable() override { Pump(); }
  void OnBodyConsumed(size_t) override { Pump(); }
  void Pump();
  void OnHook() { sink_.OnSourceOver(); }

  ResumedBodySink& sink_;
  const uint64_t total_;
  const std::string_view etag_;
  BodyPipe pipe_;
  BodyPipe* source_ = nullptr;
  bool broke_ = false;
  Hook hook_;
};

}  // namespace meridian
