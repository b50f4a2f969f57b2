// HTTP/2 by hand: frames and header blocks of any shape, malformed ones too.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace meridian::testing::h2 {

constexpr uint8_t kData = 0, kHeaders = 1, kPriority = 2, kRst = 3, kSettings = 4, kPush = 5, kPing = 6, kGoaway = 7,
                  kWindow = 8, kContinuation = 9;
constexpr uint8_t kEndStream = 1, kAck = 1, kEndHeaders = 4, kPadded = 8, kWithPriority = 32;
constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

using Fields = std::vector<std::pair<std::string, std::string>>;

inline std::string Number(uint64_t value, int bytes) {
  std::string out;
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) out += static_cast<char>(value >> shift & 0xff);
  return out;
}

inline std::string Frame(uint8_t type, uint8_t flags, uint32_t stream, std::string_view payload = {}) {
  return Number(payload.size(), 3) + static_cast<char>(type) + static_cast<char>(flags) + Number(stream, 4) +
         std::string(payload);
}

// HPACK (RFC 7541 §5): an integer with a prefix of 7 bits, strings without Huffman code, literals without indexing.
inline std::string Text(std::string_view text) {
  std::string out;
  size_t n = text.size();
  if (n < 127) {
    out += static_cast<char>(n);
  } else {
    out += '\x7f';
    for (n -= 127; n >= 128; n >>= 7) out += static_cast<char>(0x80 | (n & 0x7f));
    out += static_cast<char>(n);
  }
  return out += text;
}
inline std::string Block(const Fields& fields) {
  std::string out;
  for (const auto& [name, value] : fields) out += '\0' + Text(name) + Text(value);
  return out;
}

inline std::string Headers(uint32_t stream, const Fields& fields, uint8_t flags = kEndHeaders | kEndStream) {
  return Frame(kHeaders, flags, stream, Block(fields));
}
inline std::string Data(uint32_t stream, std::string_view body, uint8_t flags = kEndStream) {
  return Frame(kData, flags, stream, body);
}
inline std::string Setting(uint16_t id, uint32_t value) { return Number(id, 2) + Number(value, 4); }
inline std::string Settings(std::string_view payload = "", uint8_t flags = 0) {
  return Frame(kSettings, flags, 0, payload);
}
inline std::string Window(uint32_t stream, uint32_t by) { return Frame(kWindow, 0, stream, Number(by, 4)); }
inline std::string Rst(uint32_t stream, uint32_t code = 8) { return Frame(kRst, 0, stream, Number(code, 4)); }
inline std::string Goaway(uint32_t last, uint32_t code = 0) {
  return Frame(kGoaway, 0, 0, Number(last, 4) + Number(code, 4));
}

// Calls f(type, flags, stream, payload) for each whole frame.
template <typename F>
void ForEachFrame(std::string_view bytes, F f) {
  const auto number = [&](size_t at, size_t n) {
    uint32_t value = 0;
    for (size_t i = 0; i < n; ++i) value = value << 8 | static_cast<uint8_t>(bytes[at + i]);
    return value;
  };
  while (bytes.size() >= 9 && bytes.size() >= 9 + number(0, 3)) {
    const size_t size = number(0, 3);
    f(static_cast<uint8_t>(bytes[3]), static_cast<uint8_t>(bytes[4]), number(5, 4) & 0x7fffffff, bytes.substr(9, size));
    bytes.remove_prefix(9 + size);
  }
}

// The streams of the requests that a client's bytes begin.
inline std::vector<uint32_t> Requests(std::string_view bytes) {
  std::vector<uint32_t> ids;
  if (!bytes.starts_with(kPreface)) return ids;
  ForEachFrame(bytes.substr(kPreface.size()), [&](uint8_t type, uint8_t, uint32_t stream, std::string_view) {
    if (type == kHeaders) ids.push_back(stream);
  });
  return ids;
}

inline std::string CodeName(std::string_view payload) {
  static constexpr const char* kNames[] = {
      "NO_ERROR",   "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT", "STREAM_CLOSED",
      "FRAME_SIZE", "REFUSED_STREAM", "CANCEL",         "COMPRESSION_ERROR",  "CONNECT_ERROR",    "CALM",
      "INADEQUATE", "HTTP_1_1"};
  const auto code = static_cast<uint8_t>(payload.back());
  return code < std::size(kNames) ? kNames[code] : std::to_string(code);
}

}  // namespace meridian::testing::h2
