// Chance that is the same for the same seed, on every machine; and how many cases an environment asks for.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <string>
#include <string_view>

namespace meridian::testing {

// SplitMix64: any seed is as good as any other.
class Seeded {
 public:
  explicit Seeded(uint64_t seed) : state_(seed) {}
  // The generator of case `number` of a run: a case can be repeated without those before it.
  Seeded(uint64_t seed, uint64_t number) : state_(seed * 0xd1342543de82ef95u + number) { Next(); }

  uint64_t Next() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
  }
  // 0 … n − 1. REQUIRES: n > 0.
  size_t Below(size_t n) { return static_cast<size_t>(Next() % n); }
  size_t Between(size_t least, size_t most) { return least + Below(most - least + 1); }
  bool OneIn(size_t n) { return Below(n) == 0; }
  template <typename List>
  const auto& Of(const List& list) {
    return *(std::begin(list) + static_cast<std::ptrdiff_t>(Below(std::size(list))));
  }
  std::string Text(std::string_view characters, size_t size) {
    std::string out;
    while (out.size() < size) out += characters[Below(characters.size())];
    return out;
  }

 private:
  uint64_t state_;
};

// A number from the environment.
inline uint64_t Asked(const char* variable, uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

}  // namespace meridian::testing
