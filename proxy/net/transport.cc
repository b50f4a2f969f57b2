#include "net/transport.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

namespace meridian {

bool Transport::Broken() const {
  pollfd p{fd(), 0, 0};
  return poll(&p, 1, 0) == 1 && (p.revents & (POLLERR | POLLHUP)) != 0;
}

Duration Transport::RoundTrip() const {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (getsockopt(fd(), IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return Duration::zero();
  return std::chrono::microseconds(info.tcpi_rtt);
}

}  // namespace meridian
