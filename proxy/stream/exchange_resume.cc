// A committed response goes on after its origin broke: the rest is asked of the next region (policy/resume_rules.h).
#include <algorithm>
#include <utility>

#include "policy/answer.h"
#include "policy/resume_rules.h"
#include "stream/exchange.h"

namespace meridian {
namespace {

constexpr int kMaxContinuations = 3;

}  // namespace

// What the client reads: the attempt's own body, or one that can be continued.
BodyPipe& Exchange::RelayedBody() {
  Attempt& attempt = *attempt_;
  if (!route().resume || !Resumable(request_, attempt.head())) return attempt.body();
  ResumedBodySink& sink = *this;
  resumed_ = std::make_unique<ResumedBody>(context_.loop(), sink, static_cast<uint64_t>(attempt.head().content_length),
                                           attempt.head().headers.Get(HeaderId::kEtag));
  return resumed_->pipe();
}

// The attempt, or the continuation, ended without the whole body.
void Exchange::OnCommittedFailure(const Error& error) {
  if (!resumed_) {
    // Too late to hide it: what was cut must look cut. The codec saw the body fail.
    lost_ = !switched();
    end_ = "origin_reset";
    return;
  }
  // A kept connection that was closed says nothing about the region: once more.
  if (error.code == ErrorCode::kStaleConnection && resumed_->waiting()) --next_step_;
  resumed_->SourceBroke();
}

// Another region may be asked for the rest, as far as anybody knows.
bool Exchange::MayResume() {
  ExtendPlan(*world_, route_, &plan_);
  return resumed_->owes() && next_step_ < plan_.size && resumed_->continuations < kMaxContinuations;
}

bool Exchange::PayForResume() {
  if (context_.budget(plan_.service).TakeReplay(context_.loop().Now(), plan_.fail_open)) return true;
  context_.stats().retry_budget_exhausted.Add();
  return false;
}

void Exchange::OnSourceOver() {
  const TimePoint now = context_.loop().Now();
  resumed_->Detach();
  // All bytes came, but their origin took the answer back: there is nothing to ask for, and no word that it was good.
  if (!resumed_->owes()) return CutResumed();
  if (resumed_->deadline == TimePoint{}) resumed_->deadline = now + service().timeouts.request;
  Drop(attempt_);
  AskForRest(request_, resumed_->etag(), resumed_->delivered());
  Error ignored;
  while (MayResume() && now < resumed_->deadline) {
    if (!std::exchange(resumed_->paid, false) && !PayForResume()) break;
    ++resumed_->continuations;
    Step step = plan_.steps[next_step_++];
    step.reason = StepReason::kResume;
    if (!StartAttempt(attempt_, step, -1, &ignored)) continue;
    const Duration patience = std::min(context_.latency(route_).AutoTimeout(now), resumed_->deadline - now);
    attempt_->until = now + patience;
    return timer_.Arm(patience);
  }
  context_.route_cells(route_).resumes_failed.Add();
  CutResumed();
}

void Exchange::OnContinuationHead(Attempt& attempt) {
  if (ContinuesExactly(attempt.head(), resumed_->etag(), resumed_->delivered(), resumed_->total())) {
    context_.route_cells(route_).resumes_done.Add();
    resumed_->deadline = {};
    ArmRelayTimer();
    return resumed_->Attach(attempt.body());
  }
  if (Judge(attempt.head(), FailureStatuses()) != AnswerKind::kGood) {
    ReportSignal(attempt, Signal::kFailure);
    return resumed_->SourceBroke();  // another region may do better
  }
  // A 200, another tag, another range: the representation is not the same, or nobody can tell.
  context_.route_cells(route_).resumes_refused.Add();
  CutResumed();
}

void Exchange::OnContinuationTimeout() {
  RecordOf(*attempt_).time = context_.loop().Now() - attempt_->started;
  RecordOf(*attempt_).error = Name(ErrorCode::kResponseTimeout);
  ReportSilence();
  OnSourceOver();
}

void Exchange::OnStall() {
  ReportSilence();
  // It may come to its senses: without somebody else to ask it is waited for.
  stalled_ = !resumed_ || !MayResume() || !PayForResume();
  if (stalled_) return;
  RecordOf(*attempt_).error = Name(ErrorCode::kResponseTimeout);
  resumed_->paid = true;
  OnSourceOver();
}

// The attempt owes bytes, or its head, and has sent nothing for too long.
void Exchange::ReportSilence() {
  RegionCells& cells = context_.region_cells(plan_.service, attempt_->step().region);
  cells.failures_by_error[static_cast<size_t>(ErrorCode::kResponseTimeout)].Add();
  ReportSignal(*attempt_, Signal::kFailure);
}

void Exchange::CutResumed() {
  lost_ = true;
  end_ = "origin_reset";
  ArmClientTimer();  // what is on its way may still be taken
  Drop(attempt_);
  resumed_->Cut();
}

}  // namespace meridian
