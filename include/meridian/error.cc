#include "meridian/error.h"

namespace meridian {

std::string_view Name(ErrorCode code) {
  switch (code) {
    case ErrorCode::kNone:
      return "none";
    case ErrorCode::kNoEndpoint:
      return "no_endpoint";
    case ErrorCode::kConnectFailed:
      return "connect_failed";
    case ErrorCode::kConnectTimeout:
      return "connect_timeout";
    case ErrorCode::kTlsFailed:
      return "tls_failed";
    case ErrorCode::kPoolFull:
      return "pool_full";
    case ErrorCode::kRefusedStream:
      return "refused_stream";
    case ErrorCode::kStaleConnection:
      return "stale_connection";
    case ErrorCode::kReset:
      return "reset";
    case ErrorCode::kClosedEarly:
      return "closed_early";
    case ErrorCode::kResponseTimeout:
      return "response_timeout";
    case ErrorCode::kIdleTimeout:
      return "idle_timeout";
    case ErrorCode::kDeadline:
      return "deadline";
    case ErrorCode::kProtocol:
      return "protocol";
    case ErrorCode::kTooLarge:
      return "too_large";
    case ErrorCode::kCancelled:
      return "cancelled";
    case ErrorCode::kInternal:
      return "internal";
  }
  return "internal";
}

}  // namespace meridian
