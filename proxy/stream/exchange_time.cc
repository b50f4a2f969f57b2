// The exchange's one timer: what it waits for in each state, and what it does when that does not come.
#include "stream/exchange.h"

namespace meridian {
namespace {

constexpr Error kResponseTimeout{ErrorCode::kResponseTimeout, Fault::kOrigin, Retry::kIfIdempotent,
                                 "no answer in time"};
constexpr Error kDeadline{ErrorCode::kDeadline, Fault::kOrigin, Retry::kNever, "the request ran out of time"};

// How often an upload is looked at: whether it moved, whether it is over.
constexpr Duration kUploadLook = 500ms;

// An attempt that has somewhere else to go gets at most this part of what is left.
constexpr double kAttemptShare = 0.6;

}  // namespace

void Exchange::ArmAttemptTimer() {
  const TimeoutModel& timeouts = service().timeouts;
  // While the body is on its way only standing still counts.
  if (request_.has_body && !body_sent_) {
    return timer_.Arm(std::min(timeouts.idle, kUploadLook));
  }
  const TimePoint now = context_.loop().Now();
  Duration wait = deadline_ - now;
  if (stream_context_.steps_left > 0 && Replayable()) {
    const Duration configured = service().failover.attempt_timeout;
    const Duration own = configured > Duration::zero() ? configured : context_.latency(route_).AutoTimeout(now);
    const auto share = std::chrono::duration_cast<Duration>(wait * kAttemptShare);
    wait = std::min(own, share);
  }
  timer_.Arm(wait);
}

void Exchange::OnTimer() {
  switch (state_) {
    case State::kReceiving:
      context_.stats().limit_timeouts.Add();
      Identify();
      Move(Event::kRefused);
      return ReplyWithText(408, nullptr);
    case State::kTrying: {
      if (request_.has_body && !body_sent_) return OnUploadTimer();
      RecordOf(*attempt_).error = Name(ErrorCode::kResponseTimeout);
      RecordOf(*attempt_).time = context_.loop().Now() - attempt_->started;
      const bool out_of_time = context_.loop().Now() >= deadline_;
      Error error = out_of_time ? kDeadline : kResponseTimeout;
      if (!attempt_->live() && !out_of_time) error.retry = Retry::kAlways;  // it still waited for a connection
      context_.region_cells(plan_.service, attempt_->step().region)
          .failures_by_error[static_cast<size_t>(error.code)]
          .Add();
      Outcome outcome;
      outcome.error = error;
      return OnOutcome(outcome);
    }
    case State::kRelaying:
    case State::kReplying:
      return OnRelayTimer();
    case State::kDone:
      return;
  }
}

void Exchange::OnUploadTimer() {
  if (request_body_.AtEnd()) {
    // The whole request is out: from now on the origin is the one to hurry.
    body_sent_ = true;
    deadline_ = context_.loop().Now() + service().timeouts.request;
    return ArmAttemptTimer();
  }
  const TimePoint now = context_.loop().Now();
  if (request_body_.consumed() != progress_) {
    progress_ = request_body_.consumed();
    progress_at_ = now;
  }
  if (now - progress_at_ < service().timeouts.idle) return ArmAttemptTimer();
  context_.stats().limit_timeouts.Add();
  if (request_body_.size() > 0) return GiveUp(kResponseTimeout);  // the origin does not take it
  Drop(attempt_);
  end_ = "timeout";
  Move(Event::kGaveUp);
  ReplyWithText(408, nullptr);
}

void Exchange::OnRelayTimer() {
  const BodyPipe& body = state_ == State::kReplying ? reply_body_ : attempt_->body();
  const uint64_t moved = body.consumed() + body.written() + request_body_.consumed() + request_body_.written() +
                         connection_.wire().bytes_written() * (connection_.version() != HttpVersion::kHttp2);
  if (moved != progress_) {
    progress_ = moved;
    const Duration idle = state_ == State::kReplying ? context_.settings().idle_timeout : service().timeouts.idle;
    return timer_.Arm(idle);
  }
  context_.stats().limit_timeouts.Add();
  end_ = "timeout";
  lost_ = true;
  if (state_ == State::kRelaying && body.size() == 0) ReportSignal(*attempt_, Signal::kFailure);
  stream_.Reset(false);
}

}  // namespace meridian
