#include "net/block.h"

#include <new>

namespace meridian {

void BlockRef::Drop() {
  if (block_ && --block_->refs == 0) BlockPool::Local().Return(block_);
}

BlockPool& BlockPool::Local() {
  static thread_local BlockPool pool;
  return pool;
}

BlockPool::~BlockPool() {
  current_ = {};
  for (FreeList* list : {&small_, &large_}) {
    while (Block* b = list->head) {
      list->head = b->next_free;
      ::operator delete(b);
    }
  }
}

BlockRef BlockPool::Take(uint32_t capacity) {
  FreeList& list = ListOf(capacity);
  Block* b = list.head;
  if (b) {
    list.head = b->next_free;
    list.bytes -= capacity;
  } else {
    b = static_cast<Block*>(::operator new(sizeof(Block) + capacity));
  }
  live_bytes_ += capacity;
  return BlockRef(new (b) Block{.capacity = capacity});
}

void BlockPool::Return(Block* block) {
  live_bytes_ -= block->capacity;
  FreeList& list = ListOf(block->capacity);
  if (list.bytes >= kKeep) {
    ::operator delete(block);
    return;
  }
  block->next_free = list.head;
  list.head = block;
  list.bytes += block->capacity;
}

Block* BlockPool::ReadBlock(uint32_t room) {
  if (current_ && current_->refs == 1) current_->used = 0;  // nobody kept a slice: start over
  if (!current_ || current_->room() < room) current_ = Take(Block::kLarge);
  return current_.get();
}

}  // namespace meridian
