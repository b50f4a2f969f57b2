#include "http/h1_server.h"

#include "http/header_rules.h"

namespace meridian {
namespace {

constexpr Error kBadRequest{ErrorCode::kProtocol, Fault::kClient, Retry::kNever, "malformed request"};
constexpr Error kCut{ErrorCode::kCancelled, Fault::kSelf, Retry::kNever, "response cut"};

}  // namespace

H1Server::H1Server(CodecHost& host, ServerSink& sink, const MessageLimits& limits, bool tls)
    : host_(host), sink_(sink), tls_(tls), parser_(true, limits, *this) {}

// ---- input ---------------------------------------------------------------------------------------------------------

bool H1Server::BodyBacklog() const { return handler_->request_body().backlogged(); }

bool H1Server::paused() const {
  if (finished_ || error_) return false;
  if (tunnel_) return BodyBacklog();
  if (!held_.empty()) return true;
  // The next request waits until this one is over; its body waits for the origin.
  return handler_ && !refused_ && (request_done_ || BodyBacklog());
}

void H1Server::OnBytes(Block* block, std::span<const uint8_t> bytes) {
  if (refused_ || finished_ || error_) return;  // what follows a refused request has no meaning
  if (tunnel_) return handler_->request_body().Write(block, bytes);
  FeedParser(block, bytes);
}

void H1Server::FeedParser(Block* block, std::span<const uint8_t> bytes) {
  feed_block_ = block;
  while (!bytes.empty()) {
    if (paused()) {
      held_.Append(block, bytes);
      return;
    }
    bytes = bytes.subspan(parser_.Feed(bytes));
    if (parser_.failure() != H1Parser::Failure::kNone) return OnParserFailure();
    if (refused_ || error_) return;
  }
}

void H1Server::WantInput() {
  input_wanted_ = true;
  host_.WantWrite();
}

void H1Server::FeedHeld() {
  Buffer input;
  std::swap(input, held_);
  while (!input.empty() && !refused_ && !error_ && !finished_) {
    const auto front = input.Front();
    // What the parser leaves goes back to held_, and so does all that comes after it.
    FeedParser(nullptr, front);
    input.Consume(front.size());
  }
}

void H1Server::OnParserFailure() {
  if (refused_) return;
  if (have_head_) return BreakBody();
  using Failure = H1Parser::Failure;
  const Failure why = parser_.failure();
  const int status = why == Failure::kHeadersTooLarge ? 431
                     : why == Failure::kTargetTooLong ? 414
                     : why == Failure::kBadVersion    ? 505
                     : why == Failure::kBadMethod     ? 501
                                                      : 400;
  if (!handler_) OnMessageBegin();
  RequestHead partial;
  partial.method_text = parser_.method();
  if (!head_read_) method_ = IdentifyMethod(partial.method_text);  // to HEAD an error has no body either
  partial.path = parser_.target();
  RefuseRequest(status, partial);
  if (head_read_) handler_->request_body().Fail();
}

// The request will never be whole, and its answer has begun or nobody is there to read one: neither the exchange nor
// the connection can go on.
void H1Server::BreakBody() {
  error_ = kBadRequest;
  cut_ = have_head_ && framing_ == H1Framing::kUntilClose;
  handler_->request_body().Fail();
  host_.WantWrite();
}

void H1Server::RefuseRequest(int status, const RequestHead& partial) {
  refused_ = true;
  keep_alive_ = false;
  held_.Clear();
  handler_->OnBadRequest(status, partial);
}

Arena* H1Server::OnMessageBegin() {
  handler_ = sink_.OnRequestBegin(*this);
  handler_->request_body().set_writer(this);
  // Until its head says more; what the request before was is not asked.
  method_ = Method::kGet;
  minor_version_ = 1;
  return &handler_->arena();
}

int H1Server::ReadTarget(RequestHead* head) {
  std::string_view target = parser_.target();
  if (target == "*") {
    head->path = target;
    return head->method == Method::kOptions ? 0 : 400;
  }
  if (target.front() != '/') {
    // absolute-form: its authority replaces Host (RFC 9112 §3.2.2).
    const size_t scheme_end = target.find("://");
    if (scheme_end == std::string_view::npos) return 400;
    const std::string_view scheme = target.substr(0, scheme_end);
    if (!EqualsIgnoreCase(scheme, "http") && !EqualsIgnoreCase(scheme, "https")) return 400;
    target.remove_prefix(scheme_end + 3);
    const size_t path = target.find_first_of("/?");
    const std::string_view authority = target.substr(0, path);
    if (!IsAuthority(authority)) return 400;
    // Two names for one request could be read two ways.
    if (!head->authority.empty() && !EqualsIgnoreCase(authority, head->authority)) return 400;
    head->authority = authority;
    // Without a path OPTIONS asks about the server as a whole (RFC 9112 §3.2.4), as ":path" "*" does in HTTP/2.
    const std::string_view nothing = head->method == Method::kOptions ? "*" : "/";
    target = path == std::string_view::npos ? nothing : target.substr(path);
    if (target.front() == '?') target = handler_->arena().Concat("/", target);
  }
  for (char c : target) {
    if (static_cast<unsigned char>(c) <= 0x20 || static_cast<unsigned char>(c) >= 0x7f || c == '#') return 400;
  }
  head->path = target;
  return 0;
}

int H1Server::ReadHead(RequestHead* head) {
  head->method_text = parser_.method();
  head->method = IdentifyMethod(head->method_text);
  head->version = parser_.minor_version() == 0 ? HttpVersion::kHttp10 : HttpVersion::kHttp11;
  head->scheme = tls_ ? "https" : "http";
  head->headers = parser_.headers();
  const std::string_view host = head->headers.Get(HeaderId::kHost);
  if (parser_.host_count() > 1 || (parser_.host_count() == 0 && parser_.minor_version() == 1)) return 400;
  if (parser_.host_count() == 1 && !IsAuthority(host)) return 400;
  head->authority = host;
  if (const int status = ReadTarget(head)) return status;
  if (const int status = CheckConnection(head->headers)) return status;
  head->authority = LowerCopy(handler_->arena(), head->authority);
  head->headers.Remove(HeaderId::kHost);
  head->content_length = parser_.content_length();
  head->has_body = parser_.chunked() || head->content_length > 0;
  if (parser_.minor_version() == 1 && AsksForWebSocket(head->headers)) {
    // Its body would be read as the first bytes of the WebSocket by some, and as a body by others.
    if (head->method != Method::kGet || head->has_body) return 400;
    head->websocket = true;
  }
  if (const int expect = TakeExpect(head->headers)) {
    if (expect == 417) return 417;
    head->expect_continue = head->has_body && parser_.minor_version() == 1;
  }
  return 0;
}

H1ParserSink::Head H1Server::OnHead() {
  RequestHead head;
  const int refused = ReadHead(&head);
  method_ = head.method;
  minor_version_ = parser_.minor_version();
  keep_alive_ = parser_.keep_alive();
  websocket_ = head.websocket;
  if (refused) {
    RefuseRequest(refused, head);
    return Head::kStop;
  }
  head_read_ = true;
  handler_->OnRequestHead(head);
  return Head::kBody;
}

void H1Server::OnBody(std::span<const uint8_t> bytes) {
  if (handler_) handler_->request_body().Write(feed_block_, bytes);
}

void H1Server::OnMessageEnd() {
  request_done_ = true;
  if (!handler_ || websocket_) return;
  HeaderBlock trailers = parser_.headers();
  if (!trailers.empty()) handler_->OnTrailers(trailers);
  handler_->request_body().FinishWithTrailers(trailers);
}

void H1Server::OnBodyConsumed(size_t) {
  if (tunnel_ && !BodyBacklog()) host_.ResumeRead();
  if (!request_done_ && !BodyBacklog()) WantInput();
}

void H1Server::OnEof() {
  keep_alive_ = false;
  if (!handler_) {
    finished_ = true;
  } else if (tunnel_) {
    handler_->request_body().Finish();
  } else if (!request_done_ && !refused_) {
    BreakBody();
  }
}

void H1Server::OnClosed(const Error&) {
  finished_ = true;
  EndStream(false);
}

// ---- output --------------------------------------------------------------------------------------------------------

void H1Server::SendInformational(const ResponseHead& head) {
  if (minor_version_ == 0 || have_head_) return;
  early_.push_back(head);
  host_.WantWrite();
}

void H1Server::SendHead(const ResponseHead& head, BodyPipe* body) {
  head_ = head;
  have_head_ = true;
  if (!head_read_) refused_ = true;  // answered before its head was whole: what comes of that now is not read
  tunnel_ = head.status == 101;
  // A client that speaks before it was answered is none that this is for (RFC 6455 §4.1).
  if (tunnel_ && !held_.empty()) return Reset(false);
  if (tunnel_) host_.ResumeRead();
  if (body && (tunnel_ || ResponseHasBody(method_, head.status))) {
    body_ = body;
    body_->set_reader(this);
    framing_ = tunnel_                                 ? H1Framing::kUntilClose
               : head.content_length != kUnknownLength ? H1Framing::kLength
               : minor_version_ == 1                   ? H1Framing::kChunked
                                                       : H1Framing::kUntilClose;
  }
  host_.WantWrite();
}

void H1Server::Produce(OutBuffer& out) {
  if (input_wanted_) {
    input_wanted_ = false;
    FeedHeld();
    if (!paused()) host_.ResumeRead();
  }
  for (const ResponseHead& early : early_) {
    WriteResponseHead(early, H1Framing::kNone, false, H1Connection::kSilent, out, rest_);
  }
  early_.clear();
  if (!rest_.empty() && !SendRest(rest_, out)) return;
  if (!have_head_ || !handler_ || error_) return;
  if (!head_sent_) {
    WriteHead(out);
    if (!rest_.empty() && !SendRest(rest_, out)) return;
  }
  if (body_) {
    const bool ended = WriteBody(*body_, framing_, out);
    // A failed body is sent as far as it came, then cut.
    if (body_->failed() && body_->size() == 0) return Cut();
    if (!ended) return;
  }
  FinishExchange();
}

void H1Server::WriteHead(OutBuffer& out) {
  // An answer before the request's end: the rest is not worth reading, so the connection ends with it.
  if (draining_ || !request_done_ || framing_ == H1Framing::kUntilClose) keep_alive_ = false;
  const bool length_without_body = method_ == Method::kHead || head_.status == 304;
  const bool no_body_at_all = head_.status == 204 || head_.status < 200;
  const bool empty = !body_ && !length_without_body && !no_body_at_all;
  if (empty) head_.content_length = 0;
  const bool emit_length =
      head_.content_length != kUnknownLength && (framing_ == H1Framing::kLength || length_without_body || empty);
  // A client of HTTP/1.0 that is not told that its connection is kept waits for its end (RFC 9112 §C.2.2).
  const H1Connection connection = tunnel_               ? H1Connection::kSilent
                                  : !keep_alive_        ? H1Connection::kClose
                                  : minor_version_ == 0 ? H1Connection::kKeepAlive
                                                        : H1Connection::kSilent;
  WriteResponseHead(head_, framing_, emit_length, connection, out, rest_);
  head_sent_ = true;
}

void H1Server::FinishExchange() {
  EndStream(true);
  if (!keep_alive_) {
    finished_ = true;
    return;
  }
  WantInput();
}

void H1Server::EndStream(bool complete) {
  if (!handler_) return;
  if (body_) body_->RemoveReader(this);
  handler_->request_body().set_writer(nullptr);
  RequestHandler* handler = handler_;
  handler_ = nullptr;
  body_ = nullptr;
  framing_ = H1Framing::kNone;
  have_head_ = head_sent_ = head_read_ = request_done_ = websocket_ = tunnel_ = false;
  early_.clear();
  parser_.Reset();
  handler->OnStreamClosed(complete);
}

void H1Server::Cut() {
  error_ = kCut;
  cut_ = true;
}

void H1Server::Reset(bool) {
  Cut();
  host_.WantWrite();
}

void H1Server::StartDrain() {
  draining_ = true;
  // Without a request under way there is nothing to wait for.
  if (!handler_) finished_ = true;
  host_.WantWrite();
}

}  // namespace meridian
