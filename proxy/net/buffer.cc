#include "net/buffer.h"

namespace meridian {

void Buffer::Append(std::span<const uint8_t> bytes) {
  size_ += bytes.size();
  while (!bytes.empty()) {
    size_t n = FillTail(bytes);
    if (n == 0) {
      BlockRef fresh = BlockPool::Local().Take(bytes.size() <= Block::kSmall ? Block::kSmall : Block::kLarge);
      n = std::min<size_t>(fresh->capacity, bytes.size());
      std::memcpy(fresh->data(), bytes.data(), n);
      fresh->used = static_cast<uint32_t>(n);
      const uint8_t* data = fresh->data();
      slices_.push_back({std::move(fresh), data, n});
    }
    bytes = bytes.subspan(n);
  }
}

size_t Buffer::FillTail(std::span<const uint8_t> bytes) {
  if (slices_.size() == head_) return 0;
  Slice& tail = slices_.back();
  Block* b = tail.block.get();
  // Only a block that nobody else holds and whose last byte is ours; a shared read block is never written to.
  if (b->refs != 1 || tail.data + tail.size != b->data() + b->used) return 0;
  const size_t n = std::min<size_t>(b->room(), bytes.size());
  std::memcpy(b->data() + b->used, bytes.data(), n);
  b->used += static_cast<uint32_t>(n);
  tail.size += n;
  return n;
}

void Buffer::Append(Block* block, std::span<const uint8_t> bytes) {
  if (bytes.empty()) return;
  if (!block || bytes.size() < kShareFrom) return Append(bytes);
  size_ += bytes.size();
  slices_.push_back({BlockRef(block), bytes.data(), bytes.size()});
}

void Buffer::Consume(size_t n) {
  size_ -= n;
  while (n > 0) {
    Slice& s = slices_[head_];
    if (n < s.size) {
      s.data += n;
      s.size -= n;
      return;
    }
    n -= s.size;
    s.block = {};
    ++head_;
  }
  if (head_ == slices_.size()) {
    slices_.clear();
    head_ = 0;
  } else if (head_ > 32) {
    slices_.erase(slices_.begin(), slices_.begin() + static_cast<ptrdiff_t>(head_));
    head_ = 0;
  }
}

void Buffer::MoveTo(size_t n, Buffer& to, size_t copy_below) {
  while (n > 0) {
    const Slice& s = slices_[head_];
    const size_t take = std::min(n, s.size);
    if (take < copy_below) {
      to.Append({s.data, take});
    } else {
      to.slices_.push_back({s.block, s.data, take});
      to.size_ += take;
    }
    Consume(take);
    n -= take;
  }
}

void Buffer::Clear() {
  slices_.clear();
  head_ = 0;
  size_ = 0;
}

}  // namespace meridian
