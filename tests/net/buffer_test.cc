#include "net/buffer.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace meridian {
namespace {

std::span<const uint8_t> Bytes(std::string_view s) { return {reinterpret_cast<const uint8_t*>(s.data()), s.size()}; }

std::string Drain(Buffer& buffer, size_t step = SIZE_MAX) {
  std::string out;
  while (!buffer.empty()) {
    const auto front = buffer.Front();
    EXPECT_FALSE(front.empty());
    const size_t n = std::min(front.size(), step);
    out.append(reinterpret_cast<const char*>(front.data()), n);
    buffer.Consume(n);
  }
  return out;
}

// What a connection does: takes the thread's read block, puts `text` into it and returns where it lies.
std::span<const uint8_t> ReadInto(Block* block, std::string_view text) {
  uint8_t* at = block->data() + block->used;
  std::memcpy(at, text.data(), text.size());
  block->used += static_cast<uint32_t>(text.size());
  return {at, text.size()};
}

TEST(BufferTest, WhatGoesInComesOutInOrder) {
  std::mt19937 random(7);
  Buffer buffer;
  std::string expected, got;
  for (int i = 0; i < 3000; ++i) {
    if (random() % 2 == 0) {
      const std::string piece(random() % (random() % 20 == 0 ? 70000 : 300), static_cast<char>('a' + i % 26));
      expected += piece;
      if (random() % 2 == 0 || piece.empty() || piece.size() > Block::kLarge) {
        buffer.Append(Bytes(piece));
      } else {
        Block* block = BlockPool::Local().ReadBlock(static_cast<uint32_t>(piece.size()));
        const BlockRef hold(block);
        buffer.Append(block, ReadInto(block, piece));
      }
    } else if (!buffer.empty()) {
      const auto front = buffer.Front();
      const size_t n = 1 + random() % front.size();
      got.append(reinterpret_cast<const char*>(front.data()), n);
      buffer.Consume(n);
    }
    ASSERT_EQ(buffer.size(), expected.size() - got.size());
  }
  got += Drain(buffer);
  EXPECT_EQ(got, expected);
}

TEST(BufferTest, LargePiecesAreSharedWithTheBlockTheyWereReadInto) {
  Block* block = BlockPool::Local().ReadBlock(8192);
  const BlockRef hold(block);
  const auto piece = ReadInto(block, std::string(Buffer::kShareFrom, 'x'));
  Buffer buffer;
  buffer.Append(block, piece);
  EXPECT_EQ(buffer.Front().data(), piece.data());
}

TEST(BufferTest, SmallPiecesAreCopiedSoThatTheyDoNotPinALargeBlock) {
  Block* block = BlockPool::Local().ReadBlock(8192);
  const BlockRef hold(block);
  const auto piece = ReadInto(block, std::string(Buffer::kShareFrom - 1, 'x'));
  Buffer buffer;
  buffer.Append(block, piece);
  EXPECT_NE(buffer.Front().data(), piece.data());
}

TEST(BufferTest, AReadBlockThatABodyHoldsIsNotOverwritten) {
  Buffer buffer;
  const std::string first(4096, 'a');
  {
    Block* block = BlockPool::Local().ReadBlock(16 * 1024);
    const BlockRef hold(block);
    buffer.Append(block, ReadInto(block, first));
  }
  for (int i = 0; i < 8; ++i) {
    Block* block = BlockPool::Local().ReadBlock(16 * 1024);
    const BlockRef hold(block);
    ReadInto(block, std::string(16 * 1024, 'b'));
  }
  EXPECT_EQ(Drain(buffer), first);
}

TEST(BufferTest, CopiesAreNeverAppendedIntoABlockThatAnotherBufferSees) {
  Buffer one, two;
  const std::string text(4096, 's');
  Block* block = BlockPool::Local().ReadBlock(16 * 1024);
  {
    const BlockRef hold(block);
    const auto piece = ReadInto(block, text);
    one.Append(block, piece);
    two.Append(block, piece);
  }
  one.Append(Bytes("tail of one"));
  two.Append(Bytes("tail of two"));
  EXPECT_EQ(Drain(one), text + "tail of one");
  EXPECT_EQ(Drain(two, 100), text + "tail of two");
}

TEST(BlockPoolTest, BlocksComeBackWhenTheLastSliceIsGone) {
  const size_t before = BlockPool::Local().live_bytes();
  {
    Buffer buffer;
    buffer.Append(Bytes(std::string(200 * 1024, 'x')));
    EXPECT_GE(BlockPool::Local().live_bytes(), before + 200 * 1024);
    buffer.Consume(150 * 1024);
    EXPECT_LE(BlockPool::Local().live_bytes(), before + 50 * 1024 + 2 * Block::kLarge);
  }
  EXPECT_EQ(BlockPool::Local().live_bytes(), before);
}

TEST(BlockPoolTest, ManySmallPiecesShareBlocksInsteadOfOwningOneEach) {
  const size_t before = BlockPool::Local().live_bytes();
  Buffer buffer;
  for (int i = 0; i < 1000; ++i) buffer.Append(Bytes("0123456789"));
  EXPECT_LE(BlockPool::Local().live_bytes() - before, 6 * Block::kSmall);
  buffer.Clear();
  EXPECT_EQ(BlockPool::Local().live_bytes(), before);
}

}  // namespace
}  // namespace meridian
