#include "health/prober.h"

namespace meridian {
namespace {

constexpr Error kTimeout{ErrorCode::kResponseTimeout, Fault::kOrigin, Retry::kNever, "probe timed out"};

OriginPool::Options OneConnection(OriginPool::Options options) {
  options.limits.max_connections = 2;  // a new one may be under way while a dead one is still known
  options.limits.max_pending = 2;
  options.limits.idle_timeout = 1h;  // stays warm
  options.counters = nullptr;
  return options;
}

}  // namespace

Prober::Prober(Loop& loop, ProbeSink& sink, size_t id, const HealthModel& health, const OriginModel& origin,
               OriginPool::Options pool)
    : loop_(loop),
      sink_(sink),
      id_(id),
      health_(health),
      origin_(origin),
      host_(health.host.empty() ? origin.authority : health.host),
      pool_(loop, OneConnection(std::move(pool))),
      state_(health.fall, health.rise),
      timer_(loop, Bind<&Prober::OnTimer>(this)) {}

Prober::~Prober() { StopExchange(); }

void Prober::Start() { timer_.Arm(Duration::zero()); }

void Prober::OnTimer() {
  if (waiting_) return Done({false, 0, kTimeout, {}});
  began_ = loop_.Now();
  repeated_ = false;
  Send();
}

void Prober::Send() {
  arena_ = std::make_unique<Arena>();
  body_ = std::make_unique<BodyPipe>();
  request_ = {};
  request_.scheme = UsesTls(origin_.protocol) ? "https" : "http";
  request_.authority = host_;
  request_.path = health_.path;
  request_.headers = HeaderBlock(arena_.get());
  request_.headers.Add("user-agent", "meridian-probe", HeaderId::kUserAgent);
  request_.headers.Add("accept", "*/*", HeaderId::kAccept);
  waiting_ = true;
  if (!repeated_) timer_.Arm(health_.timeout);
  address_.clear();
  pool_.SetAddresses(sink_.ProbeEndpoints(id_));
  if (ClientCodec* codec = pool_.TryTake(nullptr, &address)) return Begin(*codec, true);
  Error error;
  if (pool_.Wait(*this, &error)) return;
  address_ = address;
  Done({false, 0, error, {}});
}

void Prober::Begin(ClientCodec& codec, bool kept) {
  kept_ = kept;
  address_ = address;
  sent_ = loop_.Now();
  stream_ = codec.Start(request_, nullptr, *this);
  if (!stream_) Done({false, 0, {ErrorCode::kRefusedStream, Fault::kOrigin, Retry::kAlways, ""}, {}});
}

void Prober::OnResponseHead(const ResponseHead& head) {
  ProbeResult result;
  result.status = head.status;
  result.passed = health_.expect.Contains(head.status);
  result.head_time = loop_.Now() - sent_;
  Done(result);
}

void Prober::OnAttemptFailed(const Error& error) {
  stream_ = nullptr;
  if (kept_ && error.code == ErrorCode::kStaleConnection && !repeated_) {
    repeated_ = true;
    return Send();
  }
  Done({false, 0, error, {}});
}

void Prober::StopExchange() {
  waiting_ = false;
  Leave();
  if (stream_) std::exchange(stream_, nullptr)->Cancel();
}

void Prober::Done(ProbeResult result) {
  StopExchange();
  result.address = address_;
  sink_.OnProbe(id_, result);
  // Counted from the start of the probe that just ended: a slow answer must not stretch the rhythm (and with it the
  // time to notice).
  const Duration spent = loop_.Now() - began_;
  timer_.Arm(NextProbeDelay(health_, state_.suspicious(), sink_.Random()) - spent);
}

}  // namespace meridian
