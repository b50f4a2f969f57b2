#include "stream/attempt.h"

namespace meridian {
namespace {

// The origin was not asked, for it said before that it takes none such.
constexpr Error kHeadTooLarge{ErrorCode::kTooLarge, Fault::kClient, Retry::kNever, "the origin takes no head so large"};
constexpr Error kNoStream{ErrorCode::kRefusedStream, Fault::kOrigin, Retry::kAlways, "no stream on the connection"};

constexpr Error kDrillReset{ErrorCode::kReset, Fault::kOrigin, Retry::kIfIdempotent, "reset by a drill"};

}  // namespace

// What a drill needs until it strikes.
class Attempt::DrillTimer {
 public:
  DrillTimer(Loop& loop, Callback strike, const Drill& d, OriginPool& p) : drill(d), pool(p), timer(loop, strike) {}
  const Drill drill;
  OriginPool& pool;
  Timer timer;
};

Attempt::Attempt(AttemptSink& sink, const Step& step, uint16_t origin) : sink_(sink), step_(step), origin_(origin) {}

Attempt::~Attempt() { Cancel(); }

bool Attempt::Start(OriginPool& pool, const RequestHead& request, BodyPipe* body, TimePoint queued_since,
                    Error* error) {
  since = queued_since;
  request_ = request;
  request_body_ = body;
  fresh = !movable && pool.distrusted();
  if (ClientCodec* codec = fresh ? nullptr : pool.TryTake(client, &address)) {
    reused_ = true;
    NoteAddress();
    return Begin(*codec, error);
  }
  if (pool.Wait(*this, error)) return true;
  NoteAddress();
  return false;
}

void Attempt::NoteAddress() { asked_ = sink_.arena().Copy(address); }

bool Attempt::Begin(ClientCodec& codec, Error* error) {
  if (!codec.Takes(request_)) {
    *error = kHeadTooLarge;
    return false;
  }
  stream_ = codec.Start(request_, request_body_, *this);
  if (!stream_) *error = kNoStream;
  return stream_ != nullptr;
}

void Attempt::StartDrill(Loop& loop, const Drill& drill, OriginPool& pool, const RequestHead& request, BodyPipe* body,
                         TimePoint queued_since) {
  since = queued_since;
  request_ = request;
  request_body_ = body;
  drill_ = std::make_unique<DrillTimer>(loop, Bind<&Attempt::OnDrill>(this), drill, pool);
  if (drill.kind == DrillKind::kHang) return;
  // An answer or a reset takes a moment, too: starting an operation never completes it.
  drill_->timer.Arm(drill.kind == DrillKind::kSlow ? drill.delay : Duration(1ms));
}

void Attempt::OnDrill() {
  switch (drill_->drill.kind) {
    case DrillKind::kStatus503:
      head_.status = 503;
      head_.content_length = 0;
      head_.headers = HeaderBlock(&sink_.arena());
      sink_.OnAttemptHead(*this);
      if (!drill_) return;  // it was dropped
      body_.Finish();
      return sink_.OnAttemptComplete(*this);
    case DrillKind::kReset:
      return sink_.OnAttemptFailed(*this, kDrillReset);
    case DrillKind::kHang:
      return;
    case DrillKind::kSlow: {
      const std::unique_ptr<DrillTimer> over = std::move(drill_);
      Error error;
      if (!Start(over->pool, request_, request_body_, since, &error)) {
        sink_.OnAttemptFailed(*this, error);
      }
      return;
    }
  }
}

void Attempt::OnPoolReady(ClientCodec& codec) {
  NoteAddress();
  Error error;
  if (!Begin(codec, &error)) sink_.OnAttemptFailed(*this, error);
}

void Attempt::OnPoolFailed(const Error& error) {
  NoteAddress();
  sink_.OnAttemptFailed(*this, error);
}

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
  waiting.Release();
  drill_.reset();
  if (stream_) std::exchange(stream_, nullptr)->Cancel();
}

}  // namespace meridian
