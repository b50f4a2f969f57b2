// Accepts connections: at most kBatch per wake-up, never spinning.
//
// When descriptors run out (EMFILE, ENFILE) or the kernel is short of memory it pauses for kPause, gives one waiting
// client a clean close with the help of a descriptor kept in reserve, and tells the sink, which counts.
#pragma once

#include <memory>
#include <string>

#include "event/loop.h"
#include "net/address.h"

namespace meridian {

class ListenerSink {
 public:
  virtual void OnAccept(int fd, const Endpoint& peer) = 0;  // the descriptor is the sink's now
  virtual void OnAcceptPaused() = 0;

 protected:
  ~ListenerSink() = default;
};

// A bound, listening, non-blocking socket with SO_REUSEPORT; −1 and *error ("127.0.0.1:80: Address already in use").
// *bound is the address with the real port.
int OpenListenSocket(const Endpoint& address, bool reuse_port, Endpoint* bound, std::string* error);

class Listener {
 public:
  static constexpr int kBatch = 16;
  static constexpr Duration kPause = 50ms;
  // Owns `fd`.
  Listener(Loop& loop, int fd, ListenerSink& sink);
  ~Listener();

 private:
  void OnReadable();
  void OnResume();
  void Pause();
  void Reserve();
  ListenerSink& sink_;
  int fd_;
  int reserve_fd_ = -1;
  bool paused_ = false;
  Timer resume_;
  std::unique_ptr<Watch> watch_;
};

}  // namespace meridian
