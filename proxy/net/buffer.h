// A queue of bytes as slices of blocks. Small pieces are copied into a block of its own, large ones shared.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

#include "net/block.h"

namespace meridian {

class Buffer {
 public:
  // Slices below this are copied, so that a waiting byte pins at most 16 times its size.
  static constexpr size_t kShareFrom = Block::kSmall;

  void Append(std::span<const uint8_t> bytes);                // copies
  void Append(Block* block, std::span<const uint8_t> bytes);  // `bytes` lie in `block`
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  // The first contiguous piece; empty when the buffer is.
  std::span<const uint8_t> Front() const {
    if (size_ == 0) return {};
    const Slice& s = slices_[head_];
    return {s.data, s.size};
  }
  // REQUIRES: n <= size().
  void Consume(size_t n);
  // Moves the first `n` bytes to the end of `to`, by reference; pieces below `copy_below` are copied instead, so that
  // what stays for long pins little. REQUIRES: n <= size().
  static constexpr size_t kCopyBelow = 8 * 1024;
  void MoveTo(size_t n, Buffer& to, size_t copy_below = kCopyBelow);
  void Clear();

 private:
  struct Slice {
    BlockRef block;
    const uint8_t* data;
    size_t size;
  };
  size_t FillTail(std::span<const uint8_t> bytes);
  std::vector<Slice> slices_;
  size_t head_ = 0;  // first live slice
  size_t size_ = 0;
};

// Output of one flush: a flat area, shared by all connections of a thread, emptied before the next one is served.
class OutBuffer {
 public:
  static constexpr size_t kSize = 64 * 1024;
  size_t room() const { return kSize - used_; }
  size_t size() const { return used_; }
  std::span<const uint8_t> bytes() const { return {data_, used_}; }
  // REQUIRES: n <= room().
  void Append(const void* bytes, size_t n) {
    if (n == 0) return;  // an empty view may point nowhere
    std::memcpy(data_ + used_, bytes, n);
    used_ += n;
  }
  void Append(std::string_view text) { Append(text.data(), text.size()); }
  void Clear() { used_ = 0; }

 private:
  size_t used_ = 0;
  uint8_t data_[kSize];
};

}  // namespace meridian
