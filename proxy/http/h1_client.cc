#include "http/h1_client.h"

#include "http/header_rules.h"

namespace meridian {
namespace {

constexpr Error kTooLarge{ErrorCode::kTooLarge, Fault::kOrigin, Retry::kIfIdempotent, "response head too large"};
constexpr Error kMalformed{ErrorCode::kProtocol, Fault::kOrigin, Retry::kIfIdempotent, "malformed response"};
constexpr Error kUnasked{ErrorCode::kProtocol, Fault::kOrigin, Retry::kIfIdempotent, "bytes without a request"};
constexpr Error kAbandoned{ErrorCode::kCancelled, Fault::kSelf, Retry::kNever, "abandoned"};

}  // namespace

H1Client::H1Client(CodecHost& host, const MessageLimits& limits) : host_(host), parser_(false, limits, *this) {}

ClientStream* H1Client::Start(const RequestHead& request, BodyPipe* body, ResponseHandler& handler) {
  busy_ = true;
  handler_ = &handler;
  request_ = &request;
  method_ = request.method;
  body_ = body;
  framing_ = !body                                      ? H1Framing::kNone
             : request.websocket                        ? H1Framing::kUntilClose
             : request.content_length != kUnknownLength ? H1Framing::kLength
                                                        : H1Framing::kChunked;
  head_sent_ = response_begun_ = head_received_ = keep_alive_ = tunnel_ = false;
  request_done_ = false;
  informational_ = 0;
  if (body_) body_->set_reader(this);
  handler.response_body().set_writer(this);
  ++exchanges_;
  host_.WantWrite();
  return this;
}

// ---- output --------------------------------------------------------------------------------------------------------

void H1Client::Produce(OutBuffer& out) {
  if (!handler_ || (request_done_ && !tunnel_) || error_ || finished_) return;
  if (!head_sent_) {
    // A POST without a body says so (RFC 9110 §8.6); methods that have none by nature stay silent.
    RequestHead head = *request_;
    H1Framing framing = head.websocket ? H1Framing::kNone : framing_;
    const bool says_empty = method_ == Method::kPost || method_ == Method::kPut || method_ == Method::kPatch;
    if (framing == H1Framing::kNone && says_empty) {
      head.content_length = 0;
      framing = H1Framing::kLength;
    }
    WriteRequestHead(head, framing, out, rest_);
    head_sent_ = true;
    mark_ = host_.handed();
  }
  if (!rest_.empty() && !SendRest(rest_, out)) return;
  if (request_->websocket) request_done_ = true;
  if (request_->websocket && !tunnel_) return;
  if (body_) {
    // Answered before it took any of the body, which another attempt carries now.
    if (!body_->is_reader(this)) return;
    const bool ended = WriteBody(*body_, framing_, out);
    if (body_->failed() && body_->size() == 0) {
      error_ = kAbandoned;  // the client never sent the rest; neither can we
      return;
    }
    if (!ended) return;
    body_->RemoveReader(this);
    body_ = nullptr;
  }
  request_done_ = true;
}

// ---- input ---------------------------------------------------------------------------------------------------------

bool H1Client::paused() const { return handler_ && head_received_ && handler_->response_body().backlogged(); }

void H1Client::OnBodyConsumed(size_t) {
  if (!paused()) host_.ResumeRead();
}

void H1Client::OnBytes(Block* block, std::span<const uint8_t> bytes) {
  feed_block_ = block;
  while (!bytes.empty() && !error_ && !finished_) {
    if (!busy_ || !head_sent_) {
      error_ = kUnasked;
      return FailStream(kUnasked);
    }
    response_begun_ = true;
    if (tunnel_) {
      if (handler_) handler_->response_body().Write(feed_block_, bytes);
      return;
    }
    bytes = bytes.subspan(parser_.Feed(bytes));
    if (parser_.failure() != H1Parser::Failure::kNone && !error_) {
      error_ = parser_.failure() == H1Parser::Failure::kHeadersTooLarge ? kTooLarge : kMalformed;
      return FailStream(error_);
    }
  }
}

Arena* H1Client::OnMessageBegin() { return handler_ ? &handler_->arena() : &discard_arena_; }

H1ParserSink::Head H1Client::OnHead() {
  const int status = parser_.status();
  ResponseHead head;
  head.status = status;
  head.version = parser_.minor_version() == 0 ? HttpVersion::kHttp10 : HttpVersion::kHttp11;
  head.headers = parser_.headers();
  // What must not have a body says that one follows: whoever wrote it may mean it, and what is read next would be that.
  const bool contradicts = (status < 200 || status == 204) && (parser_.chunked() || parser_.content_length() > 0);
  if (contradicts && status < 200) return Head::kStop;
  if (status < 100 || status > 999 || (status == 101 && !Switches(head.headers))) return Head::kStop;
  if (CheckConnection(head.headers) == 431) return Head::kStop;
  tunnel_ = status == 101;
  if (status < 200 && !tunnel_) {
    if (++informational_ > kMaxInformational) return Head::kStop;
    if (handler_) handler_->OnInformational(head);
    return Head::kNoBody;
  }
  head_received_ = true;
  keep_alive_ = parser_.keep_alive() && !tunnel_ && !contradicts;
  head.content_length = parser_.content_length();
  const bool has_body = ResponseHasBody(method_, status);
  const bool until_close = has_body && !parser_.chunked() && head.content_length == kUnknownLength;
  if (until_close) keep_alive_ = false;
  if (handler_ && has_body && head.content_length == 0) handler_->response_body().Finish();
  if (handler_) handler_->OnResponseHead(head);
  if (!handler_) {
    // Refused by the handler just now.
    const bool short_enough = !has_body || (head.content_length >= 0 && head.content_length <= kDiscardAtMost);
    if (!short_enough || !request_done_) finished_ = true;
  }
  return has_body ? Head::kBody : Head::kNoBody;
}

void H1Client::OnBody(std::span<const uint8_t> bytes) {
  if (handler_) handler_->response_body().Write(feed_block_, bytes);
}

void H1Client::OnMessageEnd() {
  if (tunnel_) return;  // only its head is over
  HeaderBlock trailers = parser_.headers();
  parser_.Reset();
  if (!head_received_) return;  // that was an interim response
  busy_ = false;
  // An answer before the request was sent whole: what is left of it must not be read as the next request.
  if (!keep_alive_ || !request_done_) finished_ = true;
  ResponseHandler* handler = Release();
  if (!handler) return;
  if (!trailers.empty()) handler->OnTrailers(trailers);
  handler->response_body().FinishWithTrailers(trailers);
  handler->OnResponseComplete();
}

void H1Client::OnEof() {
  if (tunnel_) return EndTunnel();
  if (parser_.in_message() && parser_.FeedEof()) {
    finished_ = true;
    return;
  }
  finished_ = true;
  FailStream({ErrorCode::kClosedEarly, Fault::kOrigin, Retry::kIfIdempotent, "connection closed"}, true);
}

void H1Client::OnClosed(const Error& error) {
  finished_ = true;
  FailStream(error);
}

// A 101 to a request that asked for it, with nothing that could pass for a body.
bool H1Client::Switches(const HeaderBlock& headers) const {
  return request_ && request_->websocket && AsksForWebSocket(headers) && !parser_.chunked() &&
         parser_.content_length() <= 0;
}

// The origin has said its last word.
void H1Client::EndTunnel() {
  finished_ = true;
  busy_ = false;
  ResponseHandler* handler = Release();
  if (!handler) return;
  handler->response_body().Finish();
  handler->OnResponseComplete();
}

// ---- end of a stream -----------------------------------------------------------------------------------------------

ResponseHandler* H1Client::Release() {
  if (body_) body_->RemoveReader(this);
  body_ = nullptr;
  request_ = nullptr;
  if (handler_) handler_->response_body().set_writer(nullptr);
  return std::exchange(handler_, nullptr);
}

void H1Client::FailStream(Error error, bool peer_closed) {
  const bool sent = head_sent_;
  ResponseHandler* handler = Release();
  if (!handler) return;
  if (!sent) {
    error.retry = Retry::kAlways;
    if (exchanges_ > 1) error.code = ErrorCode::kStaleConnection;
  } else if (!response_begun_ && exchanges_ > 1 && error.code != ErrorCode::kProtocol) {
    error = {ErrorCode::kStaleConnection, Fault::kOrigin, Retry::kIfIdempotent, "kept connection was closed"};
  }
  // A FIN carries the acknowledgement of all that its sender had received, and after close() nothing is read any more:
  // a request that the FIN does not acknowledge was never seen. A reset proves nothing, since the acknowledgement of
  // what was read (and executed) may have been on its way behind it.
  if (peer_closed && sent && !response_begun_ && host_.Unacknowledged(mark_)) error.retry = Retry::kAlways;
  handler->response_body().Fail();
  handler->OnAttemptFailed(error);
}

void H1Client::Cancel() {
  if (!handler_) return;
  const bool before_head = !head_received_;
  abandoned_at_ = host_.Now();
  Release();
  // Called from OnHead the rest may be discarded; otherwise the response is of unknown length.
  if (before_head || !request_done_ || parser_.content_length() < 0 || parser_.content_length() > kDiscardAtMost) {
    finished_ = true;
    host_.WantWrite();
  }
}

}  // namespace meridian
