#include "stream/error_reply.h"

#include <algorithm>

#include "http/h1_write.h"
#include "http/h2_session.h"

namespace meridian {
namespace {

// By what net/tls_failure says.
std::string_view TlsErrorType(std::string_view what) {
  if (what.starts_with("TLS alert: ")) return "tls_alert_received";
  return what.starts_with("the certificate") ? "tls_certificate_error" : "tls_protocol_error";
}

// Error types of RFC 9209 §2.3.
std::string_view ProxyErrorType(const Error& error) {
  switch (error.code) {
    case ErrorCode::kNoEndpoint:
      return error.fault == Fault::kSelf ? "destination_unavailable" : "dns_error";
    case ErrorCode::kConnectFailed:
      return "connection_refused";
    case ErrorCode::kConnectTimeout:
      return "connection_timeout";
    case ErrorCode::kTlsFailed:
      return TlsErrorType(error.what);
    case ErrorCode::kPoolFull:
      return "connection_limit_reached";
    case ErrorCode::kRefusedStream:
    case ErrorCode::kStaleConnection:
    case ErrorCode::kReset:
      return "connection_terminated";
    case ErrorCode::kClosedEarly:
      return "http_response_incomplete";
    case ErrorCode::kResponseTimeout:
    case ErrorCode::kDeadline:
      return "http_response_timeout";
    case ErrorCode::kIdleTimeout:
      return "connection_read_timeout";
    case ErrorCode::kProtocol:
      return "http_protocol_error";
    case ErrorCode::kTooLarge:
      return error.fault == Fault::kClient ? "http_request_error" : "http_response_header_section_size";
    default:
      return "proxy_internal_error";
  }
}

// The same for an answer that no origin was asked for.
std::string_view ProxyErrorType(int status) {
  return status == 404 ? "destination_not_found" : status == 508 ? "proxy_loop_detected" : "http_request_error";
}

constexpr std::string_view kGrpcType = "application/grpc";

// grpc/doc/statuscodes.md
constexpr std::string_view kCancelled = "1", kUnknown = "2", kDeadlineExceeded = "4", kResourceExhausted = "8",
                           kFailedPrecondition = "9", kUnimplemented = "12", kInternal = "13", kUnavailable = "14";

}  // namespace

int StatusOf(const Error& error) {
  switch (error.code) {
    case ErrorCode::kTooLarge:
      return error.fault == Fault::kClient ? 431 : 502;
    case ErrorCode::kPoolFull:
    case ErrorCode::kNoEndpoint:
      return 503;
    case ErrorCode::kConnectTimeout:
    case ErrorCode::kResponseTimeout:
    case ErrorCode::kIdleTimeout:
    case ErrorCode::kDeadline:
      return 504;
    default:
      return 502;
  }
}

ReplyText MakeReplyText(Arena& arena, int status, std::string_view accept) {
  const std::string_view digits = StatusText(status);
  const std::string_view reason = ReasonPhrase(status);
  const bool json = accept.find("application/json") != std::string_view::npos ||
                    accept.find("application/problem+json") != std::string_view::npos;
  if (json) {
    return {"application/problem+json", arena.Concat("{\"title\":\"", reason, "\",\"status\":", digits, "}\n")};
  }
  return {"text/plain; charset=utf-8", arena.Concat(digits, " ", reason, "\n")};
}

void AddProxyStatus(Arena& arena, const Error& error, HeaderBlock* headers) {
  std::string_view text = arena.Concat("meridian; error=", ProxyErrorType(error));
  if (error.code == ErrorCode::kTlsFailed) text = arena.Concat(text, "; details=\"", error.what, "\"");
  headers->Add("proxy-status", text, HeaderId::kOther);
}

void AddProxyStatus(Arena& arena, int status, HeaderBlock* headers) {
  headers->Add("proxy-status", arena.Concat("meridian; error=", ProxyErrorType(status)), HeaderId::kOther);
}

// ---- gRPC ----------------------------------------------------------------------------------------------------------

bool CallsGrpc(const RequestHead& request) {
  if (request.version != HttpVersion::kHttp2 || request.method != Method::kPost || !IsGrpc(request.headers))
    return false;
  const std::string_view type = request.headers.Get(HeaderId::kContentType);
  return type.size() == kGrpcType.size() || type[kGrpcType.size()] == '+' || type[kGrpcType.size()] == ';';
}

std::string_view GrpcStatusOf(const Error& error) {
  switch (error.code) {
    case ErrorCode::kDeadline:
    case ErrorCode::kResponseTimeout:
    case ErrorCode::kIdleTimeout:
      return kDeadlineExceeded;
    case ErrorCode::kPoolFull:
    case ErrorCode::kTooLarge:
      return kResourceExhausted;
    case ErrorCode::kProtocol:
    case ErrorCode::kInternal:
      return kInternal;
    case ErrorCode::kCancelled:
      return kCancelled;
    default:
      return kUnavailable;
  }
}

std::string_view GrpcStatusOf(int status) {
  switch (status) {
    case 400:
    case 417:
      return kInternal;
    case 404:
    case 501:
      return kUnimplemented;
    case 408:
      return kDeadlineExceeded;
    case 413:
    case 414:
    case 431:
      return kResourceExhausted;
    case 421:
    case 503:
      return kUnavailable;
    case 508:
      return kFailedPrecondition;
    default:
      return kUnknown;
  }
}

std::string_view GrpcMessage(Arena& arena, std::string_view text) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  const auto plain = [](char c) { return c >= 0x20 && c <= 0x7e && c != '%'; };
  if (std::all_of(text.begin(), text.end(), plain)) return text;
  char* const encoded = static_cast<char*>(arena.Allocate(3 * text.size(), 1));
  char* at = encoded;
  for (const char c : text) {
    if (plain(c)) {
      *at++ = c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    *at++ = '%';
    *at++ = kHex[byte >> 4];
    *at++ = kHex[byte & 15];
  }
  return {encoded, static_cast<size_t>(at - encoded)};
}

void AddGrpcStatus(Arena& arena, int status, const Error* error, HeaderBlock* headers) {
  const std::string_view type = error ? ProxyErrorType(*error) : ProxyErrorType(status);
  headers->Add("content-type", kGrpcType, HeaderId::kContentType);
  headers->Add("grpc-status", error ? GrpcStatusOf(*error) : GrpcStatusOf(status), HeaderId::kOther);
  headers->Add("grpc-message", GrpcMessage(arena, arena.Concat(ReasonPhrase(status), ": ", type)), HeaderId::kOther);
}

}  // namespace meridian
