// HTTP/2 towards clients (RFC 9113 over nghttp2).
//
// Floods of frames that cost us more than the sender (all but HEADERS and DATA with bytes) drain a bucket per
// connection; what a client has reason to send (an update of the window per DATA, of a priority per request) refills
// it. Streams that end by the client's RST_STREAM, or by ours for a fault of the client (CVE-2023-44487,
// CVE-2025-8671), drain another one. When one is empty the connection ends with ENHANCE_YOUR_CALM.
//
// A cancelled request goes on at its origin for a moment, so its stream counts against the limit of streams for
// kCancelledCounts more: no connection has more requests than that at work, whatever it cancels. Frames and new streams
// per turn of the loop are bounded (frame_meter.h).
#pragma once

#include <deque>

#include "http/frame_meter.h"
#include "http/h2_session.h"
#include "policy/token_bucket.h"

namespace meridian {

class H2Server final : public ServerCodec, private H2Session {
 public:
  static constexpr uint32_t kConnectionWindow = 1024 * 1024;
  static constexpr double kGlitchBurst = 1000;
  static constexpr double kGlitchesPerSecond = 100;
  static constexpr double kEarnedByRequest = 2;
  static constexpr double kEarnedByData = 2;
  // A header list of so many times the limit is answered with the end of the connection instead of 431.
  static constexpr uint32_t kBomb = 4;
  static constexpr double kResetBurst = 200;
  static constexpr double kResetsPerSecond = 33;
  static constexpr Duration kCancelledCounts = 1s;
  static constexpr Duration kUnwantedPatience = 1s;

  // `tls`: for the check of :scheme.
  H2Server(CodecHost& host, ServerSink& sink, const MessageLimits& limits, bool tls);

  void OnBytes(Block* block, std::span<const uint8_t> bytes) override { Feed(block, bytes); }
  size_t ShareOfTurn(std::span<const uint8_t> bytes, bool begins) override {
    if (begins) meter_.BeginTurn();
    const size_t share = meter_.Take(bytes);
    if (const int unknown = meter_.TakeUnknown()) Charge(glitches_, unknown);
    if (meter_.endless_headers()) EndFlood();
    return share;
  }
  void OnEof() override;
  void OnWake() override;
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
  void OnFrameBegin(const nghttp2_frame_hd& head) override;
  void OnDataSent() override { glitches_.Earn(kEarnedByData); }
  void OnResetSent(H2Stream* stream, uint32_t code) override;
  void Charge(TokenBucket& bucket, double cost = 1);
  void EndFlood();
  bool BreaksOrder(const nghttp2_frame_hd& head);
  bool RoomForStream();

  ServerSink& sink_;
  const bool tls_;
  bool draining_ = false;
  FrameMeter meter_;
  TokenBucket glitches_;
  TokenBucket resets_;
  size_t list_bytes_ = 0;                      // of the header list under way, whoever wants it
  int32_t newest_ = 0;                         // of the client's streams
  int32_t skipped_from_ = 0, skipped_to_ = 0;  // between these two it never opened one
  std::deque<TimePoint> cancelled_;            // until when each of them counts
  // Answered streams whose clients still send, and until when they may.
  struct Unwanted {
    int32_t id;
    TimePoint until;
  };
  std::deque<Unwanted> unwanted_;
};

}  // namespace meridian
