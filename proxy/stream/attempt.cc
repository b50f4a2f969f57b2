#include "stream/attempt.h"

namespace meridian {
namespace {

constexpr Error kNoStream{ErrorCode::kRefusedStream, Fault::kOrigin, Retry::kAlways, "no stream on the connection"};

}  // namespace

bool Attempt::Start(OriginPool& pool, std::span<const Endpoint> endpoints, const RequestHead& request, BodyPipe* body,
                    TimePoint queued_since, Error* error) {
  since = queued_since;
  request_ = request;
  request_body_ = body;
  if (ClientCodec* codec = pool.TryTake()) {
    reused_ = true;
    stream_ = codec->Start(request_, body, *this);
    if (stream_) return true;
    *error = kNoStream;
    return false;
  }
  return pool.Wait(*this, endpoints, error);
}

void Attempt::OnPoolReady(ClientCodec& codec) {
  stream_ = codec.Start(request_, request_body_, *this);
  if (!stream_) sink_.OnAttemptFailed(*this, kNoStream);
}

void Attempt::OnPoolFailed(const Error& error) { sink_.OnAttemptFailed(*this, error); }

void Attempt::OnResponseHead(const ResponseHead& head) {
  head_ = head;
  sink_.OnAttemptHead(*this);
}

void Attempt::OnResponseComplete() {
  stream_ = nullptr;
  sink_.OnAttemptComplete(*this);
}

void Attempt::OnAttemptFailed(const Error& error) {
  stream_ = nullptr;
  sink_.OnAttemptFailed(*this, error);
}

void Attempt::Cancel() {
  Leave();
  if (stream_) std::exchange(stream_, nullptr)->Cancel();
}

}  // namespace meridian
