#include "net/regular_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace meridian {
namespace {

class Opened {
 public:
  // O_NONBLOCK: what was a file when it was looked at may be a pipe now.
  explicit Opened(const std::string& path) : fd_(open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)) {}
  ~Opened() {
    if (fd_ >= 0) close(fd_);
  }
  Opened(const Opened&) = delete;
  Opened& operator=(const Opened&) = delete;
  int fd() const { return fd_; }

 private:
  const int fd_;
};

bool Failed(std::string* why) {
  *why = std::generic_category().message(errno);
  return false;
}

}  // namespace

bool ReadRegularFile(const std::string& path, size_t limit, std::string* text, std::string* why) {
  const Opened file(path);
  struct stat info {};
  if (file.fd() < 0 || fstat(file.fd(), &info) != 0) return Failed(why);
  if (!S_ISREG(info.st_mode)) {
    *why = S_ISDIR(info.st_mode) ? std::generic_category().message(EISDIR) : "it is no regular file";
    return false;
  }
  // It may grow meanwhile, and files of /proc say that they are empty.
  text->clear();
  char piece[16 * 1024];
  while (text->size() <= limit) {
    const ssize_t n = read(file.fd(), piece, std::min(sizeof piece, limit + 1 - text->size()));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Failed(why);
    if (n == 0) break;
    text->append(piece, static_cast<size_t>(n));
  }
  return true;
}

}  // namespace meridian
