// What the origins of a test have in common: it listens on a port of the kernel's choice and gives each connection a
// thread of its own that may block. The destructor ends all of them at once.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <thread>
#include <utility>

#include "support/connection.h"
#include "support/sockets.h"

namespace meridian::testing {

class SessionServer {
 public:
  // Called on the connection's thread; when it returns, the connection is closed. `number`: 1, 2, … in order of accept.
  using Serve = std::function<void(Connection* connection, uint64_t number)>;

  // Accepts at once: as a member it belongs behind everything that `serve` uses, so that it comes last and goes first.
  explicit SessionServer(Serve serve);
  ~SessionServer();
  SessionServer(const SessionServer&) = delete;
  SessionServer& operator=(const SessionServer&) = delete;

  uint16_t port() const { return port_; }
  uint64_t accepted() const { return accepted_; }
  // The destructor waits: calls of `serve` have to return. Their reads and writes fail from then on.
  bool stopping() const { return stopping_; }

 private:
  struct Session {
    explicit Session(UniqueFd fd) : connection(std::move(fd)) {}
    Connection connection;
    std::thread thread;
    std::atomic<bool> done = false;
  };

  void AcceptLoop();
  void Accept(UniqueFd fd);
  void Reap();

  const Serve serve_;
  const UniqueFd listener_;
  const uint16_t port_;
  std::atomic<bool> stopping_ = false;
  std::atomic<uint64_t> accepted_ = 0;
  std::list<std::unique_ptr<Session>> sessions_;  // the acceptor's, and the destructor's after it
  std::thread acceptor_;
};

}  // namespace meridian::testing
