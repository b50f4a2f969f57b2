// Loopback sockets for test origins and clients.
#pragma once

#include <cstdint>
#include <utility>

namespace meridian::testing {

class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  ~UniqueFd() { Close(); }
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) {
      Close();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  void Close();
  // The peer sees RST instead of FIN.
  void CloseWithReset();

 private:
  int fd_ = -1;
};

// A port on 127.0.0.1 that belongs to this test while the object lives. It is bound but does not listen, so connecting
// is refused; a socket with SO_REUSEADDR (ours, or nginx's) can bind it as well and listen, stop, and listen again,
// and the kernel gives it to nobody else in between.
class PortReservation {
 public:
  PortReservation();
  uint16_t port() const { return port_; }

 private:
  UniqueFd fd_;
  uint16_t port_ = 0;
};

// Listens on 127.0.0.1:port; port 0: the kernel picks one. Non-blocking, close-on-exec. Throws HarnessError.
UniqueFd ListenOn(uint16_t port, int backlog = 1024);
uint16_t LocalPort(int fd);
// Connects to 127.0.0.1:port; an invalid descriptor when refused. Blocking socket.
UniqueFd ConnectTo(uint16_t port);
void SetNonBlocking(int fd);
void SetNoDelay(int fd);

}  // namespace meridian::testing
