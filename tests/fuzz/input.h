// How a fuzz target reads its input: the first bytes choose, the rest is fed.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace meridian::testing {

inline std::string_view InputText(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// Up to three cuts, chosen by the first byte.
inline std::vector<size_t> Cuts(uint8_t choice, size_t size) {
  std::vector<size_t> cuts;
  if (size < 2) return cuts;
  const size_t first = 1 + choice % (size - 1);
  cuts.push_back(first);
  if (const size_t second = first + 1 + choice % 7; second < size) cuts.push_back(second);
  if (const size_t third = first + 9 + choice % 31; third < size) cuts.push_back(third);
  return cuts;
}

// Each byte alone; nothing for what would take too long.
inline std::vector<size_t> Bytewise(size_t size) {
  std::vector<size_t> cuts;
  for (size_t i = 1; i < size && size <= 600; ++i) cuts.push_back(i);
  return cuts;
}

inline void ExpectSame(const std::string& whole, const std::string& cut) {
  if (whole == cut) return;
  std::fprintf(stderr, "read whole: %s\nread in pieces: %s\n", whole.c_str(), cut.c_str());
  std::abort();
}

}  // namespace meridian::testing
