#include "meridian/arena.h"

#include <algorithm>
#include <cstdlib>
#include <new>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MERIDIAN_ASAN 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define MERIDIAN_ASAN 1
#endif
#ifdef MERIDIAN_ASAN
#include <sanitizer/asan_interface.h>
#endif

namespace meridian {
namespace {

constexpr size_t kMaxCached = 256;              // chunks per thread, 1 MiB
constexpr size_t kLargest = Arena::kChunk / 2;  // with its alignment; above it an allocation gets its own chunk

struct FreeChunk {
  FreeChunk* next;
};

// A recycled chunk would hide a use after free from ASan, so cached ones are poisoned behind their link.
void Poison([[maybe_unused]] FreeChunk* chunk) {
#ifdef MERIDIAN_ASAN
  __asan_poison_memory_region(chunk + 1, Arena::kChunk - sizeof(FreeChunk));
#endif
}

void Unpoison([[maybe_unused]] FreeChunk* chunk) {
#ifdef MERIDIAN_ASAN
  __asan_unpoison_memory_region(chunk + 1, Arena::kChunk - sizeof(FreeChunk));
#endif
}

// Trivially destructible, so that an arena that dies after this thread's Reaper still finds a valid (closed) list.
struct FreeList {
  FreeChunk* head = nullptr;
  size_t size = 0;
  bool closed = false;
};
constinit thread_local FreeList free_list;

struct Reaper {
  // Called to make sure that this thread's reaper exists.
  void Arm() {}
  ~Reaper() {
    free_list.closed = true;
    while (FreeChunk* chunk = free_list.head) {
      free_list.head = chunk->next;
      Unpoison(chunk);
      ::operator delete(chunk);
    }
    free_list.size = 0;
  }
};
thread_local Reaper reaper;

void* TakeCached() {
  FreeChunk* chunk = free_list.head;
  if (!chunk) return nullptr;
  free_list.head = chunk->next;
  --free_list.size;
  Unpoison(chunk);
  return chunk;
}

void Release(void* memory) {
  if (free_list.closed || free_list.size >= kMaxCached) {
    ::operator delete(memory);
    return;
  }
  reaper.Arm();
  auto* chunk = ::new (memory) FreeChunk{free_list.head};
  free_list.head = chunk;
  ++free_list.size;
  Poison(chunk);
}

void* TakeMemory(size_t size) {
  void* memory = size == Arena::kChunk ? TakeCached() : nullptr;
  if (!memory) memory = ::operator new(size, std::nothrow);
  if (!memory) std::abort();  // the contract is "never null", and nobody above could go on without it
  return memory;
}

char* Put(char* to, std::string_view text) {
  if (text.empty()) return to;  // data() may be null
  std::memcpy(to, text.data(), text.size());
  return to + text.size();
}

}  // namespace

Arena::~Arena() {
  live_bytes_ -= footprint_;
  while (Chunk* chunk = chunks_) {
    chunks_ = chunk->next;
    if (chunk->size == kChunk) {
      Release(chunk);
    } else {
      ::operator delete(chunk);
    }
  }
}

Arena::Chunk* Arena::AddChunk(size_t size) {
  chunks_ = ::new (TakeMemory(size)) Chunk{chunks_, size};
  footprint_ += size;
  live_bytes_ += size;
  return chunks_;
}

void* Arena::AllocateSlow(size_t bytes, size_t align) {
  if (bytes > kLargest || bytes + align > kLargest) {
    // Something big gets a chunk of its own, so that the rest of the current one is not wasted.
    size_t extra = sizeof(Chunk) + align;
    if (bytes > SIZE_MAX - extra - 1) std::abort();
    size_t size = bytes + extra;
    if (size == kChunk) ++size;  // only chunks made for bumping have the size that is recycled
    uintptr_t at = reinterpret_cast<uintptr_t>(AddChunk(size) + 1);
    return reinterpret_cast<void*>((at + (align - 1)) & ~(static_cast<uintptr_t>(align) - 1));
  }
  Chunk* chunk = AddChunk(kChunk);
  cursor_ = reinterpret_cast<uintptr_t>(chunk + 1);
  end_ = reinterpret_cast<uintptr_t>(chunk) + kChunk;
  return Allocate(bytes, align);
}

// The next allocations, together of so many bytes, stand side by side.
void Arena::Reserve(size_t bytes) {
  if (cursor_ <= end_ && bytes <= end_ - cursor_) return;
  if (bytes > SIZE_MAX / 2) std::abort();
  const size_t size = std::max(kChunk, bytes + sizeof(Chunk));
  const Chunk* chunk = AddChunk(size);
  cursor_ = reinterpret_cast<uintptr_t>(chunk + 1);
  end_ = reinterpret_cast<uintptr_t>(chunk) + size;
}

std::string_view Arena::Append(std::string_view head, std::string_view more) {
  if (more.empty()) return head;
  if (head.empty()) return Copy(more);
  const bool is_last = reinterpret_cast<uintptr_t>(head.data() + head.size()) == cursor_;
  if (!is_last || more.size() > end_ - cursor_) {
    Reserve(2 * (head.size() + more.size()));
    return Concat(head, more);
  }
  Put(reinterpret_cast<char*>(cursor_), more);
  cursor_ += more.size();
  return {head.data(), head.size() + more.size()};
}

std::string_view Arena::ConcatViews(std::initializer_list<std::string_view> parts) {
  size_t total = 0;
  for (std::string_view part : parts) total += part.size();
  if (total == 0) return {};
  char* text = static_cast<char*>(Allocate(total, 1));
  char* end = text;
  for (std::string_view part : parts) end = Put(end, part);
  return {text, total};
}

}  // namespace meridian
