#include "policy/keyed_random.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <set>
#include <string>

namespace meridian {
namespace {

std::string Bytes(KeyedRandom& random, int numbers) {
  std::string text;
  for (int i = 0; i < numbers; ++i) {
    uint64_t value = random.Next();
    for (int b = 0; b < 8; ++b, value >>= 8) {
      char hex[3];
      std::snprintf(hex, sizeof hex, "%02x", static_cast<unsigned>(value & 0xff));
      text += hex;
    }
  }
  return text;
}

// The published test vector: 256 bits of key and the nonce all zero.
TEST(KeyedRandom, IsTheCipherThatItIsSaidToBe) {
  KeyedRandom random(RandomKey{});
  EXPECT_EQ(Bytes(random, 8),
            "3e00ef2f895f40d67f5bb8e81f09a5a12c840ec3ce9a7f3b181be188ef711a1e"
            "984ce172b9216f419f445367456d5619314a42a3da86b001387bfdb80e0cfe42");
}

TEST(KeyedRandom, EachNumberComesOnceAndEachKeyHasItsOwn) {
  std::set<uint64_t> seen;
  KeyedRandom one(RandomKey{1}), other(RandomKey{2});
  for (int i = 0; i < 50'000; ++i) {
    EXPECT_TRUE(seen.insert(one.Next()).second);
    EXPECT_TRUE(seen.insert(other.Next()).second);
  }
}

// What a reader of ids could do with the generator of jitter: one number gives its state, and so the next ones.
TEST(KeyedRandom, ANumberDoesNotGiveAwayTheNext) {
  KeyedRandom random(RandomKey{7});
  uint64_t last = random.Next();
  for (int i = 0; i < 1000; ++i) {
    uint64_t z = last;  // SplitMix64, backwards
    z = (z ^ (z >> 31) ^ (z >> 62)) * 0x319642B2D24D8EC3ull;
    z = (z ^ (z >> 27) ^ (z >> 54)) * 0x96DE1B173F119089ull;
    z = (z ^ (z >> 30) ^ (z >> 60)) + 0x9E3779B97F4A7C15ull;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    const uint64_t guess = z ^ (z >> 31);
    last = random.Next();
    EXPECT_NE(guess, last);
  }
}

}  // namespace
}  // namespace meridian
