// HTTP versions behind two pairs of interfaces: one for the client side (we serve), one for the origin side (we ask).
//
// A codec turns bytes into calls and calls into bytes; it owns no socket and no timer. Its Wire feeds it (OnBytes,
// OnEof) and drains it (Produce, at the end of a turn). Handlers may drop their stream from within any call. Everything
// on one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "http/body_pipe.h"
#include "meridian/arena.h"
#include "meridian/error.h"
#include "meridian/message.h"
#include "meridian/time.h"
#include "net/buffer.h"

namespace meridian {

// Bounds on what a peer may send. Decoded sizes; each header counts 32 bytes on top of its text (RFC 9113 §10.5.1).
struct MessageLimits {
  // What no limit below may exceed by itself or with what the edge adds: codecs write heads of up to this cost.
  static constexpr uint32_t kMaxSentHead = 4 * 1024 * 1024;
  uint32_t max_header_bytes = 60 * 1024;
  uint32_t max_headers = 100;
  uint32_t max_target_bytes = 32 * 1024;
  uint32_t max_trailer_bytes = 8 * 1024;
  uint32_t max_streams = 100;
  uint32_t max_requests = 100'000;  // of one client connection, then it is asked to go; 0: any number
};

// What a codec may ask of the connection that carries it.
class CodecHost {
 public:
  virtual void WantWrite() = 0;                // Produce has something to say
  virtual void ResumeRead() = 0;               // paused() turned false
  virtual TimePoint Now() = 0;                 // of this turn
  virtual void WakeAfter(Duration delay) = 0;  // calls OnWake, once; a second call moves it
  // Of the connection: what was written so far, and proof that nothing written after that mark has reached the peer.
  virtual uint64_t handed() const = 0;
  virtual bool Unacknowledged(uint64_t mark) const = 0;
  // To the peer and back, as the kernel sees it; zero: unknown. A system call.
  virtual Duration RoundTrip() const = 0;

 protected:
  ~CodecHost() = default;
};

class Codec {
 public:
  virtual ~Codec() = default;
  // All of `bytes` is taken. They lie in `block` (null: copy what is kept).
  virtual void OnBytes(Block* block, std::span<const uint8_t> bytes) = 0;
  // How many of the bytes that were read are for this turn; OnBytes gets those now and the rest in the next turns.
  // `begins`: the first question of a turn.
  virtual size_t ShareOfTurn(std::span<const uint8_t> bytes, bool /*begins*/) { return bytes.size(); }
  virtual void OnEof() = 0;
  virtual void OnWake() {}  // as WakeAfter asked for
  // Appends what can be sent now, at most out.room(). Nothing appended: nothing to say until the next WantWrite.
  virtual void Produce(OutBuffer& out) = 0;
  virtual bool paused() const { return false; }  // do not read for now
  // In the middle of a message: it matters at once if the connection broke right behind the last bytes.
  virtual bool expects_more() const { return false; }
  // The last byte was produced, but the peer may go on: the connection's other direction ends after what was produced.
  virtual bool half_closed() const { return false; }
  // The last byte was produced: close after it is sent.
  virtual bool finished() const = 0;
  // The peer broke the protocol: close without any further reading (what Produce still has is sent first).
  virtual const Error& error() const = 0;
  // With error(): close by RST at once, since a FIN could pass for the end of a body.
  virtual bool cut() const { return false; }
  // The connection is gone; every stream is told. No calls after this.
  virtual void OnClosed(const Error& error) = 0;
};

// ---- client side ---------------------------------------------------------------------------------------------------

// The codec's half of one exchange. Valid until OnStreamClosed, which always comes.
class ServerStream {
 public:
  virtual void SendInformational(const ResponseHead& head) = 0;  // 1xx other than 101
  // `body` null: none. The head's views and the body must live until the stream is over.
  virtual void SendHead(const ResponseHead& head, BodyPipe* body) = 0;
  // Cuts the response: RST_STREAM, or the connection for HTTP/1. `nothing_done`: not one byte went to an origin.
  virtual void Reset(bool nothing_done) = 0;

 protected:
  ~ServerStream() = default;
};

// The exchange's half.
class RequestHandler {
 public:
  virtual Arena& arena() = 0;
  virtual BodyPipe& request_body() = 0;
  // The body, if any, follows into request_body(). Never after SendHead or Reset: a request that was answered before
  // its head was whole (it took too long) has none any more.
  virtual void OnRequestHead(const RequestHead& head) = 0;
  // Before the end of request_body(), if it has trailers: those that are left are passed on.
  virtual void OnTrailers(HeaderBlock& /*trailers*/) {}
  // Not a request that can be served; answer with this status. Nothing else follows. After OnRequestHead: its body was
  // malformed (and has failed) before the answer began. Never after SendHead or Reset.
  virtual void OnBadRequest(int status, const RequestHead& partial) = 0;
  // The stream is gone: complete (all was handed to the connection), reset by the client, or its connection died.
  virtual void OnStreamClosed(bool complete) = 0;

 protected:
  ~RequestHandler() = default;
};

class ServerSink {
 public:
  // A request begins. Never null.
  virtual RequestHandler* OnRequestBegin(ServerStream& stream) = 0;
  // A request was refused unseen: too many at once on its connection.
  virtual void OnStreamRefused() {}

 protected:
  ~ServerSink() = default;
};

class ServerCodec : public Codec {
 public:
  // No new requests: GOAWAY, or Connection: close on the next answer.
  virtual void StartDrain() = 0;
  virtual size_t active_streams() const = 0;
  virtual HttpVersion version() const = 0;
};

// ---- origin side ---------------------------------------------------------------------------------------------------

class ClientStream {
 public:
  // Lets go: no call after this. An unfinished h2 stream is reset, an unfinished h1 connection closed.
  virtual void Cancel() = 0;

 protected:
  ~ClientStream() = default;
};

class ResponseHandler {
 public:
  virtual Arena& arena() = 0;
  virtual BodyPipe& response_body() = 0;
  virtual void OnInformational(const ResponseHead& head) = 0;
  // If there will be no body, response_body() has ended already: what ends with its head is passed on as such (gRPC
  // takes nothing else for a response of trailers only).
  virtual void OnResponseHead(const ResponseHead& head) = 0;
  // Before the end of response_body(), if it has trailers: those that are left are passed on.
  virtual void OnTrailers(HeaderBlock& /*trailers*/) {}
  // Both directions are over; the stream is gone.
  virtual void OnResponseComplete() = 0;
  // The stream is gone, incomplete. error.retry says whether the request may have been processed.
  virtual void OnAttemptFailed(const Error& error) = 0;

 protected:
  ~ResponseHandler() = default;
};

class ClientCodec : public Codec {
 public:
  // False: the peer has said that it takes no head of this size (RFC 9113 §6.5.2, MAX_HEADER_LIST_SIZE).
  virtual bool Takes(const RequestHead& /*request*/) const { return true; }
  // REQUIRES: available() > 0 and Takes(request). `request` and `body` (null: none) must live until the stream is over
  // or cancelled.
  virtual ClientStream* Start(const RequestHead& request, BodyPipe* body, ResponseHandler& handler) = 0;
  // How many more streams can be started now.
  virtual size_t available() const = 0;
  // How many streams the peer takes at once, bounded by our own limit; nothing before it has said so.
  virtual std::optional<size_t> stream_limit() const { return std::nullopt; }
  // Something must have come by now and did not: the connection is of no use. Asked by its owner now and then.
  static constexpr Duration kPatience = 1s;
  virtual bool stuck(TimePoint now) const = 0;
  virtual size_t active_streams() const = 0;
};

}  // namespace meridian
