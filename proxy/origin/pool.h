// One worker's connections to one origin: kept, shared among requests, bounded.
//
// With a PROXY header a connection names one client for life, so it serves the requests of that client only, and of one
// that came over the same connection, since the header names that. All clients together have `max_connections`. When
// they are used up, whoever needs another one takes the place of the connection that is idle longest; when none is,
// that of the next to become idle, the oldest request first. Requests without a client (probes) say LOCAL. Nothing is
// held in reserve: whose request comes next is not known.
//
// An origin's name is all of its addresses: a connection is made at whichever of them works (origin/dial.h). One that
// leaves the name takes no new request; its connections end with what they carry.
//
// HTTP/1.1 connections serve one request at a time and are reused last-in first-out, so that the surplus grows idle and
// is closed; HTTP/2 connections are filled before another is opened. How many streams one takes, its SETTINGS say: a
// new connection begins with what the last one said, the very first with a single stream, and the others wait for its
// word. A request that finds no room waits, at most `max_pending` of them. One thread. The pool outlives its requests.
//
// A kept connection may be closed by the origin while the next request is on its way. Whether the request was seen
// can't always be told, and then one that must not run twice is lost. After such a loss of any request the origin's
// kept connections are distrusted for a minute: requests that could not be moved get a new connection each (`fresh`).
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "net/proxy_protocol.h"
#include "origin/dial.h"
#include "policy/address_memory.h"

namespace meridian {

class OriginPool;
struct PoolGroup;

// A request that waits for a connection. Cancelled by destruction.
class PoolRequest {
 public:
  virtual ~PoolRequest() { Leave(); }
  // The codec has room: Start exactly one stream before returning.
  virtual void OnPoolReady(ClientCodec& codec) = 0;
  virtual void OnPoolFailed(const Error& error) = 0;
  TimePoint since{};   // older ones are served first
  bool fresh = false;  // only a connection that has carried nothing yet will do
  // Whom a PROXY header names; null: nobody. Set before TryTake and Wait, not looked at after them.
  const ProxyAddresses* client = nullptr;
  // Set by the pool: of the connection that it got, or of the last one that failed it. Valid until the call that tells
  // has returned.
  std::string_view address;

 protected:
  void Leave();

 private:
  friend class OriginPool;
  OriginPool* pool_ = nullptr;
  PoolGroup* group_ = nullptr;
  PoolRequest* prev_ = nullptr;
  PoolRequest* next_ = nullptr;
};

class OriginPool final : private ConnectionOwner, private DialSink {
 public:
  using Options = OriginOptions;

  OriginPool(Loop& loop, Options options);
  ~OriginPool();
  OriginPool(const OriginPool&) = delete;
  OriginPool& operator=(const OriginPool&) = delete;

  // What the origin's name says now. Empty: it was never known.
  void SetAddresses(std::span<const Endpoint> addresses);
  size_t addresses() const { return memory_.size(); }
  // A connection with room right now, or null. The caller starts exactly one stream on it. `client` as in PoolRequest;
  // *address as there, too.
  ClientCodec* TryTake(const ProxyAddresses* client = nullptr, std::string_view* address = nullptr);
  // Queues the request and connects where needed. Never calls back before it returns, except that *error is set (and
  // nothing queued) when it fails at once.
  bool Wait(PoolRequest& request, Error* error);
  // A request that a kept connection had taken was lost with it.
  void OnLost() { distrusted_until_ = loop_.Now() + kDistrust; }
  // …so one that must not share that fate asks for a fresh connection, as long as there is room for one.
  bool distrusted() const { return loop_.Now() < distrusted_until_ && connections() < options_.limits.max_connections; }
  // Connects if there is no connection at all, so that the next request finds one. A failure is nobody's business.
  void KeepWarm();
  // Closes everything that is idle now and, later, whatever becomes idle.
  void Drain();
  // Also those under way.
  size_t connections() const { return connections_.size() + dials_.size(); }
  size_t waiting() const { return waiting_; }

 private:
  friend class PoolRequest;
  friend struct PoolGroup;
  bool grouped() const { return options_.proxy_protocol != ProxyProtocol::kOff; }
  PoolGroup* Find(const ProxyAddresses* client);
  PoolGroup& Join(const ProxyAddresses* client);
  void Leave(PoolGroup* group);
  void Enqueue(PoolRequest& request);
  bool Lacks(const PoolGroup& group, size_t waiting) const;
  bool MakePlace();
  bool MustYield(const OriginConnection& connection) const;
  bool Connect(PoolGroup& group, Error* error, bool one_request = false);
  PoolRequest* FirstWaiter(const PoolGroup& group, bool fresh) const;
  PoolRequest* FirstInNeed() const;
  // DialSink
  void OnDialed(Dial& dial, std::unique_ptr<OriginConnection> connection) override;
  void OnDialFailed(Dial& dial, const Error& error) override;
  std::unique_ptr<Dial> Take(Dial& dial);
  // ConnectionOwner
  void OnConnectionReady(OriginConnection&) override {}
  void OnConnectionRoom(OriginConnection& connection) override;
  void OnConnectionGone(OriginConnection& connection, const Error& error) override;
  bool Learn(OriginConnection& connection);
  void Settle(OriginConnection& connection);
  void Offer(OriginConnection& connection);
  void Unlist(OriginConnection& connection);
  void ServeWaiters(OriginConnection& connection);
  void FailWaiters(const PoolGroup& group, bool one_request, const Error& error, std::string_view address);
  void ConnectForWaiters();
  void Fail(PoolRequest* request, const Error& error, std::string_view address);
  void Unlink(PoolRequest* request);
  void Sweep();

  Loop& loop_;
  Options options_;
  MessageLimits message_limits_;
  const bool http2_;
  AddressMemory memory_;
  std::vector<std::unique_ptr<Dial>> dials_;                                    // connections under way
  std::vector<std::unique_ptr<OriginConnection>> connections_;                  // ready
  std::optional<size_t> stream_limit_;                                          // of HTTP/2, as the last SETTINGS said
  const std::unique_ptr<PoolGroup> all_;                                        // unless grouped, …
  std::map<std::optional<ProxyAddresses>, std::unique_ptr<PoolGroup>> groups_;  // … else by client
  PoolRequest* first_ = nullptr;
  PoolRequest* last_ = nullptr;
  size_t waiting_ = 0;
  std::string failed_address_;  // of a request that failed at once
  bool draining_ = false;
  bool making_place_ = false;
  static constexpr Duration kDistrust = 60s;
  TimePoint distrusted_until_{};
  Timer sweep_timer_;
};

}  // namespace meridian
