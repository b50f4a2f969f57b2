// HTTP/1.1 towards origins: one request at a time on a kept connection.
//
// After any doubt about framing the connection is not used again; bytes nobody asked for end it. Interim responses
// other than 101 are passed on; they do not end the possibility of a replay. A 101 that was asked for makes the
// connection a tunnel: bytes go both ways as they come. The client's end goes on to the origin as FIN, and what the
// origin still says is delivered; the origin's end is that of the tunnel (RFC 9110 §9.3.6).
#pragma once

#include "http/codec.h"
#include "http/h1_parser.h"
#include "http/h1_write.h"

namespace meridian {

class H1Client final : public ClientCodec,
                       private ClientStream,
                       private H1ParserSink,
                       private BodyPipe::Reader,
                       private BodyPipe::Writer {
 public:
  // A response that nobody wants any more is read to its end up to this size, to save the connection.
  static constexpr int64_t kDiscardAtMost = 64 * 1024;
  static constexpr int kMaxInformational = 32;

  H1Client(CodecHost& host, const MessageLimits& limits);

  ClientStream* Start(const RequestHead& request, BodyPipe* body, ResponseHandler& handler) override;
  size_t available() const override { return busy_ || finished_ || error_ ? 0 : 1; }
  size_t active_streams() const override { return handler_ ? 1 : 0; }
  // The rest of an answer that nobody wants any more takes too long.
  bool stuck(TimePoint now) const override { return busy_ && !handler_ && now - abandoned_at_ > kPatience; }

  void OnBytes(Block* block, std::span<const uint8_t> bytes) override;
  void OnEof() override;
  void Produce(OutBuffer& out) override;
  bool paused() const override;
  bool expects_more() const override { return busy_; }
  bool half_closed() const override { return tunnel_ && request_done_ && !body_; }
  bool finished() const override { return finished_; }
  const Error& error() const override { return error_; }
  void OnClosed(const Error& error) override;

 private:
  void Cancel() override;
  Arena* OnMessageBegin() override;
  Head OnHead() override;
  void OnBody(std::span<const uint8_t> bytes) override;
  void OnMessageEnd() override;
  void OnBodyReadable() override { host_.WantWrite(); }
  void OnBodyConsumed(size_t) override;

  ResponseHandler* Release();
  bool Switches(const HeaderBlock& headers) const;
  void EndTunnel();
  // `peer_closed`: the origin ended the connection in order, by FIN.
  void FailStream(Error error, bool peer_closed = false);

  CodecHost& host_;
  H1Parser parser_;
  Block* feed_block_ = nullptr;
  Arena discard_arena_;
  Error error_;
  bool finished_ = false;
  uint64_t exchanges_ = 0;

  // ---- the request under way
  bool busy_ = false;  // until its response was read to the end
  ResponseHandler* handler_ = nullptr;
  const RequestHead* request_ = nullptr;
  Method method_ = Method::kGet;
  BodyPipe* body_ = nullptr;
  H1Framing framing_ = H1Framing::kNone;
  bool head_sent_ = false;
  std::string rest_;   // of a head that is larger than a flush
  uint64_t mark_ = 0;  // where the request begins in what was written to the connection
  bool request_done_ = false;
  bool response_begun_ = false;
  bool head_received_ = false;
  bool keep_alive_ = false;
  bool tunnel_ = false;
  TimePoint abandoned_at_{};  // when its handler let go
  int informational_ = 0;
};

}  // namespace meridian
