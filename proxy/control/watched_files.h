// Files that may change while the process runs, looked at from time to time by their owner.
//
// Looked at are time, size and inode, also behind symbolic links, so that a file written in place, one renamed over it
// (certbot) and a swapped link (Kubernetes) are all seen. Several files belong together, as a certificate and its key:
// what changes between two looks is not told yet. Control thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace meridian {

class WatchedFiles {
 public:
  WatchedFiles() = default;
  // As they are now they count as read.
  explicit WatchedFiles(std::vector<std::string> files);
  // Looks. True once for each change, when it has stood still since the last look.
  bool Changed();

 private:
  struct File {
    uint64_t device = 0, inode = 0;
    int64_t size = -1;  // −1: not there
    int64_t modified_ns = 0, changed_ns = 0;
    bool operator==(const File&) const = default;
  };
  std::vector<File> Look() const;

  std::vector<std::string> files_;
  std::vector<File> read_;  // as of the last time that the owner was told to read, with whatever result
  std::vector<File> seen_;  // as of the last look
};

}  // namespace meridian
