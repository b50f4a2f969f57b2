// A thread for what may hang in a file system (NFS, a volume that is gone): the control thread must go on meanwhile.
//
// One piece of work at a time. Whoever waits for one that never ends is left behind with it, at the exit too.
#pragma once

#include <functional>
#include <memory>

#include "event/loop.h"

namespace meridian {

class FileThread {
 public:
  explicit FileThread(Loop& loop) : loop_(loop) {}
  ~FileThread();
  FileThread(const FileThread&) = delete;
  FileThread& operator=(const FileThread&) = delete;

  // Calls `work` on the thread, then `done` on the loop, unless this is gone by then: `work` keeps alive what it uses.
  // REQUIRES: not busy().
  void Run(std::function<void()> work, std::function<void()> done);
  bool busy() const { return busy_; }

 private:
  struct State;
  void OnDone();

  Loop& loop_;
  std::function<void()> done_;
  bool busy_ = false;
  std::shared_ptr<State> state_;  // with the thread; null: none was needed yet
};

}  // namespace meridian
