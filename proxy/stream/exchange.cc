#include "stream/exchange.h"

#include <cstdlib>
#include <new>

#include "http/header_rules.h"
#include "policy/answer.h"
#include "stream/error_reply.h"

namespace meridian {
namespace {

constexpr Error kAnswerTooLarge{ErrorCode::kTooLarge, Fault::kSelf, Retry::kNever, "the answer's head is too large"};
constexpr Error kNoWeight{ErrorCode::kNoEndpoint, Fault::kSelf, Retry::kNever, "every weight of the route is 0"};

// Second chances within one region: stale kept connections, refused streams, sibling origins.
constexpr int kSameRegionTries = 2;
// A connection that ended (GOAWAY) before it took the request proves nothing against its origin. Each such connection
// took at least one other request, so a request is overtaken at most by those that share its connection.
constexpr uint8_t kGoawayTries = 100;

bool IsConnectError(ErrorCode code) {
  return code == ErrorCode::kNoEndpoint || code == ErrorCode::kConnectFailed || code == ErrorCode::kConnectTimeout ||
         code == ErrorCode::kTlsFailed;
}

// Freed exchanges of this thread, so that a request costs no malloc for its largest object.
struct FreeList {
  static constexpr size_t kKeep = 512;
  ~FreeList() {
    for (void* p : list) ::operator delete(p);
  }
  std::vector<void*> list;
};
FreeList& LocalFreeList() {
  static thread_local FreeList free_list;
  return free_list;
}

}  // namespace

void* Exchange::operator new(size_t size) {
  BlockPool::Local().Charge(size);
  auto& list = LocalFreeList().list;
  if (list.empty()) return ::operator new(size);
  void* p = list.back();
  list.pop_back();
  return p;
}

void Exchange::operator delete(void* p) {
  BlockPool::Local().Discharge(sizeof(Exchange));
  auto& list = LocalFreeList().list;
  if (list.size() < FreeList::kKeep) {
    list.push_back(p);
  } else {
    ::operator delete(p);
  }
}

bool Exchange::Impossible() {
#ifndef NDEBUG
  std::abort();
#endif
  context_.stats().impossible_events.Add();
  return false;
}

Exchange::Exchange(WorkerContext& context, ClientConnection& connection, ServerStream& stream)
    : context_(context),
      connection_(connection),
      stream_(stream),
      world_(context.world()),
      begun_(context.loop().Now()),
      head_read_(begun_),
      timer_(context.loop(), Bind<&Exchange::OnTimer>(this)) {
  timer_.Arm(context_.settings().header_timeout);
}

Exchange::~Exchange() = default;

// ---- Receiving -----------------------------------------------------------------------------------------------------

void Exchange::OnRequestHead(const RequestHead& head) {
  if (!Possible(Event::kHeadRead)) return;
  request_ = head;
  grpc_ = CallsGrpc(head);
  head_read_ = context_.loop().Now();
  Identify();
  if (!HasMemory()) return;
  if (!Normalize()) {
    context_.stats().refused_paths.Add();
    Move(Event::kRefused);
    return ReplyWithText(400, nullptr);
  }
  if (connection_.Misdirected(request_.authority)) {
    context_.stats().misdirected_requests.Add();
    Move(Event::kRefused);
    return ReplyWithText(421, nullptr);
  }
  RemoveHopByHop(request_.headers);
  if (!JudgeUnderscores()) return;
  if (const int refused = Match(); refused != 0) {
    Move(Event::kRefused);
    return ReplyWithText(refused, nullptr);
  }
  if (!AskFilters()) return;
  // What the route made of it is known now: nobody could write it, so nobody is asked.
  if (HeadCost(request_) > MessageLimits::kMaxSentHead) {
    context_.stats().limit_header_bytes.Add();
    Move(Event::kRefused);
    return ReplyWithText(431, nullptr);
  }
  Move(Event::kHeadRead);
  MakePlan();
}

void Exchange::OnBadRequest(int status, const RequestHead& partial) {
  if (!Possible(Event::kRefused)) return;
  if (state_ == State::kReceiving) {
    request_ = partial;
    grpc_ = CallsGrpc(partial);
    head_read_ = context_.loop().Now();
    Identify();
  } else {
    // A malformed body: what its origin has of it never gets an end. The region does not hear of it.
    LeaveAttempts();
  }
  context_.stats().client_protocol_errors.Add();
  if (status == 431) context_.stats().limit_header_bytes.Add();
  if (status == 414) context_.stats().limit_target_bytes.Add();
  Move(Event::kRefused);
  ReplyWithText(status, nullptr);
}

// ---- Trying --------------------------------------------------------------------------------------------------------

void Exchange::MakePlan() {
  const uint64_t draw = context_.DrawArm(route_);
  int arm = PickArm(world_->routes[route_], stream_context_.wish, draw);
  if (arm < 0) return GiveUp(kNoWeight);
  if (route().to_arms) arm = LiveArm(arm, draw);
  const uint16_t service = route().split[static_cast<size_t>(arm)].service;
  plan_.service = service;
  if (request_.websocket && !PrepareWebSocket()) return;
  KeepBody();
  const bool may_try_half_open = Replayable() && !request_.websocket && (!request_.has_body || request_body_.keeping());
  const int trial = may_try_half_open ? context_.TakeTrial(service) : -1;
  plan_ = BuildPlan(*world_, route_, static_cast<uint16_t>(arm), stream_context_.wish, trial,
                    context_.DrawRegion(service), context_.SilentRegions(service));
  have_plan_ = true;
  if (plan_.steps[0].reason == StepReason::kSilence) context_.route_cells(route_).silence_moved.Add();
  if (plan_.fail_open) {
    context_.route_cells(route_).fail_open.Add();
    context_.arm_cells(route_, plan_.arm).without_region.Add();
  }
  // A body may take its time; for everything else the clock runs from here.
  deadline_ =
      head_read_ + std::min(stream_context_.wish.deadline.value_or(Duration::max()), this->service().timeouts.request);
  deadline_runs_ = !request_.has_body || stream_context_.wish.deadline.has_value();
  context_.budget(service).OnFirstAttempt(head_read_);
  TrySteps(kDeadline);
}

// If none of the arm's regions is eligible: another arm that has one. But somebody must try the half-open ones.
int Exchange::LiveArm(int arm, uint64_t draw) {
  const uint16_t service = route().split[static_cast<size_t>(arm)].service;
  if (HasEligible(*world_, service)) return arm;
  if (context_.HasTrial(service) && Replayable() && !request_.websocket && !request_.has_body) return arm;
  const int other = PickOtherArm(*world_, route_, static_cast<uint16_t>(arm), draw);
  if (other < 0) return arm;
  ArmCells& cells = context_.arm_cells(route_, static_cast<uint16_t>(arm));
  cells.without_region.Add();
  cells.moved.Add();
  return other;
}

// Holds on to what is sent of the body, so that it can be sent again: as much as the service allows, and only while the
// worker has room. Without it the body is streamed all the same.
void Exchange::KeepBody() {
  if (!request_.has_body) return;
  request_body_.set_observer(this);
  const uint64_t limit = service().failover.replay_limit;
  const uint64_t wanted =
      request_.content_length == kUnknownLength ? limit : static_cast<uint64_t>(request_.content_length);
  if (limit == 0) return;
  if (wanted > limit) return context_.stats().replay_abandoned_length.Add();
  if (!context_.ReserveReplay(wanted)) return context_.stats().replay_abandoned_memory.Add();
  replay_reserved_ = wanted;
  request_body_.Keep(wanted);
}

void Exchange::ForgetBody() {
  if (replay_reserved_ == 0) return;
  if (request_body_.overflowed()) context_.stats().replay_abandoned_length.Add();
  request_body_.Forget();
  context_.ReleaseReplay(std::exchange(replay_reserved_, 0));
}

// Takes steps until one is under way, or none is left.
void Exchange::TrySteps(Error error) {
  while (next_step_ < plan_.size) {
    const Step& step = plan_.steps[next_step_++];
    same_region_tries_ = 0;
    if (StartAttempt(attempt_, step, -1, &error)) return ArmAttemptTimer();
    // Nobody is asked for what only the client can change: the next region's limit may not even be known yet.
    if (error.fault == Fault::kClient) break;
    // Failed before anything was under way: the next step needs no permission, only the method's or body's innocence.
  }
  GiveUp(error);
}

std::unique_ptr<Attempt> Exchange::NewAttempt(const Step& step, uint16_t origin, TimePoint now) {
  AttemptSink& sink = *this;
  auto attempt = std::make_unique<Attempt>(sink, step, origin);
  attempt->started = now;
  attempt->movable = Replayable();
  if (service().proxy_protocol == ProxyProtocol::kOff) return attempt;
  // Whom a trusted proxy names is the client here as in the log; from which port it came, nobody said.
  const ClientInfo& info = connection_.info();
  const std::string_view client = stream_context_.client_address;
  const std::optional<Endpoint> address = ParseIpLiteral(client, client == info.address ? info.port : 0);
  attempt->client = new (arena_.Allocate(sizeof(ProxyAddresses)))
      ProxyAddresses{address.value_or(connection_.peer()), connection_.local()};
  return attempt;
}

bool Exchange::StartAttempt(std::unique_ptr<Attempt>& slot, const Step& step, int skip_origin, Error* error) {
  const RegionView& view = world_->services[plan_.service].regions[step.region];
  int origin = PickOrigin(view, context_.NextTurn(plan_.service, step.region), skip_origin);
  if (origin < 0) origin = skip_origin < 0 ? 0 : skip_origin;
  const auto o = static_cast<uint16_t>(origin);
  const TimePoint now = context_.loop().Now();
  slot = NewAttempt(step, o, now);
  if (!records_) records_ = static_cast<AttemptRecord*>(arena_.Allocate(sizeof(AttemptRecord) * kMaxRecords));
  slot->record = std::min(record_count_, kMaxRecords - 1);
  record_count_ = slot->record + 1;
  AttemptRecord& record = *new (&records_[slot->record]) AttemptRecord;
  record.region = RegionName(step);
  record.origin = service().regions[step.region].origins[o].url;
  record.reason = Name(step.reason);
  record.start = now - head_read_;
  RegionCells& cells = context_.region_cells(plan_.service, step.region);
  cells.attempts.Add();
  if (stream_context_.attempts == 0) cells.first_attempts.Add();
  if (step.reason == StepReason::kTrial) cells.trials.Add();
  ++stream_context_.attempts;
  stream_context_.steps_left = plan_.size - next_step_;

  request_.scheme = UsesTls(service().regions[step.region].origins[o].protocol) ? "https" : "http";
  BodyPipe* body = request_.has_body || request_.websocket ? &request_body_ : nullptr;
  if (request_.has_body) {
    request_body_.Rewind();
    body_sent_ = false;
    progress_at_ = now;
  }
  if (const Drill* drill = context_.DrawDrill(*world_, service().regions[step.region].region)) {
    if (drilled_region_ < 0) {
      drilled_region_ = static_cast<int16_t>(step.region);
      cells.drill_touched.Add();
    }
    record.drill = true;
    body_sent_ = drill->kind != DrillKind::kSlow;  // as if the region had taken it
    slot->StartDrill(context_.loop(), *drill, context_.Pool(plan_.service, step.region, o), request_, body, begun_);
    return true;
  }
  const bool started = slot->Start(context_.Pool(plan_.service, step.region, o), request_, body, begun_, error);
  record.address = slot->asked();
  if (started) {
    record.reused = slot->reused();
    return true;
  }
  record.error = Name(error->code);
  if (error->code == ErrorCode::kTlsFailed) record.why = error->what;
  cells.failures_by_error[static_cast<size_t>(error->code)].Add();
  if (IsConnectError(error->code)) ReportSignal(*slot, Signal::kConnectFail);
  slot.reset();
  return false;
}

AttemptRecord& Exchange::RecordOf(const Attempt& attempt) {
  AttemptRecord& record = records_[attempt.record];
  record.address = attempt.asked();
  return record;
}

// The attempt took the last of the request: from now on the origin is the one to hurry.
void Exchange::OnBodyDrained() {
  if (state_ != State::kTrying || !attempt_ || body_sent_) return;
  body_sent_ = true;
  if (!deadline_runs_) deadline_ = context_.loop().Now() + service().timeouts.request;
  deadline_runs_ = true;
  ArmAttemptTimer();
}

const StatusSet& Exchange::FailureStatuses() const {
  const std::optional<StatusSet>& of_route = route().failure_statuses;
  return of_route ? *of_route : service().failover.statuses;
}

bool Exchange::Replayable() const {
  const bool safe = IsIdempotent(request_.method) || stream_context_.has_idempotency_key || route().replay_unsafe;
  return safe && request_body_.whole();
}

void Exchange::OnAttemptHead(Attempt& attempt) {
  const TimePoint now = context_.loop().Now();
  const int status = attempt.head().status;
  AttemptRecord& record = RecordOf(attempt);
  record.status = status;
  record.time = now - attempt.started;
  record.reused = attempt.reused();
  context_.region_cells(plan_.service, attempt.step().region).head_time.Add(record.time);
  context_.latency(route_).Add(record.time, now);
  attempt.waiting.Release();
  context_.silence(plan_.service, attempt.step().region).OnHeard(record.time, now);
  if (state_ == State::kRelaying) return OnContinuationHead(attempt);
  const AnswerKind kind = Judge(attempt.head(), FailureStatuses());
  attempt.failed_by_head = kind == AnswerKind::kFailure;
  attempt.grpc = IsGrpc(attempt.head().headers);
  if (kind == AnswerKind::kFailure) ReportSignal(attempt, Signal::kFailure);
  Outcome outcome;
  outcome.status = status;
  outcome.failure = kind != AnswerKind::kGood;
  OnOutcome(attempt, outcome);
}

void Exchange::OnAttemptFailed(Attempt& attempt, const Error& error) {
  if (&attempt == held_.get()) {
    // An answer kept in reserve broke; whatever comes is better.
    Drop(held_);
    return;
  }
  AttemptRecord& record = RecordOf(attempt);
  if (record.error.empty()) record.error = Name(error.code);
  if (error.code == ErrorCode::kTlsFailed) record.why = error.what;
  if (!attempt.has_head()) record.time = context_.loop().Now() - attempt.started;
  context_.region_cells(plan_.service, attempt.step().region).failures_by_error[static_cast<size_t>(error.code)].Add();
  Outcome outcome;
  outcome.error = error;
  outcome.committed = state_ == State::kRelaying;
  OnOutcome(attempt, outcome);
}

// Step 10 of the straight line: whatever happened is one Outcome now.
void Exchange::OnOutcome(Attempt& attempt, const Outcome& outcome) {
  const ErrorCode code = outcome.error.code;
  if (outcome.error && outcome.error.fault == Fault::kOrigin && code != ErrorCode::kStaleConnection && !switched()) {
    ReportSignal(attempt, IsConnectError(code) ? Signal::kConnectFail : Signal::kFailure);
  }
  if (LostOnKeptConnection(attempt, outcome.error)) {
    context_.Pool(plan_.service, attempt.step().region, attempt.origin()).OnLost();
  }
  if (outcome.committed) return OnCommittedFailure(outcome.error);
  if (rival_ && SettleRace(attempt, outcome.status != 0 && !outcome.failure)) return;
  if (outcome.error && RetryInRegion(outcome.error)) return;
  if (!MayTryNext(outcome)) {
    if (outcome.status == 0) return GiveUp(outcome.error);
    failed_ = outcome.failure;
    if (failed_ && held_ && Rank(held_->head()) < Rank(attempt_->head())) {
      Drop(attempt_);
      attempt_ = std::move(held_);
    }
    return Commit();
  }
  if (outcome.status != 0) {
    context_.region_cells(plan_.service, attempt_->step().region).failover_statuses.Add();
    Hold(std::move(attempt_));
  } else {
    Drop(attempt_);
  }
  TrySteps(kDeadline);
}

// A connection that had served others took this request with it, seen or not.
bool Exchange::LostOnKeptConnection(const Attempt& attempt, const Error& error) const {
  if (!attempt.reused() || attempt.has_head() || error.retry == Retry::kAlways) return false;
  return error.code == ErrorCode::kStaleConnection || error.code == ErrorCode::kReset ||
         error.code == ErrorCode::kClosedEarly;
}

// Of two attempts side by side one came to an end. True: the other one still has the request.
bool Exchange::SettleRace(Attempt& attempt, bool good) {
  const bool is_rival = &attempt == rival_.get();
  if (good) {
    if (is_rival) std::swap(attempt_, rival_);
    if (is_rival) context_.route_cells(route_).hedges_won.Add();
    AttemptRecord& loser = RecordOf(*rival_);
    loser.error = "overtaken";
    loser.time = context_.loop().Now() - rival_->started;
    // A trial that a whole second attempt could overtake has not proved its region well.
    if (rival_->step().reason == StepReason::kTrial) ReportSignal(*rival_, Signal::kFailure);
    Drop(rival_);
    return false;
  }
  std::unique_ptr<Attempt> gone = std::move(is_rival ? rival_ : attempt_);
  if (!is_rival) attempt_ = std::move(rival_);
  if (gone->has_head()) {
    Hold(std::move(gone));
  } else {
    Drop(gone);
  }
  ArmTryingTimer();
  return true;
}

// Keeps the better of two failures, for the case that nothing better comes; of equals the later one.
void Exchange::Hold(std::unique_ptr<Attempt> attempt) {
  if (held_ && Rank(held_->head()) < Rank(attempt->head())) return Drop(attempt);
  Drop(held_);
  held_ = std::move(attempt);
}

bool Exchange::MayTryNext(const Outcome& outcome) {
  stream_context_.body_gone = !request_body_.whole();
  stream_context_.steps_left = plan_.size - next_step_;
  Decision decision = Decision::kAccept;
  for (const auto& filter : route().filters) {
    decision = filter->OnOutcome(outcome, stream_context_);
    if (decision == Decision::kTryNext) break;
  }
  if (decision != Decision::kTryNext) {
    if (outcome.error && !Replayable()) context_.stats().replay_refused.Add();
    return false;
  }
  const TimePoint now = context_.loop().Now();
  if (stream_context_.steps_left == 0 || (deadline_runs_ && now >= deadline_)) return false;
  // A proof that nothing was processed costs the origins nothing; any other replay is paid for.
  if (outcome.error.retry == Retry::kAlways) return true;
  if (context_.budget(plan_.service).TakeReplay(now, plan_.fail_open)) return true;
  context_.stats().retry_budget_exhausted.Add();
  return false;
}

// A kept connection that died, or a sibling address when one can't be reached: the region itself is not in doubt.
bool Exchange::RetryInRegion(const Error& error) {
  const bool stale = error.code == ErrorCode::kStaleConnection || error.code == ErrorCode::kRefusedStream;
  // Told by the connection that it takes no more: as often as there are connections that say so.
  const bool left_behind = (error.code == ErrorCode::kStaleConnection && error.retry == Retry::kAlways) ||
                           (error.code == ErrorCode::kRefusedStream && error.fault == Fault::kSelf);
  if ((!stale && !IsConnectError(error.code)) ||
      same_region_tries_ >= (left_behind ? kGoawayTries : kSameRegionTries)) {
    return false;
  }
  if (!request_body_.whole() || (error.retry != Retry::kAlways && !Replayable())) return false;
  const Step step = attempt_->step();
  const int origin = attempt_->origin();
  if (!stale) {
    const RegionView& view = world_->services[plan_.service].regions[step.region];
    const int sibling = PickOrigin(view, 0, origin);
    if (sibling < 0 || view.origins[static_cast<size_t>(sibling)].serving == Serving::kDown) return false;
  }
  ++same_region_tries_;
  Drop(attempt_);
  Error next;
  if (StartAttempt(attempt_, step, stale ? -1 : origin, &next)) {
    ArmAttemptTimer();
  } else {
    TrySteps(next);
  }
  return true;
}

void Exchange::Drop(std::unique_ptr<Attempt>& attempt) {
  if (!attempt) return;
  attempt->Cancel();
  context_.loop().Retire(std::move(attempt));
}

// The client is to blame: no origin's answer is wanted any more.
void Exchange::LeaveAttempts() {
  Drop(attempt_);
  Drop(rival_);
  Drop(held_);
  ForgetBody();
}

// ---- Relaying ------------------------------------------------------------------------------------------------------

void Exchange::Commit() {
  if (NotSwitched()) return GiveUp(kNotSwitched);
  if (!Possible(Event::kAnswered)) return;
  Attempt& attempt = *attempt_;
  ResponseHead& head = attempt.head();
  RemoveHopByHop(head.headers);
  if (head.status == 101) OnSwitched();
  BodyPipe& body = RelayedBody();  // by the origin's own head
  const auto& filters = route().filters;
  for (auto it = filters.rbegin(); it != filters.rend(); ++it) (*it)->OnResponse(head, stream_context_);
  if (HeadCost(head) > MessageLimits::kMaxSentHead) {
    resumed_.reset();
    RecordOf(attempt).error = Name(kAnswerTooLarge.code);
    return GiveUp(kAnswerTooLarge);
  }
  Move(Event::kAnswered);
  Drop(held_);
  ForgetBody();
  head_time_ = context_.loop().Now() - head_read_;
  status_ = head.status;
  served_by_ = RegionName(attempt.step());
  progress_ = 0;
  rate_ = {};
  ArmRelayTimer();
  stream_.SendHead(head, &body);
  if (resumed_) resumed_->Attach(attempt.body());
}

void Exchange::OnAttemptComplete(Attempt& attempt) {
  if (attempt.head().status == 101) return;
  if (attempt.failed_by_head) return;  // said with the head
  const HeaderBlock& trailers = attempt.body().trailers();
  const bool unavailable = !trailers.empty() && attempt.grpc && IsGrpcUnavailable(trailers);
  ReportSignal(attempt, unavailable ? Signal::kFailure : Signal::kSuccess);
}

// ---- Replying ------------------------------------------------------------------------------------------------------

void Exchange::GiveUp(const Error& error) {
  if (!Possible(Event::kGaveUp)) return;
  Drop(attempt_);
  Drop(rival_);
  // An origin's real status beats our synthetic one.
  if (held_) {
    failed_ = true;
    attempt_ = std::move(held_);
    return Commit();
  }
  ForgetBody();
  Move(Event::kGaveUp);
  if (error.code == ErrorCode::kTooLarge && error.fault == Fault::kClient) context_.stats().limit_header_bytes.Add();
  lost_ = true;
  if (error.code == ErrorCode::kDeadline || error.code == ErrorCode::kResponseTimeout) end_ = "timeout";
  ReplyWithText(StatusOf(error), &error);
}

void Exchange::ReplyWithText(int status, const Error* error) {
  reply_head_.headers = HeaderBlock(&arena_);
  if (error) {
    AddProxyStatus(arena_, *error, &reply_head_.headers);
  } else {
    AddProxyStatus(arena_, status, &reply_head_.headers);
    if (status == 503) reply_head_.headers.Add("retry-after", "1");
  }
  if (grpc_) {
    AddGrpcStatus(arena_, status, error, &reply_head_.headers);
    grpc_status_ = error ? GrpcStatusOf(*error) : GrpcStatusOf(status);
    reply_head_.status = 200;
    return SendReply({});
  }
  const ReplyText text = MakeReplyText(arena_, status, request_.headers.Get(HeaderId::kAccept));
  Reply(status, text.content_type, text.body);
}

void Exchange::Reply(int status, std::string_view content_type, std::string_view body) {
  reply_head_.status = status;
  reply_head_.content_length = static_cast<int64_t>(body.size());
  if (!body.empty()) reply_head_.headers.Add("content-type", content_type, HeaderId::kContentType);
  SendReply(body);
}

void Exchange::SendReply(std::string_view body) {
  status_ = reply_head_.status;
  if (end_ == "complete") end_ = "local";
  head_time_ = context_.loop().Now() - head_read_;
  reply_head_.headers.Add("x-request-id", stream_context_.request_id, HeaderId::kXRequestId);
  if (routed_) {
    const auto& filters = route().filters;
    for (auto it = filters.rbegin(); it != filters.rend(); ++it) (*it)->OnReply(reply_head_, stream_context_);
  }
  reply_source_.Start(body);
  progress_ = 0;
  rate_ = {};
  ArmClientTimer();
  stream_.SendHead(reply_head_, &reply_body_);
}

}  // namespace meridian
