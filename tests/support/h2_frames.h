// Frames of HTTP/2 as bytes, for clients that do what no library would.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace meridian::testing {

inline constexpr std::string_view kH2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

enum H2FrameType : uint8_t {
  kDataFrame,
  kHeadersFrame,
  kPriorityFrame,
  kResetFrame,
  kSettingsFrame,
  kPushFrame,
  kPingFrame,
  kGoawayFrame,
  kWindowFrame,
  kContinuationFrame,
};
inline constexpr uint8_t kEndStream = 1, kAck = 1, kEndHeaders = 4, kPadded = 8;

inline std::string Bytes32(uint32_t value) {
  std::string bytes;
  for (const int shift : {24, 16, 8, 0}) bytes += static_cast<char>(value >> shift);
  return bytes;
}

// One frame; the payload may have any length.
inline std::string H2Frame(uint8_t type, uint8_t flags, uint32_t stream, std::string_view payload = {}) {
  return Bytes32(static_cast<uint32_t>(payload.size())).substr(1) + static_cast<char>(type) + static_cast<char>(flags) +
         Bytes32(stream).append(payload);
}

// A field as a literal that no table remembers (RFC 7541 §6.2.2); both under 127 bytes.
inline std::string H2Field(std::string_view name, std::string_view value) {
  std::string bytes(1, '\0');
  bytes += static_cast<char>(name.size());
  bytes.append(name);
  bytes += static_cast<char>(value.size());
  return bytes.append(value);
}

// :method GET, :scheme http.
inline std::string H2Get(std::string_view authority, std::string_view path) {
  return "\x82\x86" + H2Field(":authority", authority) + H2Field(":path", path);
}

}  // namespace meridian::testing
