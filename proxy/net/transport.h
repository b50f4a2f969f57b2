// A byte stream to a peer: TCP, or TLS over it. Non-blocking; one thread.
//
// Output: Write takes everything it is given; what the kernel does not take at once is kept, `blocked()` turns true and
// the sink hears OnTransportWritable when it is gone. The writer must not write while blocked, which bounds memory to
// one flush. Input: edge-triggered. After OnTransportReadable read until kDrained, or remember to continue.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "event/loop.h"
#include "meridian/error.h"
#include "net/buffer.h"
#include "net/tls_context.h"
#include "net/tls_server_context.h"
#include "policy/model.h"

namespace meridian {

// Error::what of a handshake that ended because the client's certificate is missing or does not verify.
inline constexpr std::string_view kCertificateRefused = "client certificate refused";

class TransportSink {
 public:
  virtual void OnTransportConnected() {}                  // TCP is; with TLS the handshake begins
  virtual void OnTransportReady() = 0;                    // connected and, with TLS, handshaken
  virtual void OnTransportReadable() = 0;                 // only after ready
  virtual void OnTransportWritable() = 0;                 // what was kept is gone
  virtual void OnTransportError(const Error& error) = 0;  // connect, handshake or send failed; terminal
  // A sink may destroy its transport only by Loop::Retire while one of these calls is on the stack.

 protected:
  ~TransportSink() = default;
};

enum class ReadState : uint8_t { kDrained, kMore, kEof, kFailed };
struct ReadResult {
  size_t bytes = 0;  // may be > 0 together with kEof
  ReadState state = ReadState::kDrained;
};

enum class Alpn : uint8_t { kNone, kHttp11, kH2 };

class Transport : public Disposable {
 public:
  virtual ReadResult Read(uint8_t* into, size_t capacity) = 0;
  // The next Read asks the kernel even though the last one drained it: a reset may have shared its edge with data.
  virtual void LookAgain() {}
  // After kFailed: what the peer said of it, by TLS; null: nothing.
  virtual const Error* failure() const { return nullptr; }
  // The connection is gone in both directions (reset), found out without reading.
  bool Broken() const;
  // To the peer and back (RFC 6298's SRTT); zero: unknown.
  Duration RoundTrip() const;
  // REQUIRES: !blocked(). False: the connection is dead (the sink is not called for it).
  virtual bool Write(std::span<const uint8_t> bytes) = 0;
  virtual bool blocked() const = 0;
  // Bytes on their way to the peer so far, with TLS as records; a mark for Unacknowledged.
  virtual uint64_t handed() const = 0;
  // Proof that not one byte which was written after the mark has reached the peer's kernel.
  virtual bool Unacknowledged(uint64_t mark) const = 0;
  // TCP is connected, whatever TLS still has to do.
  virtual bool connected() const = 0;
  // Sends close_notify and FIN after what is kept; reading goes on.
  virtual void ShutdownWrite() = 0;
  virtual Alpn alpn() const { return Alpn::kNone; }
  virtual std::string_view server_name() const { return {}; }
  virtual bool tls() const { return false; }
  // The handshake went on from an earlier session.
  virtual bool resumed() const { return false; }
  // The handshake took an OCSP response to the client.
  virtual bool stapled() const { return false; }
  // The client's TLS session is for another certificate than that of `host` (TlsServerContext::Misdirected).
  virtual bool Misdirected(std::string_view) const { return false; }
  // TlsServerContext::ForwardedCertificate
  virtual std::string client_certificate() const { return {}; }
  virtual int fd() const = 0;
  // Destruction after this sends RST instead of FIN: what was cut looks cut.
  virtual void Abort() = 0;
};

// All factories: nothing is called back before they return. The descriptor belongs to the transport.
std::unique_ptr<Transport> AcceptTcp(Loop& loop, int fd, TransportSink& sink);
std::unique_ptr<Transport> AcceptTls(Loop& loop, int fd, std::shared_ptr<const TlsServerContext> context,
                                     TransportSink& sink);
// Null and *error when the socket cannot even be made (descriptors). `first`: what the peer gets before all else, also
// before TLS; a PROXY header.
std::unique_ptr<Transport> ConnectTcp(Loop& loop, const Endpoint& to, TransportSink& sink, Error* error,
                                      std::string_view first = {});
std::unique_ptr<Transport> ConnectTls(Loop& loop, const Endpoint& to, TlsClientContext& context,
                                      const std::string& server_name, TransportSink& sink, Error* error,
                                      std::string_view first = {});

}  // namespace meridian
