// The server's side of a WebSocket (RFC 6455), behind its handshake: enough to echo and to end it properly.
#pragma once

#include <cstdint>
#include <string>

#include "support/connection.h"

namespace meridian::testing {

inline constexpr int kWebSocketNoCode = 1005;
inline constexpr int kWebSocketAborted = 1006;

// The value of Sec-WebSocket-Accept for a Sec-WebSocket-Key.
std::string WebSocketAccept(const std::string& key);

struct WebSocketMessage {
  std::string text;
  bool binary = false;
};

class WebSocket {
 public:
  explicit WebSocket(Connection* connection) : connection_(connection) {}

  // The next whole message; pings are answered on the way. False when the client ended it: see close_code().
  bool Read(WebSocketMessage* message, const Deadline& deadline);
  bool Send(const WebSocketMessage& message, const Deadline& deadline);
  // kWebSocketNoCode: a Close without one.
  bool Close(int code, const std::string& reason, const Deadline& deadline);
  // The client's; kWebSocketAborted until it has sent a Close.
  int close_code() const { return close_code_; }

 private:
  bool Need(size_t size, const Deadline& deadline);
  bool ReadFrame(unsigned* opcode, bool* last, std::string* payload, const Deadline& deadline);
  bool SendFrame(unsigned opcode, const std::string& payload, const Deadline& deadline);

  Connection* connection_;
  std::string buffer_;
  int close_code_ = kWebSocketAborted;
};

}  // namespace meridian::testing
