// The ways in which an origin can fail an answer, as data: what is sent of it and how it ends.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "meridian/time.h"

namespace meridian::bench {

// How much of a head or a body is sent.
enum class Part : uint8_t { kNone, kHalf, kWhole };

enum class End : uint8_t {
  kComplete,
  kSilence,    // nothing more, the connection stays
  kReset,      // RST of the connection
  kClose,      // FIN; over HTTP/2 the stream's end
  kRstStream,  // HTTP/2 only, with `code`
  kGoaway,     // HTTP/2 only: this stream was not processed
};

struct Shape {
  int status = 200;
  bool interim = false;  // 103 first
  Part head = Part::kWhole;
  Part body = Part::kWhole;
  End end = End::kComplete;
  uint32_t code = 0;
  bool stale = false;      // the kept connection closes soon after the answer, without a word
  bool executed = true;    // the request may have had its effect
  Duration delay{};        // before the answer
  bool at_accept = false;  // TLS handshakes break instead

  bool healthy() const { return status == 200 && end == End::kComplete && !stale && !at_accept; }
};

// Null for an unknown name.
inline std::optional<Shape> ShapeOf(std::string_view fault) {
  Shape s;
  if (fault == "none") return s;
  if (fault == "503") return s.status = 503, s;
  // A limiter refuses before it executes (RFC 6585).
  if (fault == "429") return s.status = 429, s.executed = false, s;
  if (fault == "stale") return s.stale = true, s;
  if (fault == "tls-failure") return s.at_accept = true, s;
  if (fault == "short-body") return s.body = Part::kHalf, s.end = End::kClose, s;
  if (fault == "goaway") {
    s.head = s.body = Part::kNone;
    return s.end = End::kGoaway, s.executed = false, s;
  }
  if (fault == "rst-in-body") return s.body = Part::kHalf, s.end = End::kRstStream, s.code = 2, s;
  if (fault.starts_with("rst-")) {
    s.head = s.body = Part::kNone;
    s.end = End::kRstStream;
    if (fault == "rst-protocol-error") return s.code = 1, s;
    if (fault == "rst-internal-error") return s.code = 2, s;
    if (fault == "rst-refused-stream") return s.code = 7, s.executed = false, s;
    if (fault == "rst-cancel") return s.code = 8, s;
    if (fault == "rst-enhance-your-calm") return s.code = 11, s;
    return std::nullopt;
  }
  if (fault.starts_with("hang")) {
    s.end = End::kSilence;
  } else if (fault.starts_with("reset") || fault == "1xx-reset") {
    s.end = End::kReset;
  } else {
    return std::nullopt;
  }
  s.body = fault.ends_with("in-body") ? Part::kHalf : Part::kNone;
  s.head = fault.ends_with("in-body") ? Part::kWhole : fault.ends_with("in-head") ? Part::kHalf : Part::kNone;
  if (fault == "reset-after-head") s.head = Part::kWhole;
  s.interim = fault == "1xx-reset";
  return s;
}

}  // namespace meridian::bench
