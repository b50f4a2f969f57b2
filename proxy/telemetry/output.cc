#include "telemetry/output.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace meridian {
namespace {

// The first piece of `bytes` that a pipe takes whole or not at all, cut after a line where one ends in it.
std::string_view AtomicPiece(std::string_view bytes) {
  if (bytes.size() <= kWholeLine) return bytes;
  const size_t newline = bytes.rfind('\n', kWholeLine - 1);
  return bytes.substr(0, newline == std::string_view::npos ? kWholeLine : newline + 1);
}

int OpenAnew(int fd) {
  const std::string path = "/proc/self/fd/" + std::to_string(fd);
  return open(path.c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

bool CanBlock(const struct stat& info, int fd) { return S_ISFIFO(info.st_mode) || isatty(fd) == 1; }

}  // namespace

std::unique_ptr<Output> Output::OpenFile(const std::string& path, std::string* error) {
  const int fd = open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0640);
  if (fd < 0) {
    *error = errno == ENXIO ? path + ": nothing reads this pipe" : path + ": " + std::strerror(errno);
    return nullptr;
  }
  struct stat info {};
  const bool waits = fstat(fd, &info) == 0 && CanBlock(info, fd);
  return std::unique_ptr<Output>(new Output(fd, waits ? Kind::kNonBlocking : Kind::kFile));
}

std::unique_ptr<Output> Output::Share(int fd) {
  struct stat info {};
  if (fstat(fd, &info) != 0) return nullptr;
  if (CanBlock(info, fd)) {
    if (const int own = OpenAnew(fd); own >= 0) return std::unique_ptr<Output>(new Output(own, Kind::kNonBlocking));
  }
  const int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
  if (copy < 0) return nullptr;
  const Kind kind = S_ISREG(info.st_mode) ? Kind::kFile : S_ISSOCK(info.st_mode) ? Kind::kSocket : Kind::kShared;
  return std::unique_ptr<Output>(new Output(copy, kind));
}

Output::Output(int fd, Kind kind) : fd_(fd), kind_(kind) {
  struct stat info {};
  if (fstat(fd_, &info) != 0) return;
  device_ = info.st_dev;
  inode_ = info.st_ino;
}

Output::~Output() { close(fd_); }

ssize_t Output::WriteSome(std::string_view bytes) {
  if (kind_ == Kind::kShared && !WaitWritable(std::chrono::milliseconds(0))) return 0;
  const std::string_view piece = kind_ == Kind::kFile ? bytes : AtomicPiece(bytes);
  while (true) {
    const ssize_t n = kind_ == Kind::kSocket ? send(fd_, piece.data(), piece.size(), MSG_DONTWAIT | MSG_NOSIGNAL)
                                             : write(fd_, piece.data(), piece.size());
    if (n >= 0) return n;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return 0;
    if (errno != EINTR) return -errno;
  }
}

bool Output::WaitWritable(std::chrono::milliseconds timeout) const {
  pollfd waiting{.fd = fd_, .events = POLLOUT, .revents = 0};
  // An interrupted wait counts as over: callers wait again as long as their own deadline allows.
  return poll(&waiting, 1, static_cast<int>(timeout.count())) > 0;
}

bool Output::IsSameAs(int fd) const {
  struct stat info {};
  return fstat(fd, &info) == 0 && info.st_dev == device_ && info.st_ino == inode_;
}

}  // namespace meridian
