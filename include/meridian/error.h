// What went wrong, whose fault it is, and whether trying again elsewhere is safe.
//
// `fault` picks the status and the counter that the client side sees; `retry` feeds the failover decision.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <variant>

namespace meridian {

enum class Fault : uint8_t { kClient, kOrigin, kSelf };

enum class Retry : uint8_t {
  kNever,         // a byte of the final response may already be out
  kIfIdempotent,  // the request may have reached the origin (RFC 9110 §9.2.2 decides)
  kAlways,        // proven: not one byte of the request was processed by the origin
};

enum class ErrorCode : uint8_t {
  kNone,
  kNoEndpoint,     // the origin's name has no address (yet)
  kConnectFailed,  // refused, unreachable, reset during the TCP handshake
  kConnectTimeout,
  kTlsFailed,        // handshake, certificate or ALPN failure
  kPoolFull,         // limits of the pool reached
  kRefusedStream,    // h2 REFUSED_STREAM, or a stream id above GOAWAY's last
  kStaleConnection,  // a kept-alive connection died before the first byte of the response
  kReset,            // connection or stream reset after the request was sent
  kClosedEarly,      // EOF before the message was complete
  kResponseTimeout,  // no response head in time
  kIdleTimeout,      // a body made no progress in time
  kDeadline,         // the whole request ran out of time
  kProtocol,         // the peer's bytes are not valid HTTP
  kTooLarge,         // a head or field section above its limit
  kCancelled,        // our own side gave up (client gone, shutdown)
  kInternal,
};

struct Error {
  ErrorCode code = ErrorCode::kNone;
  Fault fault = Fault::kSelf;
  Retry retry = Retry::kNever;
  const char* what = "";  // static text for logs, never user data

  explicit operator bool() const { return code != ErrorCode::kNone; }
};

// snake_case, stable: the value in access logs and in the `error` label of metrics.
std::string_view Name(ErrorCode code);

// Either a value or an Error. Small on purpose; std::expected is not in C++20.
template <typename T>
class Result {
 public:
  Result(T value) : v_(std::move(value)) {}
  Result(Error error) : v_(error) {}
  bool ok() const { return v_.index() == 0; }
  explicit operator bool() const { return ok(); }
  T& value() { return std::get<0>(v_); }
  const T& value() const { return std::get<0>(v_); }
  T& operator*() { return value(); }
  T* operator->() { return &value(); }
  const Error& error() const { return std::get<1>(v_); }

 private:
  std::variant<T, Error> v_;
};

}  // namespace meridian
