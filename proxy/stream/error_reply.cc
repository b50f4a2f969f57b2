#include "stream/error_reply.h"

#include "http/h1_write.h"
#include "http/h2_session.h"

namespace meridian {
namespace {

// Error types of RFC 9209 §2.3.
std::string_view ProxyErrorType(ErrorCode code) {
  switch (code) {
    case ErrorCode::kNoEndpoint:
      return "dns_error";
    case ErrorCode::kConnectFailed:
      return "connection_refused";
    case ErrorCode::kConnectTimeout:
      return "connection_timeout";
    case ErrorCode::kTlsFailed:
      return "tls_protocol_error";
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
      return "http_response_header_section_size";
    default:
      return "proxy_internal_error";
  }
}

}  // namespace

int StatusOf(const Error& error) {
  switch (error.code) {
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
  headers->Add("proxy-status", arena.Concat("meridian; error=", ProxyErrorType(error.code)), HeaderId::kOther);
}

void AddProxyStatus(Arena& arena, int status, HeaderBlock* headers) {
  const std::string_view type = status == 404   ? "destination_not_found"
                                : status == 508 ? "proxy_loop_detected"
                                                : "http_request_error";
  headers->Add("proxy-status", arena.Concat("meridian; error=", type), HeaderId::kOther);
}

}  // namespace meridian
