// A connection to one address of an origin: transport, handshake, codec; and what its pool keeps about it.
//
// Its owner is a Dial until it is ready, then the pool. One thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "http/codec.h"
#include "http/wire.h"
#include "net/proxy_protocol.h"
#include "policy/model.h"

namespace meridian {

class OriginConnection;
struct PoolGroup;

// Filled by the pool for the statistics of its owner.
struct PoolCounters {
  uint64_t opened = 0;
  uint64_t closed = 0;
  uint64_t reused = 0;
  uint64_t address_failures = 0;  // addresses that did not work, or not in time, when a connection tried them
  uint64_t address_left = 0;      // connections that were given up because their address left the name
};

struct OriginOptions {
  OriginModel origin;
  PoolModel limits;
  Duration connect_timeout = 1s;    // TCP, over all addresses
  Duration tls_timeout = 1s;        // the handshake after it
  TlsClientContext* tls = nullptr;  // REQUIRED for https and h2
  std::string server_name;          // SNI and the name to verify
  ProxyProtocol proxy_protocol = ProxyProtocol::kOff;
  uint32_t max_answer_bytes = 256 * 1024;  // of a response's head, decoded
  uint32_t max_answer_fields = 1000;
  bool warm = false;  // the last idle connection is not closed for its age
  PoolCounters* counters = nullptr;
};

class ConnectionOwner {
 public:
  // It has a codec now.
  virtual void OnConnectionReady(OriginConnection& connection) = 0;
  // Something moved on it; it may have room. Only after ready.
  virtual void OnConnectionRoom(OriginConnection& connection) = 0;
  // The end; its streams were told. Retire it.
  virtual void OnConnectionGone(OriginConnection& connection, const Error& error) = 0;

 protected:
  ~ConnectionOwner() = default;
};

class OriginConnection final : public WireOwner, public Disposable {
 public:
  // `streams`: how many streams an HTTP/2 connection may begin before the origin has said how many it takes.
  OriginConnection(Loop& loop, const OriginOptions& options, const MessageLimits& limits, size_t streams,
                   PoolGroup& group, ConnectionOwner& owner);
  // False and *error when it failed at once. `patience`: for TCP. `header`: what the peer gets before all else.
  bool Connect(const Endpoint& to, Duration patience, std::string_view header, Error* error);

  void set_owner(ConnectionOwner& owner) { owner_ = &owner; }
  const Endpoint& endpoint() const { return endpoint_; }
  std::string_view address() const { return address_; }
  ClientCodec* codec() { return codec_.get(); }
  bool ready() const { return codec_ != nullptr; }
  bool idle() const { return codec_ && codec_->active_streams() == 0; }
  // TCP is; TLS may be under way.
  bool connected() { return wire_.transport() && wire_.transport()->connected(); }
  // Ends now. The owner hears of it before this returns.
  void Close();
  void Abandon();

  PoolGroup* const group;
  bool listed = false;                 // in the group's `idle`
  bool one_request = false;            // it is for one that asked for a fresh one, and closes after it
  bool settled = false;                // how many streams it takes is known
  std::optional<size_t> stream_limit;  // as far as the pool has heard
  bool leaving = false;                // its address left the name: no new requests
  TimePoint idle_since{};

 private:
  // TLS has a time of its own.
  void OnWireConnected() override { connect_timer_.Arm(options_.tls_timeout); }
  void OnWireReady() override;
  void OnWireActivity(size_t) override { owner_->OnConnectionRoom(*this); }
  void OnWireFlushed() override { owner_->OnConnectionRoom(*this); }
  void OnWireClosed(const Error& error) override;
  void OnConnectTimeout();

  Loop& loop_;
  const OriginOptions& options_;
  const MessageLimits& limits_;
  const size_t streams_;
  ConnectionOwner* owner_;
  Endpoint endpoint_;
  std::string address_;
  std::unique_ptr<ClientCodec> codec_;  // outlives the wire
  Wire wire_;
  Timer connect_timer_;  // then that of TLS
};

}  // namespace meridian
