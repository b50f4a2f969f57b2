// Memory for bytes in flight: blocks of two sizes from a per-thread pool, shared by reference instead of copied.
//
// A connection reads into the thread's current block; bodies keep slices of it. A block goes back to the pool when the
// last slice is gone. Counts are not atomic: blocks never change threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "meridian/arena.h"

namespace meridian {

class BlockPool;

struct Block {
  static constexpr uint32_t kSmall = 2 * 1024;   // copies of small pieces, so that they do not pin a large block
  static constexpr uint32_t kLarge = 32 * 1024;  // what connections read into
  uint32_t refs = 0;
  uint32_t used = 0;  // bytes at the front that slices may point into
  uint32_t capacity = 0;
  Block* next_free = nullptr;
  uint8_t* data() { return reinterpret_cast<uint8_t*>(this + 1); }
  uint32_t room() const { return capacity - used; }
};

// Counted reference.
class BlockRef {
 public:
  BlockRef() = default;
  explicit BlockRef(Block* b) : block_(b) {
    if (block_) ++block_->refs;
  }
  BlockRef(const BlockRef& o) : BlockRef(o.block_) {}
  BlockRef(BlockRef&& o) noexcept : block_(std::exchange(o.block_, nullptr)) {}
  BlockRef& operator=(BlockRef o) noexcept {
    std::swap(block_, o.block_);
    return *this;
  }
  ~BlockRef() { Drop(); }
  Block* get() const { return block_; }
  Block* operator->() const { return block_; }
  explicit operator bool() const { return block_ != nullptr; }

 private:
  void Drop();
  Block* block_ = nullptr;
};

// The calling thread's pool. Keeps at most kKeep bytes of free blocks of each size; the rest goes back to the system.
class BlockPool {
 public:
  static constexpr size_t kKeep = 1024 * 1024;  // bytes per size
  static BlockPool& Local();
  ~BlockPool();
  BlockRef Take(uint32_t capacity);  // kSmall or kLarge
  // Where the next read goes: a large block with at least `room` bytes after its `used`.
  Block* ReadBlock(uint32_t room);
  // What requests in flight hold on this thread: blocks out of the pool, what was charged, arenas.
  size_t live_bytes() const { return live_bytes_ + Arena::LiveBytes(); }
  // Bytes that lie elsewhere.
  void Charge(size_t bytes) { live_bytes_ += bytes; }
  void Discharge(size_t bytes) { live_bytes_ -= bytes; }
  // From so many live bytes on memory is tight: whoever can wait takes in nothing that it cannot pass on
  // (policy/overload.h).
  void set_tight_from(size_t bytes) { tight_from_ = bytes; }
  bool tight() const { return live_bytes() >= tight_from_; }

 private:
  friend class BlockRef;
  struct FreeList {
    Block* head = nullptr;
    size_t bytes = 0;
  };
  FreeList& ListOf(uint32_t capacity) { return capacity == Block::kSmall ? small_ : large_; }
  void Return(Block* block);
  FreeList small_, large_;
  size_t live_bytes_ = 0;
  size_t tight_from_ = SIZE_MAX;
  BlockRef current_;
};

}  // namespace meridian
