#include "meridian/arena.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace meridian {
namespace {

TEST(Arena, OwnsNothingUntilItIsUsed) {
  Arena arena;
  EXPECT_EQ(arena.footprint(), 0u);
  EXPECT_NE(arena.Allocate(0), nullptr);
  EXPECT_EQ(arena.footprint(), Arena::kChunk);
}

TEST(Arena, WhatItGaveStaysPutWhateverComesAfter) {
  std::mt19937 random(1);
  Arena arena;
  std::vector<std::pair<std::string_view, std::string>> given;
  for (int i = 0; i < 5000; ++i) {
    size_t size = random() % 50 == 0 ? random() % 20'000 : random() % 200;
    std::string text(size, static_cast<char>('a' + i % 26));
    given.emplace_back(arena.Copy(text), text);
  }
  for (const auto& [view, text] : given) ASSERT_EQ(view, text);
}

TEST(Arena, EveryAlignmentIsHonoured) {
  Arena arena;
  for (size_t align = 1; align <= 8192; align *= 2) {
    for (size_t bytes :
         {size_t{0}, size_t{1}, size_t{7}, size_t{500}, Arena::kChunk / 2, Arena::kChunk, 3 * Arena::kChunk}) {
      auto at = reinterpret_cast<uintptr_t>(arena.Allocate(bytes, align));
      ASSERT_NE(at, 0u);
      ASSERT_EQ(at % align, 0u) << bytes << " bytes aligned to " << align;
      std::memset(reinterpret_cast<void*>(at), 0xAB, bytes);
    }
  }
}

TEST(Arena, ABigThingDoesNotWasteTheChunkInUse) {
  Arena arena;
  char* before = static_cast<char*>(arena.Allocate(1, 1));
  arena.Allocate(100'000, 1);
  EXPECT_EQ(static_cast<char*>(arena.Allocate(1, 1)), before + 1);
  EXPECT_LT(arena.footprint(), Arena::kChunk + 100'100);
}

TEST(Arena, AppendingToTheLastStringGrowsItInPlace) {
  Arena arena;
  std::string_view text = arena.Copy("max-age");
  std::string_view longer = arena.Append(text, "=60");
  EXPECT_EQ(longer, "max-age=60");
  EXPECT_EQ(longer.data(), text.data());
  EXPECT_EQ(text, "max-age");
}

TEST(Arena, AppendingToAnOlderStringCopiesIt) {
  Arena arena;
  std::string_view first = arena.Copy("a");
  std::string_view second = arena.Copy("b");
  std::string_view joined = arena.Append(first, "c");
  EXPECT_EQ(joined, "ac");
  EXPECT_EQ(second, "b");
  EXPECT_NE(joined.data(), first.data());
  EXPECT_EQ(arena.Append("", "x"), "x");
  EXPECT_EQ(arena.Append(joined, ""), "ac");
}

TEST(Arena, AppendingCrossesChunksOfAnySize) {
  Arena arena;
  std::string expected;
  std::string_view text;
  for (int i = 0; i < 3000; ++i) {
    std::string more(static_cast<size_t>(i % 17), static_cast<char>('a' + i % 26));
    expected += more;
    text = arena.Append(text, more);
  }
  EXPECT_EQ(text, expected);
}

// A field of 58 KB that came a byte at a time took 1.7 GB: each byte behind the first 2 KB copied all before it.
TEST(Arena, ATextThatComesByteByByteCostsAFewTimesItsSize) {
  Arena arena;
  std::string expected;
  std::string_view text;
  for (int i = 0; i < 58'000; ++i) {
    const char c = static_cast<char>('a' + i % 26);
    expected += c;
    text = arena.Append(text, {&c, 1});
  }
  EXPECT_EQ(text, expected);
  EXPECT_LT(arena.footprint(), 4 * expected.size() + 2 * Arena::kChunk);
}

TEST(Arena, GatherMakesOneTextOfAnyNumberOfPiecesAndTakesNoMoreThanThat) {
  Arena arena;
  std::vector<std::string> pieces;
  std::string expected;
  for (int i = 0; i < 3000; ++i) {
    pieces.emplace_back(static_cast<size_t>(i % 17), static_cast<char>('a' + i % 26));
    expected += pieces.back();
  }
  const std::string_view text = arena.Gather([&](const auto& put) {
    for (const std::string& piece : pieces) put(piece);
  });
  EXPECT_EQ(text, expected);
  EXPECT_LT(arena.footprint(), expected.size() + Arena::kChunk);
  EXPECT_TRUE(arena.Gather([](const auto&) {}).empty());
}

TEST(Arena, ConcatJoinsAnyKindOfText) {
  Arena arena;
  EXPECT_EQ(arena.Concat("1.1 ", std::string_view("edge"), std::string(" (x)")), "1.1 edge (x)");
  EXPECT_EQ(arena.Concat("", std::string_view{}), "");
  EXPECT_EQ(arena.Concat(std::string_view{}, "a", std::string_view{}), "a");
}

TEST(Arena, AThreadKnowsWhatItsArenasHold) {
  const size_t before = Arena::LiveBytes();
  {
    Arena small, large;
    EXPECT_EQ(Arena::LiveBytes(), before) << "an arena that was never used holds nothing";
    small.Copy("text");
    large.Copy(std::string(100'000, 'x'));
    EXPECT_EQ(Arena::LiveBytes() - before, small.footprint() + large.footprint());
    EXPECT_GE(Arena::LiveBytes() - before, 100'000u);
  }
  EXPECT_EQ(Arena::LiveBytes(), before) << "a chunk that is kept for the next arena is free";
}

TEST(Arena, AThreadThatEndsLeavesNothingBehind) {
  // The leak checker of the address sanitizer build is the judge of this one.
  std::thread([] {
    std::vector<std::unique_ptr<Arena>> many;
    for (int i = 0; i < 1000; ++i) {
      many.push_back(std::make_unique<Arena>());
      many.back()->Copy("text");
    }
  }).join();
}

TEST(Arena, MayDieOnAnotherThreadThanItWasBornOn) {
  auto arena = std::make_unique<Arena>();
  arena->Copy("text");
  std::thread([moved = std::move(arena)]() mutable { moved.reset(); }).join();
}

thread_local std::unique_ptr<Arena> outlives_the_free_list;

TEST(Arena, MayDieAfterItsThreadsFreeListHasClosed) {
  std::thread([] {
    outlives_the_free_list = std::make_unique<Arena>();  // constructed before the list's guard, so destroyed after it
    outlives_the_free_list->Copy("text");
    Arena().Copy("text");
  }).join();
}

}  // namespace
}  // namespace meridian
