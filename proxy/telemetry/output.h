// A descriptor for log lines that is written without ever waiting inside write().
//
// Why: a log's reader can stop (a paused terminal, a stuck `| tee`), and then write() on a full pipe sleeps for ever.
// O_NONBLOCK would help, but it belongs to the open file description, which stdout and stderr share with the shell and
// with everything else started from it; setting it there breaks those programs. So:
//   file       written as it is; a disk answers, if only with an error
//   pipe, tty  opened anew through /proc, which gives a description of our own that may be O_NONBLOCK
//   socket     sent with MSG_DONTWAIT
//   otherwise  (/proc is missing or forbids it) asked with poll() first, then at most PIPE_BUF bytes at a time
// Pieces for pipes, terminals and sockets end at line ends where they can, so that lines of several writers do not mix.
// A pipe takes no more than PIPE_BUF bytes for sure without another writer's between them, so no line that we make is
// longer.
// One thread at a time. REQUIRES: SIGPIPE ignored in the process or blocked in the calling thread.
#pragma once

#include <limits.h>
#include <sys/types.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

namespace meridian {

inline constexpr size_t kWholeLine = PIPE_BUF;

class Output {
 public:
  // A file is created or appended to. Null and `error` set if it can't be opened; a named pipe needs a reader.
  static std::unique_ptr<Output> OpenFile(const std::string& path, std::string* error);
  // A description like that of `fd` (stdout, stderr), or a copy of `fd`. Null if `fd` is closed.
  static std::unique_ptr<Output> Share(int fd);
  ~Output();
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  // Writes a first piece of `bytes`, as much as goes at once. Bytes written; 0: it would have to wait; < 0: −errno.
  // REQUIRES: bytes not empty.
  ssize_t WriteSome(std::string_view bytes);
  // Waits until writing may go on (or fail). False: the time is over.
  bool WaitWritable(std::chrono::milliseconds timeout) const;
  // Whether `fd` is the file, pipe or terminal that this was made from.
  bool IsSameAs(int fd) const;

 private:
  enum class Kind { kFile, kNonBlocking, kSocket, kShared };
  Output(int fd, Kind kind);

  int fd_;
  Kind kind_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace meridian
