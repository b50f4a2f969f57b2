#include "server/admin_call.h"

#include "net/address.h"

namespace meridian {
namespace {

std::string_view MethodText(Method method) {
  switch (method) {
    case Method::kPatch:
      return "PATCH";
    case Method::kPost:
      return "POST";
    case Method::kDelete:
      return "DELETE";
    default:
      return "GET";
  }
}

}  // namespace

OriginPool::Options AdminPoolOptions(const Endpoint& admin) {
  OriginPool::Options options;
  options.origin.protocol = OriginProtocol::kHttp;
  options.origin.host = IpText(admin);
  options.origin.port = admin.port;
  options.limits.max_connections = 2;
  return options;
}

AdminCall::AdminCall(std::string_view authority, Method method, std::string_view path, std::string_view if_match,
                     std::string_view body) {
  head_.method = method;
  head_.method_text = MethodText(method);
  head_.scheme = "http";
  head_.authority = authority;
  head_.path = path;
  head_.headers = HeaderBlock(&arena_);
  if (!if_match.empty()) head_.headers.Add("if-match", if_match, HeaderId::kIfMatch);
  if (!body.empty()) {
    head_.headers.Add("content-type", "application/json", HeaderId::kContentType);
    head_.has_body = true;
    head_.content_length = static_cast<int64_t>(body.size());
    request_body_.Write(nullptr, {reinterpret_cast<const uint8_t*>(body.data()), body.size()});
    request_body_.Finish();
  }
  response_body_.set_reader(this);
}

AdminCall::~AdminCall() {
  if (stream_) stream_->Cancel();
}

void AdminCall::Send(OriginPool& pool, const Endpoint& to) {
  pool.SetAddresses({&to, 1});
  if (ClientCodec* codec = pool.TryTake()) return OnPoolReady(*codec);
  Error error;
  done_ = !pool.Wait(*this, &error);
}

void AdminCall::OnPoolReady(ClientCodec& codec) {
  stream_ = codec.Start(head_, head_.has_body ? &request_body_ : nullptr, *this);
  done_ = stream_ == nullptr;
}

void AdminCall::OnResponseHead(const ResponseHead& head) {
  status_ = head.status;
  reply_.etag = head.headers.Get(HeaderId::kEtag);
}

void AdminCall::OnBodyReadable() {
  while (response_body_.size() > 0 && reply_.body.size() < kMaxReply) {
    const auto front = response_body_.Front();
    reply_.body.append(reinterpret_cast<const char*>(front.data()), front.size());
    response_body_.Consume(front.size());
  }
}

void AdminCall::OnResponseComplete() {
  stream_ = nullptr;
  done_ = true;
  reply_.status = status_;
}

void AdminCall::OnAttemptFailed(const Error&) {
  stream_ = nullptr;
  done_ = true;
}

}  // namespace meridian
