#include "http/h2_server.h"

#include <algorithm>

#include "http/header_rules.h"

namespace meridian {
namespace {

constexpr Error kFlood{ErrorCode::kTooLarge, Fault::kClient, Retry::kNever, "flood of control frames"};
constexpr Error kOutOfOrder{ErrorCode::kProtocol, Fault::kClient, Retry::kNever, "HTTP/2 protocol error"};
constexpr Error kClientClosed{ErrorCode::kClosedEarly, Fault::kClient, Retry::kNever, "client closed"};

}  // namespace

class H2Server::Stream final : public H2Stream, public ServerStream {
 public:
  explicit Stream(H2Server& server) : H2Stream(server), server_(server) { head_.version = HttpVersion::kHttp2; }

  void Begin() {
    handler_ = server_.sink_.OnRequestBegin(*this);
    headers_ = HeaderBlock(&handler_->arena());
    AttachIn(&handler_->request_body());
  }

  int Field(std::string_view name, std::string_view value) {
    if (!handler_ || refused_) return 0;
    const MessageLimits& limits = server_.limits_;
    const uint32_t most = head_done_ ? limits.max_trailer_bytes : limits.max_header_bytes;
    const bool crumb = name == "cookie" && std::exchange(cookie_, true);
    if (crumb ? !CountCrumb(value.size(), most, kMostCrumbs)
              : !CountField(name.size(), value.size(), most, limits.max_headers)) {
      return Refuse(431, NGHTTP2_ENHANCE_YOUR_CALM);
    }
    Arena& arena = handler_->arena();
    if (name.front() != ':') {
      const HeaderId header = IdentifyHeader(name);
      const TrailerRule rule = head_done_ ? RuleOfTrailer(header) : TrailerRule::kPass;
      if (rule == TrailerRule::kRefuse) return Refuse(400, NGHTTP2_PROTOCOL_ERROR);
      if (rule == TrailerRule::kDrop) return 0;
      headers_.Add(arena.Copy(name), arena.Copy(value), header);
      return 0;
    }
    if (name == ":method") {
      head_.method_text = arena.Copy(value);
      head_.method = IdentifyMethod(head_.method_text);  // whatever becomes of the rest: an answer to HEAD has no body
    }
    if (name == ":path") head_.path = arena.Copy(value);
    if (name == ":authority") head_.authority = arena.Copy(value);
    if (name == ":scheme") head_.scheme = server_.tls_ ? "https" : "http";
    if (name == ":protocol") protocol_ = arena.Copy(value);
    return 0;
  }

  void HeadersDone(bool end_stream) {
    if (!handler_) return;
    if (head_done_) return;  // trailers: delivered at the end of the body
    if (answered_) return;   // it took too long
    head_done_ = true;
    end_stream_ = end_stream;
    head_.has_body = !end_stream;
    const int status = refused_ ? refused_ : Check();
    if (status) {
      head_.headers = headers_;  // as far as they were taken
      handler_->OnBadRequest(status, head_);
      return;
    }
    headers_ = HeaderBlock(&handler_->arena());  // for trailers
    header_bytes_ = 0;
    crumbs_ = 0;
    cookie_ = false;
    // It goes on as a whole request, so it has to be one: a byte more, and it was none.
    held_ = head_.has_body && head_.content_length == 0;
    if (held_) head_.expect_continue = false;
    if (!held_) GoOn();
  }

  void InEnd() {
    if (!handler_ || refused_) return;
    if (std::exchange(held_, false)) {
      if (answered_) return;  // it took too long
      head_.has_body = !headers_.empty();
      GoOn();
      if (!handler_) return;
    }
    if (!headers_.empty()) handler_->OnTrailers(headers_);
    in_->FinishWithTrailers(headers_);
  }

  // An origin may have it, and is not done with it.
  bool at_work() const { return handler_ && carried_ && !answered_; }
  bool answered() const { return answered_; }
  void OursToBlame() { own_reset_ = true; }

  void Closed(bool complete) {
    if (in_ && !in_->ended()) in_->Fail();
    ReleasePipes();
    RequestHandler* handler = std::exchange(handler_, nullptr);
    if (handler) handler->OnStreamClosed(complete && out_ended_);
  }

  // ---- ServerStream
  void SendInformational(const ResponseHead& head) override {
    auto& list = H2HeaderList::Local();
    list.Begin();
    list.Add(":status", StatusText(head.status));
    list.AddAll(head.headers);
    nghttp2_submit_headers(server_.session_, NGHTTP2_FLAG_NONE, id, nullptr, list.data(), list.size(), nullptr);
    server_.host_.WantWrite();
  }

  void SendHead(const ResponseHead& head, BodyPipe* body) override {
    answered_ = true;
    auto& list = H2HeaderList::Local();
    list.Begin();
    // The switch of HTTP/1.1 is the success of a CONNECT (RFC 8441 §5).
    const bool tunnel = head.status == 101;
    list.Add(":status", StatusText(tunnel ? 200 : head.status));
    list.AddAll(head.headers);
    if (head.content_length != kUnknownLength && head.status != 204 && !tunnel) {
      list.AddLength(head.content_length, handler_->arena());
    }
    if (!tunnel && !ResponseHasBody(head_.method, head.status)) body = nullptr;
    if (body && body->AtEnd() && body->trailers().empty()) body = nullptr;
    nghttp2_data_provider provider;
    if (body) {
      AttachOut(body);
      provider = server_.DataProvider(this);
    }
    if (nghttp2_submit_response(server_.session_, id, list.data(), list.size(), body ? &provider : nullptr) != 0) {
      ResetByUs(NGHTTP2_INTERNAL_ERROR);
    }
    server_.host_.WantWrite();
  }

  void Reset(bool nothing_done) override { ResetByUs(nothing_done ? NGHTTP2_REFUSED_STREAM : NGHTTP2_INTERNAL_ERROR); }

 private:
  void GoOn() {
    carried_ = true;
    handler_->OnRequestHead(head_);
  }
  // A head is answered with the status; behind one the stream ends with the code, and its body as a broken one.
  int Refuse(int status, uint32_t code) {
    if (head_done_) server_.ResetStream(id, code);
    refused_ = status;
    return 0;
  }
  void ResetByUs(uint32_t code) {
    answered_ = true;
    own_reset_ = true;
    server_.ResetStream(id, code);
  }

  // 0, or the status to refuse with. Nothing that HTTP/1 would read differently may pass (RFC 9113 §8.3, §10.3).
  int Check() {
    if (head_.method == Method::kConnect) {
      if (const int status = CheckConnect()) return status;
    }
    if (const int status = CheckMethod(head_.method_text)) return status;
    if (head_.path.size() > server_.limits_.max_target_bytes) return 414;
    const bool asterisk = head_.path == "*" && head_.method == Method::kOptions;
    if (!asterisk && (head_.path.empty() || head_.path.front() != '/')) return 400;
    for (char c : head_.path) {
      if (static_cast<unsigned char>(c) <= 0x20 || static_cast<unsigned char>(c) >= 0x7f || c == '#') return 400;
    }
    const std::string_view host = headers_.Get(HeaderId::kHost);
    if (head_.authority.empty()) head_.authority = host;
    if (!host.empty() && !EqualsIgnoreCase(host, head_.authority)) return 400;
    if (!IsAuthority(head_.authority)) return 400;
    headers_.Remove(HeaderId::kHost);
    Arena& arena = handler_->arena();
    head_.authority = LowerCopy(arena, head_.authority);
    if (const Header* length = headers_.Find(HeaderId::kContentLength)) {
      head_.content_length = ParseContentLength(length->value);
      if (head_.content_length < 0) return 400;
      headers_.Remove(HeaderId::kContentLength);
    }
    if (const int expect = TakeExpect(headers_)) {
      if (expect == 417) return 417;
      head_.expect_continue = head_.has_body;
    }
    // Crumbs become one field again (RFC 9113 §8.2.3).
    headers_.Join(HeaderId::kCookie, "cookie", "; ");
    head_.headers = headers_;
    return 0;
  }

  // A WebSocket (RFC 8441 §4) goes on as the GET that it is in HTTP/1.1.
  int CheckConnect() {
    if (protocol_ != "websocket") return 501;
    if (end_stream_ || headers_.Find(HeaderId::kContentLength)) return 400;
    head_.method = Method::kGet;
    head_.method_text = "GET";
    head_.has_body = false;
    head_.websocket = true;
    return 0;
  }

  H2Server& server_;
  RequestHandler* handler_ = nullptr;
  RequestHead head_;
  std::string_view protocol_;
  int refused_ = 0;
  bool end_stream_ = false;
  bool head_done_ = false;
  bool answered_ = false;  // or reset, by us
  bool carried_ = false;   // its head went on
  bool held_ = false;      // it will, when the end of the request is known
  bool cookie_ = false;    // one came
};

H2Server::H2Server(CodecHost& host, ServerSink& sink, const MessageLimits& limits, bool tls)
    : H2Session(host, limits),
      sink_(sink),
      tls_(tls),
      meter_(NGHTTP2_CLIENT_MAGIC_LEN),
      frames_(host.Now()),
      resets_(kResetBurst, kResetsPerSecond, host.Now()),
      refused_(kRefusedBurst, kRefusedPerSecond, host.Now()) {
  Start(true, kConnectionWindow);
  host_.WantWrite();
}

int H2Server::OnBeginHeaders(const nghttp2_frame& frame) {
  list_bytes_ = 0;
  if (frame.headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
  if (!RoomForStream()) {
    RefuseStream(frame.hd.stream_id);
    return 0;
  }
  frames_.OnRequest();
  auto* stream = new Stream(*this);
  Adopt(stream, frame.hd.stream_id);
  stream->Begin();
  return 0;
}

// A frame of 16 KiB may name one large field 16 000 times, and nghttp2 checks each of them before it comes here: also
// when the stream was refused and nobody hears of it.
int H2Server::OnHeader(H2Stream* stream, const nghttp2_frame&, std::string_view name, std::string_view value) {
  list_bytes_ += name.size() + value.size() + 32;
  if (list_bytes_ > kBomb * limits_.max_header_bytes) {
    EndFlood();
    return NGHTTP2_ERR_CALLBACK_FAILURE;
  }
  return stream ? static_cast<Stream*>(stream)->Field(name, value) : 0;
}

int H2Server::OnHeadersDone(H2Stream* stream, const nghttp2_frame& frame) {
  static_cast<Stream*>(stream)->HeadersDone((frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0);
  return 0;
}

void H2Server::OnInEnd(H2Stream* stream) { static_cast<Stream*>(stream)->InEnd(); }

// Answered before the request's end: the rest is not wanted (RFC 9113 §8.1). The reset that says so waits, and what
// comes until then is read and dropped: there are clients that drop an answer if its reset is in the same read
// (curl 7.88), and clients that read the answer only behind their body. The exchange is over now.
void H2Server::OnOutEnd(H2Stream* stream) {
  resets_.Earn(1);
  if (stream->in_ended()) return;
  unwanted_.push_back({stream->id, host_.Now() + kUnwantedPatience});
  ArmWake();
  static_cast<Stream*>(stream)->Closed(true);
  Abandon(stream);
}

void H2Server::OnWake() {
  while (!unwanted_.empty() && unwanted_.front().until <= host_.Now()) {
    const int32_t id = unwanted_.front().id;
    if (nghttp2_session_find_stream(session_, id)) ResetStream(id, NGHTTP2_NO_ERROR);
    unwanted_.pop_front();
  }
  if (calming_ && calm_until_ <= host_.Now()) {
    calming_ = false;
    host_.ResumeRead();
  }
  ArmWake();
}

void H2Server::ArmWake() {
  if (!calming_ && unwanted_.empty()) return;
  TimePoint at = calming_ ? calm_until_ : unwanted_.front().until;
  if (!unwanted_.empty()) at = std::min(at, unwanted_.front().until);
  host_.WakeAfter(at - host_.Now());
}

// The client did as it was told, and makes room at once.
void H2Server::OnLostStreamClosed(int32_t id) {
  const auto it = std::ranges::find(unwanted_, id, &Unwanted::id);
  if (it != unwanted_.end()) unwanted_.erase(it);
}

void H2Server::OnStreamClosed(H2Stream* stream, uint32_t code) {
  auto* mine = static_cast<Stream*>(stream);
  if (stream->in_ended()) RememberEnd(stream->id);
  // What we cut ourselves broke at its origin.
  if (code != NGHTTP2_NO_ERROR && !mine->own_reset() && mine->at_work())
    cancelled_.push_back(host_.Now() + kCancelledCounts);
  mine->Closed(code == NGHTTP2_NO_ERROR);
}

void H2Server::EndFlood() { Terminate(NGHTTP2_ENHANCE_YOUR_CALM, kFlood); }
void H2Server::EndOutOfOrder(uint32_t code) { Terminate(code, kOutOfOrder); }

// nghttp2 ignores both of these (RFC 9113 §5.1.1, §6.3). Between two new streams others may have been passed over,
// which closes them; only the last such gap is remembered, since nobody leaves any.
bool H2Server::BreaksOrder(const nghttp2_frame_hd& head) {
  if (head.type == NGHTTP2_PRIORITY) return head.stream_id == 0;
  if (head.type != NGHTTP2_HEADERS) return false;
  if (head.stream_id <= newest_) return head.stream_id > skipped_from_ && head.stream_id < skipped_to_;
  if (head.stream_id > newest_ + 2) {
    skipped_from_ = newest_;
    skipped_to_ = head.stream_id;
  }
  newest_ = head.stream_id;
  return false;
}

void H2Server::OnFrameBegin(const nghttp2_frame_hd& head) {
  const TimePoint now = host_.Now();
  // Of a request: its body, or its trailers.
  const bool message = head.type == NGHTTP2_DATA || head.type == NGHTTP2_HEADERS;
  const bool known = message && (head.stream_id > newest_ || Find(head.stream_id));
  if (BreaksOrder(head)) return EndOutOfOrder(NGHTTP2_PROTOCOL_ERROR);
  // What we ended ourselves may have crossed with it; here it did not (RFC 7540 §5.1). nghttp2 forgets closed streams.
  if (message && !known && EndedByClient(head.stream_id)) return EndOutOfOrder(NGHTTP2_STREAM_CLOSED);
  switch (head.type) {
    case NGHTTP2_DATA:
      return;
    case NGHTTP2_HEADERS:  // behind the end of a stream nghttp2 only decodes them
      return Charge(known || frames_.Take(now));
    case NGHTTP2_WINDOW_UPDATE:
      return Charge(frames_.TakeUpdate(now));
    case NGHTTP2_PING:
      return Charge(frames_.TakePing(now));
    case NGHTTP2_PRIORITY:
    case NGHTTP2_RST_STREAM:
    case NGHTTP2_CONTINUATION:
      return Charge(frames_.TakeOther(now));
    default:
      return Charge(frames_.Take(now));
  }
}

void H2Server::OnFrame(const nghttp2_frame& frame) {
  if (frame.hd.type == NGHTTP2_RST_STREAM) {
    RememberEnd(frame.hd.stream_id);
    // Behind an answer it says that this much of it was enough: that is no work for nothing.
    auto* stream = static_cast<Stream*>(Find(frame.hd.stream_id));
    const bool answered = stream ? stream->answered()
                                 : std::ranges::find(unwanted_, frame.hd.stream_id, &Unwanted::id) != unwanted_.end();
    return Charge(answered || resets_.Take(host_.Now()));
  }
  const bool empty = frame.hd.type == NGHTTP2_DATA && frame.hd.length <= frame.data.padlen;
  if (empty && !(frame.hd.flags & NGHTTP2_FLAG_END_STREAM)) Charge(frames_.Take(host_.Now()));
}

void H2Server::OnResetSent(H2Stream* stream, uint32_t code) {
  // nghttp2 says so itself when a body broke off, which is its origin's fault.
  if (stream && code == NGHTTP2_INTERNAL_ERROR) static_cast<Stream*>(stream)->OursToBlame();
  if (code == NGHTTP2_NO_ERROR || code == NGHTTP2_REFUSED_STREAM || (stream && stream->own_reset())) return;
  Charge(resets_.Take(host_.Now()));
}

void H2Server::RefuseStream(int32_t id) {
  ResetStream(id, NGHTTP2_REFUSED_STREAM);
  sink_.OnStreamRefused();
  Charge(frames_.Take(host_.Now()));
  if (calming_ || refused_.Take(host_.Now())) return;
  calming_ = true;
  calm_until_ = host_.Now() + kCalm;
  ArmWake();
}

bool H2Server::RoomForStream() {
  while (!cancelled_.empty() && cancelled_.front() <= host_.Now()) cancelled_.pop_front();
  return active() + cancelled_.size() + unwanted_.size() < limits_.max_streams;
}

void H2Server::OnEof() {
  if (!error_) error_ = kClientClosed;
}

void H2Server::OnClosed(const Error&) {
  ForEachStream([](H2Stream* stream) { static_cast<Stream*>(stream)->Closed(false); });
  DropAllStreams();
}

void H2Server::StartDrain() {
  if (!draining_) {
    draining_ = true;
    nghttp2_submit_shutdown_notice(session_);
  } else {
    nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(session_),
                          NGHTTP2_NO_ERROR, nullptr, 0);
  }
  host_.WantWrite();
}

}  // namespace meridian
