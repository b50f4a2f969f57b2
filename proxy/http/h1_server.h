// HTTP/1.1 towards clients: one request at a time, keep-alive, pipelined input held back until its turn.
//
//   Idle ──request line──▶ Receiving ──head──▶ Active ──both directions over──▶ Idle, or finished
//                                               └─101──▶ Tunnel ──either direction over──▶ finished
//
// A request that can't be read one way only is refused with a status and the connection ends after it.
#pragma once

#include <vector>

#include "http/codec.h"
#include "http/h1_parser.h"
#include "http/h1_write.h"

namespace meridian {

class H1Server final : public ServerCodec,
                       private ServerStream,
                       private H1ParserSink,
                       private BodyPipe::Reader,
                       private BodyPipe::Writer {
 public:
  // `tls`: the scheme of requests.
  H1Server(CodecHost& host, ServerSink& sink, const MessageLimits& limits, bool tls);

  void OnBytes(Block* block, std::span<const uint8_t> bytes) override;
  void OnEof() override;
  void Produce(OutBuffer& out) override;
  bool paused() const override;
  bool expects_more() const override { return handler_ && (tunnel_ || !request_done_); }
  bool finished() const override { return finished_; }
  const Error& error() const override { return error_; }
  bool cut() const override { return cut_; }
  void OnClosed(const Error& error) override;
  void StartDrain() override;
  size_t active_streams() const override { return handler_ ? 1 : 0; }
  HttpVersion version() const override { return HttpVersion::kHttp11; }

 private:
  // ServerStream
  void SendInformational(const ResponseHead& head) override;
  void SendHead(const ResponseHead& head, BodyPipe* body) override;
  void Reset(bool nothing_done) override;
  // H1ParserSink
  Arena* OnMessageBegin() override;
  Head OnHead() override;
  void OnBody(std::span<const uint8_t> bytes) override;
  void OnMessageEnd() override;
  // BodyPipe
  void OnBodyReadable() override { host_.WantWrite(); }
  void OnBodyConsumed(size_t bytes) override;

  void FeedParser(Block* block, std::span<const uint8_t> bytes);
  void FeedHeld();
  void WantInput();
  void OnParserFailure();
  void BreakBody();
  int ReadTarget(RequestHead* head);
  int ReadHead(RequestHead* head);
  void RefuseRequest(int status, const RequestHead& partial);
  bool BodyBacklog() const;
  void WriteHead(OutBuffer& out);
  void FinishExchange();
  void EndStream(bool complete);
  void Cut();

  CodecHost& host_;
  ServerSink& sink_;
  const bool tls_;

  // ---- the connection
  H1Parser parser_;
  Block* feed_block_ = nullptr;
  Buffer held_;                // pipelined input of the next request
  bool input_wanted_ = false;  // look at held_ at the end of the turn
  bool draining_ = false;
  bool finished_ = false;
  bool cut_ = false;
  Error error_;

  // ---- the request under way
  RequestHandler* handler_ = nullptr;
  Method method_ = Method::kGet;
  int minor_version_ = 1;
  bool keep_alive_ = true;
  bool head_read_ = false;
  bool request_done_ = false;  // its last byte was parsed
  bool refused_ = false;
  bool websocket_ = false;  // it asks to go on as one
  bool tunnel_ = false;     // it does: bytes go both ways as they come

  // ---- its response
  std::vector<ResponseHead> early_;  // 1xx heads that wait for the end of the turn
  std::string rest_;                 // of heads that are larger than a flush
  ResponseHead head_;
  BodyPipe* body_ = nullptr;
  H1Framing framing_ = H1Framing::kNone;
  bool have_head_ = false;
  bool head_sent_ = false;
};

}  // namespace meridian
