#include "net/listener.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "net/tcp_socket.h"

namespace meridian {

int OpenListenSocket(const Endpoint& address, bool reuse_port, Endpoint* bound, std::string* error) {
  const auto fail = [&](int fd) {
    *error = EndpointText(address) + ": " + std::strerror(errno);
    if (fd >= 0) close(fd);
    return -1;
  };
  const int fd = socket(address.v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return fail(fd);
  const int one = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (reuse_port) setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
  if (address.v6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
  const SockAddr target = ToSockAddr(address);
  if (bind(fd, target.get(), target.size) != 0 || listen(fd, 4096) != 0) return fail(fd);
  const std::optional<Endpoint> name = LocalAddress(fd);
  if (!name) return fail(fd);
  *bound = *name;
  return fd;
}

Listener::Listener(Loop& loop, int fd, ListenerSink& sink)
    : sink_(sink),
      fd_(fd),
      resume_(loop, Bind<&Listener::OnResume>(this)),
      watch_(std::make_unique<Watch>(loop, fd, Watch::Mode::kLevelRead, Bind<&Listener::OnReadable>(this))) {
  Reserve();
}

Listener::~Listener() {
  watch_.reset();
  close(fd_);
  if (reserve_fd_ >= 0) close(reserve_fd_);
}

void Listener::Reserve() {
  if (reserve_fd_ < 0) reserve_fd_ = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

void Listener::OnReadable() {
  for (int i = 0; i < kBatch && !paused_; ++i) {
    sockaddr_storage peer;
    socklen_t size = sizeof peer;
    const int fd = accept4(fd_, reinterpret_cast<sockaddr*>(&peer), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      SetNoDelay(fd);
      sink_.OnAccept(fd, FromSockAddr(reinterpret_cast<sockaddr*>(&peer)));
      continue;
    }
    switch (errno) {
      case EAGAIN:
        return;
      case EMFILE:
      case ENFILE:
      case ENOBUFS:
      case ENOMEM:
        return Pause();
      default:
        break;  // this client is gone already (ECONNABORTED and friends); try the next
    }
  }
}

void Listener::Pause() {
  if (reserve_fd_ >= 0) {
    // Let one client go instead of leaving it to its timeout.
    close(std::exchange(reserve_fd_, -1));
    const int fd = accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd >= 0) close(fd);
    Reserve();
  }
  paused_ = true;
  watch_->Pause();
  resume_.Arm(kPause);
  sink_.OnAcceptPaused();
}

void Listener::OnResume() {
  paused_ = false;
  Reserve();  // somebody else may have taken it
  watch_->Resume();
}

}  // namespace meridian
