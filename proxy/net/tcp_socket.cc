#include "net/tcp_socket.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>

#include "net/block.h"

namespace meridian {
namespace {

constexpr Error kConnectFailed{ErrorCode::kConnectFailed, Fault::kOrigin, Retry::kAlways, "connect failed"};
constexpr Error kWeLack{ErrorCode::kConnectFailed, Fault::kSelf, Retry::kAlways,
                        "no socket (descriptors, ports, memory?)"};
// How long the kernel is given to find memory.
constexpr Duration kSendPause = 10ms;

// Says nothing about the peer.
Error ConnectError(int code) {
  switch (code) {
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
    case EAGAIN:         // no local port, …
    case EADDRNOTAVAIL:  // … or no local address
      return kWeLack;
    default:
      return kConnectFailed;
  }
}

}  // namespace

void SetNoDelay(int fd) {
  const int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

int StartConnect(const Endpoint& to, Error* error) {
  const int fd = socket(to.v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  // A family that this machine does not have is no lack: another address may be of another one.
  if (fd < 0) {
    *error = ConnectError(errno);
    return -1;
  }
  SetNoDelay(fd);
  const SockAddr address = ToSockAddr(to);
  if (connect(fd, address.get(), address.size) != 0 && errno != EINPROGRESS) {
    *error = ConnectError(errno);
    close(fd);
    return -1;
  }
  return fd;
}

TcpSocket::TcpSocket(Loop& loop, int fd, bool connecting, Callback readable, Callback writable)
    : loop_(loop),
      writable_(writable),
      fd_(fd),
      connecting_(connecting),
      watch_(loop, fd, Watch::Mode::kEdge, readable, writable) {}

TcpSocket::~TcpSocket() {
  if (abort_) {
    const linger hard{1, 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
  }
  BlockPool::Local().Discharge(kept_.size());
  // Closing takes the descriptor out of epoll; the watch is told by its own destructor right after.
  watch_.Pause();
  close(fd_);
}

void TcpSocket::SendFirst(std::string_view bytes) {
  handed_ += bytes.size();
  kept_.insert(kept_.end(), bytes.begin(), bytes.end());
  BlockPool::Local().Charge(bytes.size());
}

bool TcpSocket::FinishConnect(Error* error) {
  int code = 0;
  socklen_t size = sizeof code;
  getsockopt(fd_, SOL_SOCKET, SO_ERROR, &code, &size);
  if (code == EINPROGRESS) return false;
  if (code == 0) {
    // An edge may arrive before the handshake is over; a connected socket has a peer.
    sockaddr_storage peer;
    size = sizeof peer;
    if (getpeername(fd_, reinterpret_cast<sockaddr*>(&peer), &size) != 0) return false;
  }
  connecting_ = false;
  if (code != 0 || !Flush()) *error = kConnectFailed;
  return true;
}

TcpSocket::Received TcpSocket::Receive(uint8_t* into, size_t capacity, size_t* bytes) {
  for (;;) {
    const ssize_t n = recv(fd_, into, capacity, 0);
    if (n > 0) {
      *bytes = static_cast<size_t>(n);
      return Received::kBytes;
    }
    *bytes = 0;
    if (n == 0) return Received::kEof;
    if (errno == EINTR) continue;
    return errno == EAGAIN || errno == EWOULDBLOCK ? Received::kAgain : Received::kFailed;
  }
}

bool TcpSocket::SendAll(std::span<const uint8_t> bytes, size_t* sent) {
  *sent = 0;
  while (*sent < bytes.size()) {
    const ssize_t n = send(fd_, bytes.data() + *sent, bytes.size() - *sent, MSG_NOSIGNAL);
    if (n >= 0) {
      *sent += static_cast<size_t>(n);
      continue;
    }
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return true;
    if (errno != ENOBUFS && errno != ENOMEM) return false;
    SendLater();
    return true;
  }
  return true;
}

// The kernel is short of memory for a moment. No edge follows, since the socket itself has room.
void TcpSocket::SendLater() {
  if (!send_timer_) send_timer_ = std::make_unique<Timer>(loop_, writable_);
  send_timer_->Arm(kSendPause);
}

bool TcpSocket::Unacknowledged(uint64_t mark) const {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (getsockopt(fd_, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return false;
  if (size < offsetof(tcp_info, tcpi_bytes_acked) + sizeof info.tcpi_bytes_acked) return false;  // before Linux 4.1
  // The SYN counts as one.
  return info.tcpi_bytes_acked <= mark + 1;
}

bool TcpSocket::Send(std::span<const uint8_t> bytes) {
  handed_ += bytes.size();
  size_t sent = 0;
  if (!blocked() && !SendAll(bytes, &sent)) return false;
  if (sent < bytes.size()) {
    kept_.insert(kept_.end(), bytes.begin() + static_cast<ptrdiff_t>(sent), bytes.end());
    BlockPool::Local().Charge(bytes.size() - sent);
  }
  return true;
}

bool TcpSocket::Flush() {
  if (!blocked()) return true;
  size_t sent = 0;
  if (!SendAll({kept_.data() + kept_at_, kept_.size() - kept_at_}, &sent)) return false;
  kept_at_ += sent;
  if (!blocked()) {
    BlockPool::Local().Discharge(kept_.size());
    std::vector<uint8_t>().swap(kept_);  // idle connections own no buffers
    kept_at_ = 0;
    if (shutdown_wanted_) shutdown(fd_, SHUT_WR);
  }
  return true;
}

void TcpSocket::ShutdownWrite() {
  if (blocked()) {
    shutdown_wanted_ = true;
  } else {
    shutdown(fd_, SHUT_WR);
  }
}

}  // namespace meridian
