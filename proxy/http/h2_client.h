// HTTP/2 towards origins: many requests on one connection.
//
// The connection window is no bound here, the stream windows are: one slow client never holds up the other streams of a
// shared origin connection. When a stream is given up on a silent connection, a PING asks whether it
// is still alive; until anything comes it takes no new streams, and after ClientCodec::kPatience it is stuck. So is one
// with nothing but streams that were given up, whose resets the origin does not take.
//
// How many streams the origin takes is unknown until its SETTINGS come. A stream that is refused because there were
// more than it takes is our fault, not its.
#pragma once

#include <limits>
#include <optional>

#include "http/h2_session.h"

namespace meridian {

class H2Client final : public ClientCodec, private H2Session {
 public:
  static constexpr uint32_t kConnectionWindow = 1u << 30;

  static constexpr size_t kAny = std::numeric_limits<size_t>::max();

  // `streams`: how many may begin before the origin's SETTINGS; never more than the limits say.
  H2Client(CodecHost& host, const MessageLimits& limits, size_t streams = kAny);

  ClientStream* Start(const RequestHead& request, BodyPipe* body, ResponseHandler& handler) override;
  bool Takes(const RequestHead& request) const override;
  size_t available() const override;
  std::optional<size_t> stream_limit() const override;
  size_t active_streams() const override { return active(); }

  void OnBytes(Block* block, std::span<const uint8_t> bytes) override {
    heard_at_ = host_.Now();
    suspect_ = false;
    Feed(block, bytes);
  }
  bool stuck(TimePoint now) const override {
    return (suspect_ && now - suspect_since_ > kPatience) ||
           (given_up_ > 0 && given_up_ == active() && now - given_up_at_ > kPatience);
  }
  void OnEof() override;
  void Produce(OutBuffer& out) override { Drain(out); }
  bool expects_more() const override { return active() > 0; }
  bool finished() const override { return over() || (goaway_ && active() == 0); }
  const Error& error() const override { return error_; }
  void OnClosed(const Error& error) override;

 private:
  class Stream;
  int OnBeginHeaders(const nghttp2_frame& frame) override;
  int OnHeader(H2Stream* stream, const nghttp2_frame& frame, std::string_view name, std::string_view value) override;
  int OnHeadersDone(H2Stream* stream, const nghttp2_frame& frame) override;
  void OnInEnd(H2Stream* stream) override;
  void OnHeadersSent(H2Stream* stream) override;
  void OnStreamClosed(H2Stream* stream, uint32_t code) override;
  void OnFrame(const nghttp2_frame& frame) override;

  bool OneTooMany(const Stream& refused) const;
  void Suspect();

  static constexpr Duration kSilence = 100ms;  // shorter ones are nothing special
  TimePoint heard_at_{};
  bool suspect_ = false;  // a PING is out
  TimePoint suspect_since_{};
  size_t given_up_ = 0;      // streams whose reset has not left yet, …
  TimePoint given_up_at_{};  // … and when that was last told of one, or one left
  const size_t unheard_streams_;
  bool heard_limit_ = false;  // the SETTINGS came
  bool goaway_ = false;       // the origin takes no new requests here
  int32_t taken_ = 0;         // the last stream it took
};

}  // namespace meridian
