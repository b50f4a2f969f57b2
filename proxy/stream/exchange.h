// One request and its response, from first byte to last: the straight line of ARCHITECTURE.md, steps 4 to 14.
//
//                  head read                    a head to pass on
//   Receiving ──────────────────▶ Trying ─────────────────────────▶ Relaying ──┐
//       │                         │    ▲ │                                     │ stream over
//       │ refused, local reply    │    └─┘ next step (the only backward arrow) ├────────────▶ Done
//       └──────────────▶ Replying ◀───┘ gave up                                │
//                           └──────────────────────────────────────────────────┘
//
// Nothing reached the client before Relaying, so a switch of origin is invisible. Filters say whether to try next; the
// plan says where; the deadline and the retry budget say whether there is still time and right to.
//
// Two attempts run side by side only in a hedge: the rival started because the first one was slow. The first good
// answer counts; a failure of one leaves the request to the other.
#pragma once

#include <string>

#include "policy/rate_watch.h"
#include "stream/attempt.h"
#include "stream/client_connection.h"
#include "stream/reply_source.h"
#include "stream/resumed_body.h"
#include "stream/worker_context.h"

namespace meridian {

class Exchange final : public ConnectionExchange,
                       private AttemptSink,
                       private BodyPipe::Observer,
                       private ResumedBodySink {
 public:
  Exchange(WorkerContext& context, ClientConnection& connection, ServerStream& stream);
  ~Exchange() override;
  static void* operator new(size_t size);
  static void operator delete(void* p);

 private:
  enum class State : uint8_t { kReceiving, kTrying, kRelaying, kReplying, kDone, kNone };
  enum class Event : uint8_t { kHeadRead, kRefused, kAnswered, kGaveUp, kStreamOver };
  static constexpr Error kDeadline{ErrorCode::kDeadline, Fault::kOrigin, Retry::kNever, "the request ran out of time"};
  static constexpr Error kNotSwitched{ErrorCode::kProtocol, Fault::kOrigin, Retry::kNever, "no switch to a WebSocket"};
  // Rows: state. Columns: head read, refused, answered, gave up, stream over. kNone: it can't happen there.
  static constexpr State kNext[5][5] = {
      /* Receiving */ {State::kTrying, State::kReplying, State::kNone, State::kNone, State::kDone},
      /* Trying    */ {State::kNone, State::kReplying, State::kRelaying, State::kReplying, State::kDone},
      /* Relaying  */ {State::kNone, State::kNone, State::kNone, State::kNone, State::kDone},
      /* Replying  */ {State::kNone, State::kNone, State::kNone, State::kNone, State::kDone},
      /* Done      */ {State::kNone, State::kNone, State::kNone, State::kNone, State::kNone},
  };
  State Next(Event event) const { return kNext[static_cast<size_t>(state_)][static_cast<size_t>(event)]; }
  // False: it can't happen now. Then there is nothing to do but to return; it is counted, and a crash in debug.
  bool Possible(Event event) { return Next(event) != State::kNone || Impossible(); }
  bool Impossible();
  bool Move(Event event) {
    if (!Possible(event)) return false;
    state_ = Next(event);
    return true;
  }

  // RequestHandler
  Arena& arena() override { return arena_; }
  BodyPipe& request_body() override { return request_body_; }
  void OnRequestHead(const RequestHead& head) override;
  void OnTrailers(HeaderBlock& trailers) override;
  void OnBadRequest(int status, const RequestHead& partial) override;
  void OnStreamClosed(bool complete) override;
  // AttemptSink
  void OnAttemptInformational(Attempt& attempt, const ResponseHead& head) override;
  void OnAttemptHead(Attempt& attempt) override;
  void OnAttemptTrailers(HeaderBlock& trailers) override;
  void OnAttemptComplete(Attempt& attempt) override;
  void OnAttemptFailed(Attempt& attempt, const Error& error) override;
  // BodyPipe::Observer
  void OnBodyDrained() override;
  // ResumedBodySink
  void OnSourceOver() override;

  // ---- in the order of life
  void Identify();
  bool HasMemory();
  void IdentifyClient();
  bool Normalize();
  size_t DropUnderscored(HeaderBlock& headers);
  bool JudgeUnderscores();
  int Match();
  bool AskFilters();
  void MakePlan();
  bool PrepareWebSocket();
  void KeepBody();
  void ForgetBody();
  void TrySteps(Error error);  // what to say if none is left
  std::unique_ptr<Attempt> NewAttempt(const Step& step, uint16_t origin, TimePoint now);
  bool StartAttempt(std::unique_ptr<Attempt>& slot, const Step& step, int skip_origin, Error* error);
  void OnOutcome(Attempt& attempt, const Outcome& outcome);
  bool LostOnKeptConnection(const Attempt& attempt, const Error& error) const;
  bool SettleRace(Attempt& attempt, bool good);
  bool MayTryNext(const Outcome& outcome);
  bool RetryInRegion(const Error& error);
  void Drop(std::unique_ptr<Attempt>& attempt);
  void LeaveAttempts();
  void Hold(std::unique_ptr<Attempt> attempt);
  void Commit();
  bool NotSwitched() const;
  void OnSwitched();
  BodyPipe& RelayedBody();
  void OnCommittedFailure(const Error& error);
  void OnContinuationHead(Attempt& attempt);
  void OnContinuationTimeout();
  void OnStall();
  bool MayResume();
  bool PayForResume();
  void ReportSilence();
  void CutResumed();
  void GiveUp(const Error& error);
  void Reply(int status, std::string_view content_type, std::string_view body);
  void ReplyWithText(int status, const Error* error);
  void SendReply(std::string_view body);
  void Finish();

  void OnTimer();
  void OnTryingTimer();
  void OnAttemptTimeout(Attempt& attempt);
  void OnUploadTimer();
  void RefuseUpload();
  void OnRelayTimer();
  void ArmRelayTimer();
  void ArmClientTimer();
  void ArmAttemptTimer();
  void ArmTryingTimer();
  Duration AttemptTime(TimePoint now);
  Duration HedgeDelay(const Attempt& attempt, TimePoint now);
  void StartRival();
  void OnDoubt();
  int LiveArm(int arm, uint64_t draw);
  bool ToldBefore(const Attempt& attempt, const ResponseHead& head);
  bool uploading() const { return request_.has_body && !body_sent_; }
  bool Replayable() const;
  bool MayMove() const { return next_step_ < plan_.size && Replayable(); }
  // The client and an origin speak WebSocket.
  bool switched() const { return state_ == State::kRelaying && attempt_ && attempt_->head().status == 101; }
  Duration IdleLimit() const;
  Duration RelayPatience() const;
  bool ClientOwes() const;
  void OnClientStall();
  void CutStream();
  bool UploadTooSlow(TimePoint now);
  Duration UploadPatience(TimePoint now, bool origin_stalls);
  Duration RelayLook(bool owing) const;
  const StatusSet& FailureStatuses() const;
  AttemptRecord& RecordOf(const Attempt& attempt);
  SilenceWatch::Ticket WaitForHead(const Attempt& attempt, TimePoint now);
  void ReportSignal(const Attempt& attempt, Signal signal);
  const RouteModel& route() const { return world_->model->routes[route_]; }
  const ServiceModel& service() const { return world_->model->services[plan_.service]; }
  std::string_view RegionName(const Step& step) const;
  const BodyPipe& ClientBody() const;
  void WriteLog(int status, Duration duration);
  void CountResult(int status, Duration duration);
  void CountDrill(int status, bool failed);
  void ReportAffected(int status, bool failed);

  WorkerContext& context_;
  ClientConnection& connection_;
  ServerStream& stream_;
  WorldRef world_;
  const TimePoint begun_;
  TimePoint head_read_;
  TimePoint deadline_;
  State state_ = State::kReceiving;
  bool routed_ = false;
  bool grpc_ = false;  // the client calls gRPC: it is answered in gRPC
  bool have_plan_ = false;
  bool body_sent_ = false;      // the origin has the whole request body, the deadline runs
  bool deadline_runs_ = false;  // not while the body is on its way for the first time
  bool failed_ = false;         // the client got an answer that a better region would not have given
  bool lost_ = false;           // our own answer, or cut after commit
  bool cut_ = false;            // its stream was reset, which the client may not have taken yet
  bool stalled_ = false;        // the origin owes bytes, and its region was told of
  int status_ = 0;              // that the client was told, by an origin or by us
  uint16_t route_ = 0;
  uint8_t next_step_ = 0;
  uint8_t same_region_tries_ = 0;
  int16_t failed_region_ = -1;   // where an attempt failed first; −1: none did
  int16_t drilled_region_ = -1;  // where it first met a drill
  bool failed_trial_ = false;    // and whether that was a trial
  std::string_view end_ = "complete";
  std::string_view grpc_status_;  // of an answer of our own
  uint64_t progress_ = 0;         // what moved by the last look at the timer
  TimePoint progress_at_{};       // of an upload, or of a response that is relayed
  RateWatch rate_;                // of the client, while it is its turn
  TimePoint hedge_at_{};          // when a rival starts; the epoch: none will
  TimePoint doubt_at_{};          // when the region hears of an attempt that must be waited for; the epoch: never
  uint64_t replay_reserved_ = 0;

  Arena arena_;
  RequestHead request_;
  BodyPipe request_body_;
  StreamContext stream_context_;
  Plan plan_;
  std::unique_ptr<Attempt> attempt_;
  std::unique_ptr<Attempt> rival_;
  std::unique_ptr<Attempt> held_;  // an answer with a failure status, in case nothing better comes
  static constexpr size_t kMaxRecords = Plan::kMaxSteps + 4;
  // An interim response that the client has, by its fingerprint, and which attempt told it.
  struct Told {
    uint64_t fingerprint;
    size_t record;
  };
  static constexpr size_t kMaxTold = 16;
  Told* told_ = nullptr;  // in the arena
  size_t told_count_ = 0;
  bool told_continue_ = false;
  AttemptRecord* records_ = nullptr;  // in the arena, kMaxRecords of them
  size_t record_count_ = 0;
  std::unique_ptr<ResumedBody> resumed_;  // between the origins and the client, on routes that want it
  std::string_view served_by_;            // the region whose head the client got
  ResponseHead reply_head_;
  BodyPipe reply_body_;
  ReplySource reply_source_{context_.loop(), reply_body_};
  Duration head_time_{};
  Timer timer_;
};

}  // namespace meridian
