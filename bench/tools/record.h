// What a region remembers, in a shared file, so that a killed process does not take its memory along.
//
// bench/lib/regions.py reads the same layout: eight 64-bit counters, then the ids of executed requests.
#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>

namespace meridian::bench {

class Record {
 public:
  static constexpr size_t kMaxIds = 1 << 20;
  struct Layout {
    uint64_t requests;      // without probes
    uint64_t touched;       // of those (and of broken handshakes), while a fault was on
    uint64_t probes;        //
    uint64_t connections;   //
    uint64_t wrong_bodies;  // a request body that is not what the client sends
    uint64_t ranges;        // requests with a Range
    uint64_t body_bytes;    // of answers
    uint64_t executed;      // ids below
    uint32_t ids[kMaxIds];
  };

  // False with errno when the file cannot be made.
  bool Open(const char* path) {
    const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) return false;
    const bool sized = ftruncate(fd, sizeof(Layout)) == 0;
    void* map = sized ? mmap(nullptr, sizeof(Layout), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;
    close(fd);
    if (map == MAP_FAILED) return false;
    layout_ = static_cast<Layout*>(map);
    return true;
  }
  Layout* operator->() { return layout_; }
  void Execute(uint32_t id) {
    if (layout_->executed < kMaxIds) layout_->ids[layout_->executed++] = id;
  }

 private:
  Layout* layout_ = nullptr;
};

}  // namespace meridian::bench
