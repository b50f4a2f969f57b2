// The part that TCP and TLS transports share: a descriptor, its watch, and bytes the kernel did not take yet.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "event/loop.h"
#include "meridian/error.h"
#include "net/address.h"

namespace meridian {

class TcpSocket {
 public:
  enum class Received : uint8_t { kBytes, kAgain, kEof, kFailed };

  TcpSocket(Loop& loop, int fd, bool connecting, Callback readable, Callback writable);
  ~TcpSocket();
  TcpSocket(const TcpSocket&) = delete;
  TcpSocket& operator=(const TcpSocket&) = delete;

  int fd() const { return fd_; }
  // The first bytes of a connection that is under way: they go out when it is there.
  void SendFirst(std::string_view bytes);
  // True once; settles a pending connect. *error is set if it failed.
  bool FinishConnect(Error* error);
  bool connecting() const { return connecting_; }

  // After a read of fewer bytes than asked for: nothing more is there now, and a new edge will tell.
  bool ShortReadDrains() const { return !watch_.peer_closed(); }
  Received Receive(uint8_t* into, size_t capacity, size_t* bytes);
  // Sends now what the kernel takes and keeps the rest. False: the connection is dead.
  bool Send(std::span<const uint8_t> bytes);
  // Tries to send what was kept. False: dead.
  bool Flush();
  bool blocked() const { return kept_at_ < kept_.size(); }
  // Bytes given to Send in all.
  uint64_t handed() const { return handed_; }
  // The peer's kernel has acknowledged no byte given to Send after the first `mark` (RFC 4898, ThruOctetsAcked). Also
  // answered for a connection that is over. False when it can't be known.
  bool Unacknowledged(uint64_t mark) const;
  // FIN once nothing is kept.
  void ShutdownWrite();
  void AbortOnClose() { abort_ = true; }

 private:
  bool SendAll(std::span<const uint8_t> bytes, size_t* sent);
  void SendLater();
  Loop& loop_;
  const Callback writable_;
  int fd_;
  bool connecting_;
  bool abort_ = false;
  bool shutdown_wanted_ = false;
  uint64_t handed_ = 0;
  std::vector<uint8_t> kept_;
  size_t kept_at_ = 0;
  std::unique_ptr<Timer> send_timer_;  // made when the kernel had no memory once
  Watch watch_;
};

// A non-blocking socket with a connect under way to `to`; −1 and *error when it failed at once.
int StartConnect(const Endpoint& to, Error* error);
void SetNoDelay(int fd);

}  // namespace meridian
