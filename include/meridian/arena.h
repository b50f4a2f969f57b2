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

  template <typename... Parts>
  std::string_view Concat(const Parts&... parts) {
    return ConcatViews({std::string_view(parts)...});
  }

  // Appends to a string made by this arena; in place when it was the last allocation. One that is moved gets room to
  // grow: byte by byte, a text costs four times its size at most.
  std::string_view Append(std::string_view head, std::string_view more);

  // One text of any number of pieces, in one allocation: what is joined piece by piece costs the square of its size.
  // `pieces` calls its argument with each of them, and is called twice.
  template <typename Pieces>
  std::string_view Gather(const Pieces& pieces) {
    size_t total = 0;
    pieces([&](std::string_view piece) { total += piece.size(); });
    if (total == 0) return {};
    char* const text = static_cast<char*>(Allocate(total, 1));
    char* end = text;
    pieces([&](std::string_view piece) {
      if (!piece.empty()) std::memcpy(end, piece.data(), piece.size());
      end += piece.size();
    });
    return {text, total};
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
  void Reserve(size_t bytes);
  std::string_view ConcatViews(std::initializer_list<std::string_view> parts);

  inline static constinit thread_local size_t live_bytes_ = 0;

  uintptr_t cursor_ = 1;  // above end_, so that even an allocation of 0 bytes fetches the first chunk
  uintptr_t end_ = 0;
  Chunk* chunks_ = nullptr;
  size_t footprint_ = 0;
};

}  // namespace meridian
