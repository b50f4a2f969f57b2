// A bump allocator for everything that lives as long as one exchange: header text, header arrays, small strings.
//
// Freed whole. Nothing in it has a destructor. One thread at a time. Chunks of the usual size come from a per-thread
// free list, so that in steady state an exchange costs no malloc; an arena that was never used owns no chunk, which
// is what an idle connection wants.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <string_view>

namespace meridian {

class Arena {
 public:
  static constexpr size_t kChunk = 4096;  // a usual request + response head fits

  Arena() = default;
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // Never null. `align` is a power of two.
  void* Allocate(size_t bytes, size_t align = alignof(std::max_align_t)) {
    uintptr_t at = (cursor_ + (align - 1)) & ~(static_cast<uintptr_t>(align) - 1);
    if (at > end_ || bytes > end_ - at) return AllocateSlow(bytes, align);
    cursor_ = at + bytes;
    return reinterpret_cast<void*>(at);
  }

  std::string_view Copy(std::string_view text) {
    if (text.empty()) return {};
    char* p = static_cast<char*>(Allocate(text.size(), 1));
    std::memcpy(p, text.data(), text.size());
    return {p, text.size()};
  }

  // Appends to a string made by this arena; in place when it was the last allocation.
  std::string_view Append(std::string_view head, std::string_view more);

  template <typename... Parts>
  std::string_view Concat(const Parts&... parts) {
    return ConcatViews({std::string_view(parts)...});
  }

  // Bytes that this arena has taken so far.
  size_t footprint() const { return footprint_; }
  // …and all arenas of the calling thread, for limits on memory. REQUIRES: arenas die on the thread that filled them.
  static size_t LiveBytes() { return live_bytes_; }

 private:
  struct Chunk {
    Chunk* next;
    size_t size;
  };
  void* AllocateSlow(size_t bytes, size_t align);
  Chunk* AddChunk(size_t size);
  std::string_view ConcatViews(std::initializer_list<std::string_view> parts);

  inline static constinit thread_local size_t live_bytes_ = 0;

  uintptr_t cursor_ = 1;  // above end_, so that even an allocation of 0 bytes fetches the first chunk
  uintptr_t end_ = 0;
  Chunk* chunks_ = nullptr;
  size_t footprint_ = 0;
};

}  // namespace meridian
