// The end of an exchange: what it leaves in counters, in the access log and in the memory of regions.
#include "stream/exchange.h"

namespace meridian {

void Exchange::OnStreamClosed(bool complete) {
  if (!Possible(Event::kStreamOver)) return;
  timer_.Cancel();
  if (!complete && (end_ == "complete" || end_ == "local")) end_ = "client_reset";
  Finish();
  Move(Event::kStreamOver);
  ForgetBody();
  if (resumed_) resumed_->Stop();
  request_body_.set_observer(nullptr);
  if (attempt_) attempt_->Cancel();
  if (rival_) rival_->Cancel();
  if (held_) held_->Cancel();
  connection_.Remove(this);
}

void Exchange::Finish() {
  const Duration duration = context_.loop().Now() - head_read_;
  CountResult(status_, duration);
  if (context_.settings().access_log) WriteLog(status_, duration);
}

void Exchange::CountResult(int status, Duration duration) {
  if (!routed_) return;
  RouteCells& cells = context_.route_cells(route_);
  cells.responses_by_class[static_cast<size_t>(status / 100 <= 5 ? status / 100 : 0)].Add();
  cells.duration.Add(duration);
  const bool failed = lost_ || failed_;
  if (stream_context_.attempts > 1) {
    cells.failovers.Add();
    if (!failed && status != 0) cells.saved.Add();
  }
  if (lost_) cells.lost.Add();
  CountDrill(status, failed);
  ReportAffected(status, failed);
}

void Exchange::CountDrill(int status, bool failed) {
  if (drilled_region_ < 0) return;
  RegionCells& cells = context_.region_cells(plan_.service, static_cast<uint16_t>(drilled_region_));
  // The drill's own answer is no good one, whatever the route takes for a failure.
  const bool answered_by_drill = state_ == State::kRelaying && attempt_ && RecordOf(*attempt_).drill && status == 503;
  if (failed || answered_by_drill) return cells.drill_lost.Add();
  (status == 0 ? cells.drill_gone : cells.drill_saved).Add();
}

// A client that went away before any answer was not told anything, good or bad.
void Exchange::ReportAffected(int status, bool failed) {
  if (failed_region_ < 0 || status == 0) return;
  const TimePoint at = failed ? context_.loop().Now() : head_read_ + head_time_;
  context_.ReportAffected(plan_.service, static_cast<uint16_t>(failed_region_), !failed, failed_trial_, at);
}

void Exchange::WriteLog(int status, Duration duration) {
  AccessRecord record;
  record.unix_us = context_.loop().UnixMicros() - ToMicroseconds(duration);
  record.client = stream_context_.client_address;
  record.protocol = Name(request_.version);
  record.method = request_.method_text;
  record.authority = routed_ ? stream_context_.authority : request_.authority;
  const std::string_view target = routed_ ? stream_context_.target : request_.path;
  record.path = target.substr(0, target.find('?'));
  record.request_id = stream_context_.request_id;
  if (routed_) record.route = route().name;
  if (have_plan_) {
    record.service = service().name;
    record.fail_open = plan_.fail_open;
    record.region = served_by_;
  }
  record.status = status;
  record.grpc_status = grpc_status_;
  record.end = end_;
  record.bytes_in = request_body_.written();
  record.bytes_out = ClientBody().consumed();
  record.duration = duration;
  record.head_time = head_time_;
  record.attempts = {records_, record_count_};
  context_.Log(record);
}

// What the client reads, or would have read.
const BodyPipe& Exchange::ClientBody() const {
  if (resumed_) return resumed_->pipe();
  return state_ == State::kRelaying && attempt_ ? attempt_->body() : reply_body_;
}

std::string_view Exchange::RegionName(const Step& step) const {
  return world_->model->regions[service().regions[step.region].region].name;
}

void Exchange::ReportSignal(const Attempt& attempt, Signal signal) {
  const bool trial = attempt.step().reason == StepReason::kTrial;
  if (signal != Signal::kSuccess && failed_region_ < 0) {
    failed_region_ = static_cast<int16_t>(attempt.step().region);
    failed_trial_ = trial;
  }
  // Times of small idempotent requests measure the distance like a probe does.
  const bool measures = signal == Signal::kSuccess && !request_.has_body && attempt.reused();
  const Duration head_time = measures ? records_[attempt.record].time : Duration::zero();
  context_.Report(plan_.service, attempt.step().region, signal, trial, head_time);
}

}  // namespace meridian
