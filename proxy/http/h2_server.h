// HTTP/2 towards clients (RFC 9113 over nghttp2).
//
// Floods of frames that cost us more than the sender (PING, SETTINGS, PRIORITY, RST_STREAM, empty DATA) drain a bucket
// per connection; when it is empty the connection ends with ENHANCE_YOUR_CALM.
#pragma once

#include "http/h2_session.h"

namespace meridian {

class H2Server final : public ServerCodec, private H2Session {
 public:
  static constexpr uint32_t kStreamWindow = 256 * 1024;
  static constexpr uint32_t kConnectionWindow = 1024 * 1024;
  static constexpr double kGlitchBurst = 1000;
  static constexpr double kGlitchesPerSecond = 100;

  // `tls`: for the check of :scheme.
  H2Server(CodecHost& host, ServerSink& sink, const MessageLimits& limits, bool tls);

  void OnBytes(Block* block, std::span<const uint8_t> bytes) override { Feed(block, bytes); }
  void OnEof() override;
  void Produce(OutBuffer& out) override { Drain(out); }
  bool finished() const override { return over(); }
  const Error& error() const override { return error_; }
  void OnClosed(const Error& error) override;
  // First call: a shutdown notice. Second call: GOAWAY with the last stream.
  void StartDrain() override;
  size_t active_streams() const override { return active(); }
  HttpVersion version() const override { return HttpVersion::kHttp2; }

 private:
  class Stream;
  int OnBeginHeaders(const nghttp2_frame& frame) override;
  int OnHeader(H2Stream* stream, const nghttp2_frame& frame, std::string_view name, std::string_view value) override;
  int OnHeadersDone(H2Stream* stream, const nghttp2_frame& frame) override;
  void OnInEnd(H2Stream* stream) override;
  void OnOutEnd(H2Stream* stream) override;
  void OnStreamClosed(H2Stream* stream, uint32_t code) override;
  void OnFrame(const nghttp2_frame& frame) override;

  ServerSink& sink_;
  const bool tls_;
  bool draining_ = false;
  double glitches_ = kGlitchBurst;
  TimePoint glitches_at_;
};

}  // namespace meridian
