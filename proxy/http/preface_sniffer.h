// Tells HTTP/2 by prior knowledge from HTTP/1 on a cleartext connection by its first bytes (RFC 9113 §3.4).
#pragma once

#include <cstring>
#include <string_view>
#include <vector>

#include "http/codec.h"

namespace meridian {

enum class Preface : uint8_t { kUndecided, kHttp1, kHttp2 };

// No HTTP/1 method starts with "PRI", so the fourth byte decides at the latest.
inline Preface SniffPreface(std::span<const uint8_t> bytes) {
  static constexpr std::string_view kMagic = "PRI ";
  const size_t n = std::min(bytes.size(), kMagic.size());
  if (std::memcmp(bytes.data(), kMagic.data(), n) != 0) return Preface::kHttp1;
  return n == kMagic.size() ? Preface::kHttp2 : Preface::kUndecided;
}

}  // namespace meridian
