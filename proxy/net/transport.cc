#include "net/transport.h"

#include <poll.h>

namespace meridian {

bool Transport::Broken() const {
  pollfd p{fd(), 0, 0};
  return poll(&p, 1, 0) == 1 && (p.revents & (POLLERR | POLLHUP)) != 0;
}

}  // namespace meridian
