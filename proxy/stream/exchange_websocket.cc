// The part of the exchange that makes a WebSocket of it.
#include "stream/exchange.h"

namespace meridian {
namespace {

std::string_view WebSocketKey(Arena& arena, uint64_t high, uint64_t low) {
  static constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  char* text = static_cast<char*>(arena.Allocate(24, 1));
  // 128 bits, six at a time; the last digit has two of them, and two pads follow.
  for (int i = 0; i < 22; ++i) {
    text[i] = kDigits[high >> 58];
    high = high << 6 | low >> 58;
    low <<= 6;
  }
  text[22] = text[23] = '=';
  return {text, 24};
}

}  // namespace

// WebSockets go to HTTP/1.1 origins. False: it was answered.
bool Exchange::PrepareWebSocket() {
  for (const ServiceRegionModel& region : service().regions) {
    for (const OriginModel& origin : region.origins) {
      if (!UsesHttp2(origin.protocol)) continue;
      request_.websocket = false;
      if (request_.version != HttpVersion::kHttp2) return true;  // a server may ignore an Upgrade (RFC 9110 §7.8)
      Move(Event::kGaveUp);
      ReplyWithText(501, nullptr);
      return false;
    }
  }
  // HTTP/2 has no use for the key, HTTP/1.1 requires it (RFC 8441 §5, RFC 6455 §4.1: 16 bytes in base64).
  if (request_.version == HttpVersion::kHttp2) {
    request_.headers.RemoveNamed("sec-websocket-key");
    request_.headers.Add("sec-websocket-key", WebSocketKey(arena_, context_.Random(), context_.Random()));
  }
  return true;
}

// To a client of HTTP/2 any success would mean that it may speak WebSocket now.
bool Exchange::NotSwitched() const {
  return request_.websocket && request_.version == HttpVersion::kHttp2 && attempt_->head().status / 100 == 2;
}

// What becomes of a WebSocket from here on says nothing about the region.
void Exchange::OnSwitched() {
  ReportSignal(*attempt_, Signal::kSuccess);
  if (request_.version == HttpVersion::kHttp2) attempt_->head().headers.RemoveNamed("sec-websocket-accept");
}

}  // namespace meridian
