#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cstring>

#include "net/tls_server_context.h"

namespace meridian {

std::shared_ptr<const TlsKeyLog> TlsKeyLog::Open(const std::string& path, std::string* error) {
  const int fd =
      open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0600);
  if (fd < 0) {
    *error = path + ": cannot be opened: " + std::strerror(errno);
    return nullptr;
  }
  return std::shared_ptr<const TlsKeyLog>(new TlsKeyLog(fd));
}

TlsKeyLog::~TlsKeyLog() { close(fd_); }

// One call per line: lines of several threads must not mix. A line that is lost costs somebody a debugging session
// only.
void TlsKeyLog::Write(std::string_view line) const {
  char newline = '\n';
  const iovec parts[] = {{const_cast<char*>(line.data()), line.size()}, {&newline, 1}};
  [[maybe_unused]] const ssize_t written = writev(fd_, parts, 2);
}

}  // namespace meridian
