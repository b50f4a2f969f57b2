// The exchange's one timer: what it waits for in each state, and what it does when that does not come.
#include <algorithm>
#include <cmath>

#include "policy/answer.h"
#include "stream/exchange.h"

namespace meridian {
namespace {

constexpr Error kResponseTimeout{ErrorCode::kResponseTimeout, Fault::kOrigin, Retry::kIfIdempotent,
                                 "no answer in time"};

// How often an upload is looked at, at least: whether it moved, whether it is over.
constexpr Duration kUploadLook = 500ms;

// How often a body is looked at within the time in which it must move. What moved just behind a look is seen by the
// next one, and timers are late by up to two ticks: a body that stands still is left after one and a quarter of its
// time at the latest, also if that time is 100 ms.
constexpr int kLooks = 8;
Duration LookWithin(Duration patience) { return std::max<Duration>(patience / kLooks - Loop::kTick, 1ms); }

// Over how long a client may send its body slower than it must.
constexpr Duration kUploadWindow = 10s;

// A trial of a half-open region has this long before the next region is asked as well.
constexpr Duration kTrialHedge = 100ms;
constexpr Duration kMinAutoHedge = 5ms;

Duration Milliseconds(double ms) {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double, std::milli>(ms));
}

}  // namespace

// For the attempt that was started just now, or whose upload has just ended.
void Exchange::ArmAttemptTimer() {
  const TimePoint now = context_.loop().Now();
  // While the body is on its way only standing still counts, and a deadline that the client set.
  if (uploading()) {
    const bool origin_stalls = request_body_.size() > 0;
    Duration next = std::min(kUploadLook, LookWithin(UploadPatience(now, true)));
    next = std::min(next, progress_at_ + UploadPatience(now, origin_stalls) - now);
    if (deadline_runs_) next = std::min(next, deadline_ - now);
    return timer_.Arm(std::max(next, Duration::zero()));
  }
  attempt_->until = now + AttemptTime(now);
  attempt_->waiting = WaitForHead(*attempt_, now);
  const Duration hedge = HedgeDelay(*attempt_, now);
  hedge_at_ = hedge > Duration::zero() && now + hedge < attempt_->until ? now + hedge : TimePoint{};
  // An attempt that can't be moved is waited for. Its region need not wait to hear of it, though, once it is known how
  // long answers take on this route.
  const bool may_be_moved = MayMove();
  LatencyWindow& latency = context_.latency(route_);
  const bool known = !may_be_moved && latency.count(now) >= LatencyWindow::kMinSamples;
  doubt_at_ = known ? now + latency.AutoTimeout(now) : TimePoint{};
  ArmTryingTimer();
}

// A region is silent when it was asked. While other addresses of the origin may still work, it was not.
SilenceWatch::Ticket Exchange::WaitForHead(const Attempt& attempt, TimePoint now) {
  const uint16_t region = attempt.step().region;
  if (!attempt.live() && context_.Pool(plan_.service, region, attempt.origin()).addresses() > 1) return {};
  return context_.silence(plan_.service, region).OnAsked(now);
}

void Exchange::ArmTryingTimer() {
  TimePoint next = attempt_->until;
  if (rival_) next = std::min(next, rival_->until);
  if (hedge_at_ != TimePoint{}) next = std::min(next, hedge_at_);
  if (doubt_at_ != TimePoint{}) next = std::min(next, doubt_at_);
  timer_.Arm(next - context_.loop().Now());
}

// To the response's head, if the attempt starts now.
Duration Exchange::AttemptTime(TimePoint now) {
  Duration time = deadline_runs_ ? deadline_ - now : service().timeouts.request;
  const Duration share = std::chrono::duration_cast<Duration>(time * kAttemptShare);
  const Duration first_byte = service().timeouts.first_byte;
  if (first_byte > Duration::zero()) time = std::min(time, first_byte);
  if (!MayMove()) return time;
  const Duration configured = service().failover.attempt_timeout;
  const Duration own = configured > Duration::zero() ? configured : context_.latency(route_).AutoTimeout(now);
  return std::min({time, own, share});
}

// After how long without an answer the next region is asked as well; zero: never.
Duration Exchange::HedgeDelay(const Attempt& attempt, TimePoint now) {
  if (request_.has_body || request_.websocket || next_step_ == plan_.size || !Replayable()) return Duration::zero();
  if (attempt.step().reason == StepReason::kTrial) {
    // A trial is the proxy's wish, not the client's: it may cost hardly any time. A region is not in doubt only because
    // it is far.
    const double rtt = world_->services[plan_.service].regions[attempt.step().region].rtt_ms;
    const Duration far = std::isnan(rtt) ? Duration::zero() : Milliseconds(2 * rtt);
    return std::max({kTrialHedge, far, context_.latency(route_).Quantile(0.99, now)});
  }
  if (route().hedge != kHedgeAuto) return route().hedge;
  return std::max(kMinAutoHedge, context_.latency(route_).Quantile(0.95, now));
}

// The same request to the next region, beside the attempt that is slow.
void Exchange::StartRival() {
  hedge_at_ = {};
  const TimePoint now = context_.loop().Now();
  const bool trial = attempt_->step().reason == StepReason::kTrial;
  if (!context_.budget(plan_.service).TakeReplay(now, plan_.fail_open) && !trial)
    return context_.stats().retry_budget_exhausted.Add();
  context_.route_cells(route_).hedges.Add();
  Error ignored;
  while (next_step_ < plan_.size) {
    if (!StartAttempt(rival_, plan_.steps[next_step_++], -1, &ignored)) continue;
    rival_->until = now + AttemptTime(now);
    rival_->waiting = WaitForHead(*rival_, now);
    return;
  }
}

void Exchange::OnTimer() {
  switch (state_) {
    case State::kReceiving:
      context_.stats().limit_timeouts.Add();
      Identify();
      Move(Event::kRefused);
      return ReplyWithText(408, nullptr);
    case State::kTrying:
      return OnTryingTimer();
    case State::kRelaying:
    case State::kReplying:
      return OnRelayTimer();
    case State::kDone:
    case State::kNone:
      return;
  }
}

void Exchange::OnTryingTimer() {
  if (uploading()) return OnUploadTimer();
  const TimePoint now = context_.loop().Now();
  if (now >= attempt_->until) return OnAttemptTimeout(*attempt_);
  if (rival_ && now >= rival_->until) return OnAttemptTimeout(*rival_);
  if (hedge_at_ != TimePoint{} && now >= hedge_at_) StartRival();
  if (doubt_at_ != TimePoint{} && now >= doubt_at_) return OnDoubt();
  ArmTryingTimer();
}

void Exchange::OnDoubt() {
  doubt_at_ = {};
  // What still waits for a connection was not sent: any method may move.
  if (!attempt_->live() && next_step_ < plan_.size && request_body_.whole()) return OnAttemptTimeout(*attempt_);
  const Step& step = attempt_->step();
  context_.Report(plan_.service, step.region, Signal::kFailure, step.reason == StepReason::kTrial, Duration::zero());
  ArmTryingTimer();
}

void Exchange::OnAttemptTimeout(Attempt& attempt) {
  const TimePoint now = context_.loop().Now();
  const bool out_of_time = deadline_runs_ && now >= deadline_;
  Error error = out_of_time ? kDeadline : kResponseTimeout;
  if (!attempt.live() && !out_of_time) error.retry = Retry::kAlways;  // it still waited for a connection
  RecordOf(attempt).error = Name(ErrorCode::kResponseTimeout);
  RecordOf(attempt).time = now - attempt.started;
  context_.region_cells(plan_.service, attempt.step().region).failures_by_error[static_cast<size_t>(error.code)].Add();
  Outcome outcome;
  outcome.error = error;
  OnOutcome(attempt, outcome);
}

// The end of the upload is told by OnBodyDrained; this looks whether it moves.
void Exchange::OnUploadTimer() {
  const TimePoint now = context_.loop().Now();
  if (request_body_.consumed() != progress_) {
    progress_ = request_body_.consumed();
    progress_at_ = now;
  }
  if (UploadTooSlow(now)) {
    context_.stats().limit_body_rate.Add();
    return RefuseUpload();
  }
  const bool origin_stalls = request_body_.size() > 0;
  if (deadline_runs_ && now >= deadline_) {
    if (origin_stalls) return OnAttemptTimeout(*attempt_);
    RecordOf(*attempt_).error = Name(ErrorCode::kDeadline);  // it had all there was: its region does not hear of it
    return GiveUp(kDeadline);
  }
  if (now - progress_at_ < UploadPatience(now, origin_stalls)) return ArmAttemptTimer();
  if (origin_stalls && MayMove()) return OnAttemptTimeout(*attempt_);
  context_.stats().limit_timeouts.Add();
  if (origin_stalls) return GiveUp(kResponseTimeout);
  RefuseUpload();
}

// How long an upload may stand still. An origin that could be left for another has no more time for it than for its
// answer.
Duration Exchange::UploadPatience(TimePoint now, bool origin_stalls) {
  const Duration idle = service().timeouts.idle;
  return origin_stalls && MayMove() ? std::min(AttemptTime(now), idle) : idle;
}

// The client is to blame; the region does not hear of it.
void Exchange::RefuseUpload() {
  LeaveAttempts();
  end_ = "timeout";
  Move(Event::kGaveUp);
  ReplyWithText(408, nullptr);
}

// Does the client send less than it must, although the origin took all there was? What it sends on other streams counts
// for it: a slow line may be shared by many. Who waits for a 100 says nothing. Streams of gRPC may say little for long,
// but only where gRPC can be spoken at all: anybody may call himself so.
bool Exchange::UploadTooSlow(TimePoint now) {
  const bool waits_for_100 = request_.expect_continue && request_body_.written() == 0;
  const OriginModel& origin = service().regions[attempt_->step().region].origins[attempt_->origin()];
  const bool may_be_quiet = waits_for_100 || (grpc_ && UsesHttp2(origin.protocol));
  const bool its_turn = request_body_.size() == 0 && !may_be_quiet;
  return rate_.TooSlow(now, connection_.wire().bytes_read(), its_turn, context_.settings().min_body_rate,
                       kUploadWindow);
}

// How long nothing may move while a response is under way.
Duration Exchange::IdleLimit() const {
  if (state_ == State::kReplying) return context_.settings().idle_timeout;
  return switched() ? service().timeouts.tunnel : service().timeouts.idle;
}

// The client could take something of its response and does not. (What left the pipe may be kept for the kernel.)
bool Exchange::ClientOwes() const {
  return ClientBody().size() > 0 || ClientBody().ended() || connection_.wire().write_blocked();
}

Duration Exchange::RelayPatience() const { return ClientOwes() ? context_.settings().stall_timeout : IdleLimit(); }

// The client is to blame; the region does not hear of it.
void Exchange::OnClientStall() {
  context_.stats().limit_client_stalls.Add();
  end_ = "client_stalled";
  const Wire& wire = connection_.wire();
  const Duration blocked = context_.loop().Now() - wire.last_progress();
  // It reads nothing at all: not even a reset would reach it.
  if (wire.write_blocked() && blocked >= context_.settings().stall_timeout) return connection_.Cut();
  CutStream();
}

// The client hears of it only if its connection takes anything at all, which is watched for as long as anything else.
void Exchange::CutStream() {
  cut_ = true;
  timer_.Arm(context_.settings().stall_timeout);
  stream_.Reset(false);
}

// Relaying, and replying: does anything move?
void Exchange::ArmRelayTimer() {
  progress_at_ = context_.loop().Now();
  timer_.Arm(RelayLook(attempt_->head().content_length != kUnknownLength));
}

// `owing`: its origin may be in doubt for what it owes.
Duration Exchange::RelayLook(bool owing) const {
  const Duration look = std::min(IdleLimit(), context_.settings().stall_timeout);
  return LookWithin(owing ? std::min(look, service().timeouts.stall) : look);
}

// Nothing comes any more; all is the client's to take.
void Exchange::ArmClientTimer() {
  progress_at_ = context_.loop().Now();
  timer_.Arm(LookWithin(context_.settings().stall_timeout));
}

void Exchange::OnRelayTimer() {
  if (cut_) return connection_.Cut();  // not even the reset was taken
  const TimePoint now = context_.loop().Now();
  if (resumed_ && resumed_->pending()) return timer_.Arm(service().timeouts.stall);  // it begins anew in a moment
  if (resumed_ && resumed_->waiting() && attempt_ && !resumed_->pipe().ended()) return OnContinuationTimeout();
  const bool replying = state_ == State::kReplying;
  const BodyPipe& body = ClientBody();
  const uint64_t moved = body.consumed() + body.written() + request_body_.consumed() + request_body_.written() +
                         connection_.wire().bytes_written() * (connection_.version() != HttpVersion::kHttp2);
  if (moved != progress_) {
    progress_ = moved;
    progress_at_ = now;
  }
  const Duration idle = RelayPatience();
  const Duration stall = service().timeouts.stall;
  const Duration quiet = now - progress_at_;
  const bool length_known = !replying && attempt_ && attempt_->head().content_length != kUnknownLength;
  const bool owes = length_known && body.size() == 0 && !body.ended();
  if (owes && quiet >= stall && !stalled_) {
    // Silence is an answer only where no length was promised: event streams may be silent.
    OnStall();
    if (!stalled_) return;  // it goes on elsewhere, or was cut
  }
  const bool client_owes = ClientOwes();
  const bool dribbles = rate_.TooSlow(now, connection_.wire().bytes_written(), client_owes,
                                      context_.settings().min_body_rate, context_.settings().stall_timeout);
  if (quiet < idle && !dribbles) {
    return timer_.Arm(std::min(RelayLook(length_known && !stalled_), idle - quiet));
  }
  if (client_owes) return OnClientStall();
  context_.stats().limit_timeouts.Add();
  end_ = "timeout";
  lost_ = true;
  if (!replying && attempt_ && body.size() == 0 && !stalled_ && !switched()) ReportSignal(*attempt_, Signal::kFailure);
  CutStream();
}

}  // namespace meridian
