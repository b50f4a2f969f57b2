// HTTP/2 towards clients (RFC 9113 over nghttp2).
//
// Frames that cost us more than the sender (all but HEADERS and DATA with bytes) are earned by what they are an answer
// to, or drain a bucket per connection (frame_budget.h). Streams that end by the client's RST_STREAM before they are
// answered, or by ours for a fault of the client (CVE-2023-44487, CVE-2025-8671), drain another one; each whole answer
// brings one back. When one is empty the connection ends with ENHANCE_YOUR_CALM. What failed at its origin, or what we
// ended for reasons of our own, is not the client's.
//
// A cancelled request goes on at its origin for a moment, so its stream counts against the limit of streams for
// kCancelledCounts more, unless it was answered: no connection has more requests than that at work, whatever it
// cancels. A stream above the limit is refused and nothing else happens: the end of the connection would only let the
// client begin anew. Who goes on with it is read more slowly (kCalm), and ends by the bucket. Frames and new streams
// per turn of the loop are bounded (frame_meter.h).
#pragma once

#include <algorithm>
#include <array>
#include <deque>

#include "http/frame_budget.h"
#include "http/frame_meter.h"
#include "http/h2_session.h"
#include "policy/token_bucket.h"

namespace meridian {

class H2Server final : public ServerCodec, private H2Session {
 public:
  static constexpr uint32_t kConnectionWindow = 1024 * 1024;
  // A header list of so many times the limit is answered with the end of the connection instead of 431.
  static constexpr uint32_t kBomb = 4;
  static constexpr double kResetBurst = 200;
  static constexpr double kResetsPerSecond = 33;
  static constexpr double kRefusedBurst = 100;
  static constexpr double kRefusedPerSecond = 100;
  static constexpr Duration kCalm = 20ms;
  // Cookies that are fields of their own (RFC 9113 §8.2.3), of the one field that they become.
  static constexpr uint32_t kMostCrumbs = 500;
  static constexpr Duration kCancelledCounts = 1s;
  static constexpr Duration kUnwantedPatience = 1s;

  // `tls`: for the check of :scheme.
  H2Server(CodecHost& host, ServerSink& sink, const MessageLimits& limits, bool tls);

  void OnBytes(Block* block, std::span<const uint8_t> bytes) override { Feed(block, bytes); }
  size_t ShareOfTurn(std::span<const uint8_t> bytes, bool begins) override {
    if (begins) meter_.BeginTurn();
    const size_t share = meter_.Take(bytes);
    for (int unknown = meter_.TakeUnknown(); unknown > 0; --unknown) Charge(frames_.TakeOther(host_.Now()));
    if (meter_.endless_headers()) EndFlood();
    if (meter_.self_dependent()) EndOutOfOrder(NGHTTP2_PROTOCOL_ERROR);
    return share;
  }
  bool paused() const override { return calming_; }
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
  void OnDataSent(size_t bytes) override { frames_.OnDataSent(bytes); }
  void OnResetSent(H2Stream* stream, uint32_t code) override;
  void OnLostStreamClosed(int32_t id) override;
  // Of a budget: whether it was left.
  void Charge(bool left) {
    if (!left) EndFlood();
  }
  void EndFlood();
  void EndOutOfOrder(uint32_t code);
  bool BreaksOrder(const nghttp2_frame_hd& head);
  bool RoomForStream();
  void RefuseStream(int32_t id);
  void ArmWake();
  void RememberEnd(int32_t id) { ended_[ended_next_++ % ended_.size()] = id; }
  bool EndedByClient(int32_t id) const {
    return id != 0 && std::find(ended_.begin(), ended_.end(), id) != ended_.end();
  }

  ServerSink& sink_;
  const bool tls_;
  bool draining_ = false;
  FrameMeter meter_;
  FrameBudget frames_;
  TokenBucket resets_;
  TokenBucket refused_;
  bool calming_ = false;  // nothing is read for a moment
  TimePoint calm_until_{};
  size_t list_bytes_ = 0;                      // of the header list under way, whoever wants it
  int32_t newest_ = 0;                         // of the client's streams
  int32_t skipped_from_ = 0, skipped_to_ = 0;  // between these two it never opened one
  std::deque<TimePoint> cancelled_;            // until when each of them counts
  // The last ones that the client itself ended, by END_STREAM or RST_STREAM: nothing may follow on them.
  std::array<int32_t, 32> ended_{};
  size_t ended_next_ = 0;
  // Answered streams whose clients still send, and until when they may.
  struct Unwanted {
    int32_t id;
    TimePoint until;
  };
  std::deque<Unwanted> unwanted_;
};

}  // namespace meridian
