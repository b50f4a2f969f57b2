// LD_PRELOAD: a kernel that interrupts system calls, takes less than it is given and has no memory for a moment, at
// random but the same each time. MERIDIAN_ROUGH_SEED is the seed. (It never gives less than it has: an edge-triggered
// reader may take a short read for the end of what there is.)
#include <dlfcn.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>

namespace {

uint64_t Next() {
  static thread_local uint64_t state = [] {
    const char* seed = std::getenv("MERIDIAN_ROUGH_SEED");
    return seed ? std::strtoull(seed, nullptr, 10) : 1;
  }();
  uint64_t z = (state += 0x9E3779B97F4A7C15ull);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
  return z ^ (z >> 31);
}

bool Interrupted() {
  if (Next() % 4 != 0) return false;
  errno = EINTR;
  return true;
}

bool OutOfMemory() {
  if (Next() % 8 != 0) return false;
  errno = ENOBUFS;
  return true;
}

size_t Less(size_t size) { return size > 1 && Next() % 2 == 0 ? 1 + Next() % (size - 1) : size; }

template <typename F>
F Real(const char* name) {
  return reinterpret_cast<F>(dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" {

ssize_t send(int fd, const void* bytes, size_t size, int flags) {
  static const auto real = Real<ssize_t (*)(int, const void*, size_t, int)>("send");
  return Interrupted() || OutOfMemory() ? -1 : real(fd, bytes, Less(size), flags);
}

ssize_t recv(int fd, void* bytes, size_t size, int flags) {
  static const auto real = Real<ssize_t (*)(int, void*, size_t, int)>("recv");
  return Interrupted() ? -1 : real(fd, bytes, size, flags);
}

ssize_t write(int fd, const void* bytes, size_t size) {
  static const auto real = Real<ssize_t (*)(int, const void*, size_t)>("write");
  if (size == sizeof(uint64_t)) return real(fd, bytes, size);  // an eventfd takes all, at once
  return Interrupted() ? -1 : real(fd, bytes, Less(size));
}

int accept4(int fd, sockaddr* peer, socklen_t* size, int flags) {
  static const auto real = Real<int (*)(int, sockaddr*, socklen_t*, int)>("accept4");
  return Interrupted() ? -1 : real(fd, peer, size, flags);
}

}  // extern "C"
