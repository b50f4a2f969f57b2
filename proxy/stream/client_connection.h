// One client's connection: transport, codec, and the exchanges it carries.
//
// Picks the codec (ALPN with TLS; by the first bytes without), keeps the timeouts that belong to no exchange
// (handshake, no request) and owns its exchanges. Used for the traffic of workers and, with another factory, for the
// admin endpoint.
#pragma once

#include <memory>
#include <string>

#include "http/preface_sniffer.h"
#include "http/wire.h"
#include "meridian/filter.h"
#include "net/address.h"
#include "net/proxy_protocol.h"

namespace meridian {

class ClientConnection;

// An exchange as its connection sees it.
class ConnectionExchange : public RequestHandler, public Disposable {
 private:
  friend class ClientConnection;
  ConnectionExchange* prev_ = nullptr;
  ConnectionExchange* next_ = nullptr;
};

struct ConnectionTimeouts {
  Duration handshake = 10s;
  Duration idle = 60s;
};

// What a connection met a limit of.
enum class ConnectionLimit : uint8_t {
  kStreams,        // a request was refused unseen, for its connection has too many
  kRequests,       // it had all its requests and is asked to go
  kProxyHeader,    // its PROXY header is none, or took too long; it is cut
  kHandshakeTime,  // TLS took too long; it is cut
};

class ConnectionHost {
 public:
  // Never null.
  virtual std::unique_ptr<ConnectionExchange> NewExchange(ClientConnection& connection, ServerStream& stream) = 0;
  virtual void OnLimit(ConnectionLimit) {}
  // The PROXY header said who the client is; false: it is cut. The host has counted what it counts.
  virtual bool MayEnter(ClientConnection&) { return true; }
  // TLS with the client is ready.
  virtual void OnHandshake(const Transport&) {}
  // Hand the connection to Loop::Retire.
  virtual void OnConnectionClosed(ClientConnection& connection, const Error& error) = 0;

 protected:
  ~ConnectionHost() = default;
};

class ClientConnection final : public Disposable, private WireOwner, private ServerSink {
 public:
  // Owns `fd`. `tls` null: cleartext. Call Start right after construction; false: out of memory, destroy it.
  ClientConnection(Loop& loop, ConnectionHost& host, const MessageLimits& limits, const ConnectionTimeouts& timeouts,
                   const Endpoint& peer, uint16_t local_port);
  ~ClientConnection() override;
  // `proxy_header` > 0: a PROXY header comes first, in no more time than this.
  bool Start(int fd, std::shared_ptr<const TlsServerContext> tls, Duration proxy_header = Duration::zero());

  const ClientInfo& info() const { return info_; }
  const Endpoint& peer() const { return peer_; }
  // What the client connected to: by the PROXY header, or our end of the connection. All zeros when it is gone.
  Endpoint local();
  HttpVersion version() const { return codec_ ? codec_->version() : HttpVersion::kHttp11; }
  // This connection is not for the host of `authority` (lower case). Only a client that named a server can be wrong.
  bool Misdirected(std::string_view authority);
  // The exchange is over: it is destroyed at the end of the turn.
  void Remove(ConnectionExchange* exchange);
  // No new requests; closes when the last one is answered.
  void StartDrain();
  // The same, in order, for a connection that takes too much. False: it was told already.
  bool SendAway();
  // The end of the last exchange, or when it began.
  TimePoint last_activity() const { return last_activity_; }
  size_t active_streams() const { return codec_ ? codec_->active_streams() : 0; }
  void Close();
  void Cut();  // by RST: it reads nothing
  const Wire& wire() const { return wire_; }

  // Links for the owner's list.
  ClientConnection* prev = nullptr;
  ClientConnection* next = nullptr;
  bool counted = false;  // by the owner, among those of its network

 private:
  class Sniffer;
  class ProxyPreamble;
  bool StartTransport(int fd, std::shared_ptr<const TlsServerContext> tls);
  void OnProxyHeader(const ProxyHeader& header);
  void OnBadProxyHeader();
  RequestHandler* OnRequestBegin(ServerStream& stream) override;
  void OnStreamRefused() override;
  void OnWireReady() override;
  void OnWireActivity(size_t bytes) override;
  void OnWireClosed(const Error& error) override;
  void UseCodec(bool http2);
  void OnTimer();

  Loop& loop_;
  ConnectionHost& host_;
  const MessageLimits& limits_;
  const ConnectionTimeouts& timeouts_;
  Endpoint peer_;
  std::optional<Endpoint> local_;  // once somebody asked
  std::string address_text_;
  std::string server_name_;
  std::string certificate_;
  ClientInfo info_;
  std::unique_ptr<ProxyPreamble> preamble_;
  std::unique_ptr<Codec> sniffer_;
  std::unique_ptr<ServerCodec> codec_;
  Wire wire_;
  Timer timer_;
  TimePoint last_activity_{};
  uint32_t requests_ = 0;
  bool draining_ = false;
  bool goaway_due_ = false;  // the notice is out, the last word is not
  ConnectionExchange* exchanges_ = nullptr;
};

}  // namespace meridian
