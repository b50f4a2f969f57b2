#include "http/h2_client.h"

#include "http/header_rules.h"

namespace meridian {
namespace {

constexpr Error kOriginClosed{ErrorCode::kClosedEarly, Fault::kOrigin, Retry::kIfIdempotent, "connection closed"};
constexpr Error kRefused{ErrorCode::kRefusedStream, Fault::kOrigin, Retry::kAlways, "stream refused"};
// …one more than the origin takes: it never had a reason to be in doubt.
constexpr Error kOneTooMany{ErrorCode::kRefusedStream, Fault::kSelf, Retry::kAlways,
                            "more streams than the origin takes"};
// Above the last stream of a GOAWAY: the connection ended before it took the request; the origin is not in doubt.
constexpr Error kLeftBehind{ErrorCode::kStaleConnection, Fault::kOrigin, Retry::kAlways, "connection going away"};
constexpr Error kUnseen{ErrorCode::kStaleConnection, Fault::kOrigin, Retry::kAlways, "kept connection was closed"};
constexpr Error kStreamReset{ErrorCode::kReset, Fault::kOrigin, Retry::kIfIdempotent, "stream reset"};
constexpr Error kTooLarge{ErrorCode::kTooLarge, Fault::kOrigin, Retry::kIfIdempotent, "response head too large"};
constexpr int kMaxInformational = 32;

}  // namespace

class H2Client::Stream final : public H2Stream, public ClientStream {
 public:
  Stream(H2Client& client, ResponseHandler& handler) : H2Stream(client), client_(client), handler_(&handler) {}

  // `place`: how many streams there are with it.
  void Begin(const RequestHead& request, BodyPipe* body, size_t place) {
    place_ = place;
    method_ = request.method;
    has_body_ = body != nullptr;
    AttachOut(body);
    AttachIn(&handler_->response_body());
    headers_ = HeaderBlock(&handler_->arena());
  }

  int Field(std::string_view name, std::string_view value) {
    if (!handler_) return 0;
    const MessageLimits& limits = client_.limits_;
    const uint32_t most = head_done_ ? limits.max_trailer_bytes : limits.max_header_bytes;
    if (!CountField(name.size(), value.size(), most, limits.max_headers)) {
      too_large_ = true;
      return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    Arena& arena = handler_->arena();
    if (name == ":status") {
      head_.status = ParseStatus(value);
      return head_.status ? 0 : static_cast<int>(NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE);
    }
    const HeaderId header = IdentifyHeader(name);
    const TrailerRule rule = head_done_ ? RuleOfTrailer(header) : TrailerRule::kPass;
    if (rule == TrailerRule::kRefuse) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    if (rule == TrailerRule::kDrop) return 0;
    headers_.Add(arena.Copy(name), arena.Copy(value), header);
    return 0;
  }

  int HeadersDone(bool end_stream) {
    if (!handler_ || head_done_) return 0;
    head_.version = HttpVersion::kHttp2;
    head_.headers = headers_;
    headers_ = HeaderBlock(&handler_->arena());
    header_bytes_ = 0;
    if (head_.status < 200) {
      if (head_.status == 101 || ++informational_ > kMaxInformational) {
        client_.ResetStream(id, NGHTTP2_PROTOCOL_ERROR);
        return 0;
      }
      handler_->OnInformational(head_);
      return 0;
    }
    head_done_ = true;
    if (const Header* length = head_.headers.Find(HeaderId::kContentLength)) {
      head_.content_length = ParseContentLength(length->value);
      head_.headers.Remove(HeaderId::kContentLength);
    }
    if (end_stream) in_->Finish();
    handler_->OnResponseHead(head_);
    return 0;
  }

  void InEnd() {
    // Answered before our request was sent whole: the rest is not wanted.
    if (has_body_ && !out_ended_) client_.ResetStream(id, NGHTTP2_NO_ERROR);
    if (!handler_) return;
    if (!headers_.empty()) handler_->OnTrailers(headers_);
    in_->FinishWithTrailers(headers_);
  }

  void Sent() {
    sent_ = true;
    mark_ = client_.host_.handed();
  }
  // The origin closed the connection; what its FIN does not acknowledge it never saw (see H1Client::FailStream).
  void PeerClosed() { unseen_ = sent_ && !head_done_ && informational_ == 0 && client_.host_.Unacknowledged(mark_); }

  void Closed(Error error, bool complete) {
    ResponseHandler* handler = std::exchange(handler_, nullptr);
    BodyPipe* in = in_;
    ReleasePipes();
    if (!handler) return;
    if (complete && head_done_) return handler->OnResponseComplete();
    if (unseen_) error = kUnseen;
    if (too_large_) error = kTooLarge;
    if (!sent_) error.retry = Retry::kAlways;
    if (in) in->Fail();
    handler->OnAttemptFailed(error);
  }
  bool complete() const { return in_ended_ && head_done_; }
  size_t place() const { return place_; }

  void Cancel() override {
    handler_ = nullptr;
    given_up_ = true;
    ReleasePipes();
    ++client_.given_up_;
    client_.given_up_at_ = client_.host_.Now();
    client_.ResetStream(id, NGHTTP2_CANCEL);
    client_.Suspect();
  }
  bool given_up() const { return given_up_; }

 private:
  H2Client& client_;
  ResponseHandler* handler_;
  ResponseHead head_;
  Method method_ = Method::kGet;
  size_t place_ = 0;
  bool has_body_ = false;
  bool head_done_ = false;
  bool sent_ = false;
  bool given_up_ = false;
  bool too_large_ = false;  // what the origin said of it was above a limit
  bool unseen_ = false;
  uint64_t mark_ = 0;  // at most what was written to the connection before the request
  int informational_ = 0;
};

H2Client::H2Client(CodecHost& host, const MessageLimits& limits, size_t streams)
    : H2Session(host, limits), unheard_streams_(std::min<size_t>(streams, limits.max_streams)) {
  H2Session::Start(false, kConnectionWindow);
  host_.WantWrite();
}

size_t H2Client::available() const {
  if (error_ || goaway_ || suspect_ || !nghttp2_session_check_request_allowed(session_)) return 0;
  const size_t most = heard_limit_ ? *stream_limit() : unheard_streams_;
  return most > active() ? most - active() : 0;
}

std::optional<size_t> H2Client::stream_limit() const {
  if (!heard_limit_) return std::nullopt;
  const uint32_t theirs = nghttp2_session_get_remote_settings(session_, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
  return std::min(theirs, limits_.max_streams);
}

bool H2Client::Takes(const RequestHead& request) const {
  const uint32_t most = nghttp2_session_get_remote_settings(session_, NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE);
  return most == UINT32_MAX || HeadCost(request) <= most;
}

ClientStream* H2Client::Start(const RequestHead& request, BodyPipe* body, ResponseHandler& handler) {
  auto* stream = new Stream(*this, handler);
  auto& list = H2HeaderList::Local();
  list.Begin();
  list.Add(":method", request.method_text);
  list.Add(":scheme", request.scheme);
  list.Add(":authority", request.authority);
  list.Add(":path", request.path);
  list.AddAll(request.headers);
  if (request.content_length != kUnknownLength) list.AddLength(request.content_length, handler.arena());
  if (request.expect_continue) list.Add("expect", "100-continue");
  nghttp2_data_provider provider = DataProvider(stream);
  const int32_t id =
      nghttp2_submit_request(session_, nullptr, list.data(), list.size(), body ? &provider : nullptr, stream);
  if (id < 0) {
    delete stream;
    return nullptr;
  }
  Adopt(stream, id);
  stream->Begin(request, body, active());
  host_.WantWrite();
  return stream;
}

void H2Client::Suspect() {
  const TimePoint now = host_.Now();
  if (suspect_ || now - heard_at_ < kSilence) return;
  suspect_ = true;
  suspect_since_ = now;
  nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr);
  host_.WantWrite();
}

int H2Client::OnBeginHeaders(const nghttp2_frame&) { return 0; }

int H2Client::OnHeader(H2Stream* stream, const nghttp2_frame&, std::string_view name, std::string_view value) {
  return stream ? static_cast<Stream*>(stream)->Field(name, value) : 0;
}

int H2Client::OnHeadersDone(H2Stream* stream, const nghttp2_frame& frame) {
  return static_cast<Stream*>(stream)->HeadersDone((frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0);
}

void H2Client::OnInEnd(H2Stream* stream) { static_cast<Stream*>(stream)->InEnd(); }
void H2Client::OnHeadersSent(H2Stream* stream) { static_cast<Stream*>(stream)->Sent(); }

void H2Client::OnStreamClosed(H2Stream* stream, uint32_t code) {
  auto* mine = static_cast<Stream*>(stream);
  if (mine->given_up()) {
    --given_up_;
    given_up_at_ = host_.Now();
  }
  // An origin that ends connections before it takes anything is in doubt, though.
  const Error& refused = goaway_ ? (taken_ > 0 ? kLeftBehind : kRefused) : OneTooMany(*mine) ? kOneTooMany : kRefused;
  mine->Closed(code == NGHTTP2_REFUSED_STREAM ? refused : kStreamReset, mine->complete());
}

// The limit may have come after the stream had begun.
bool H2Client::OneTooMany(const Stream& refused) const {
  return heard_limit_ && std::max(refused.place(), active() + 1) > *stream_limit();
}

void H2Client::OnFrame(const nghttp2_frame& frame) {
  if (frame.hd.type == NGHTTP2_SETTINGS && (frame.hd.flags & NGHTTP2_FLAG_ACK) == 0) heard_limit_ = true;
  if (frame.hd.type != NGHTTP2_GOAWAY) return;
  goaway_ = true;
  taken_ = frame.goaway.last_stream_id;
}

void H2Client::OnEof() {
  if (error_) return;
  error_ = kOriginClosed;
  ForEachStream([](H2Stream* stream) { static_cast<Stream*>(stream)->PeerClosed(); });
}

// Whoever is told may ask for a connection at once, and this one is none any more.
void H2Client::OnClosed(const Error& error) {
  if (!error_) error_ = error ? error : kOriginClosed;
  ForEachStream([&](H2Stream* stream) { static_cast<Stream*>(stream)->Closed(error, false); });
  DropAllStreams();
}

}  // namespace meridian
