// What bodies of the bench contain: bytes that tell their own offset, so that a cut, a gap, a repetition or a mixture
// of two versions of a file is seen.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

namespace meridian::bench {

// A prime: no block, frame or buffer size is a multiple of it.
inline constexpr size_t kPeriod = 251;
inline constexpr size_t kPieceMax = 64 * 1024;

// The endless body of version `seed`.
class Pattern {
 public:
  explicit Pattern(uint8_t seed = 0) {
    bytes_.resize(kPeriod + kPieceMax);
    for (size_t i = 0; i < bytes_.size(); ++i) bytes_[i] = static_cast<char>((i % kPeriod) ^ seed);
  }
  // REQUIRES: size <= kPieceMax.
  std::string_view Piece(uint64_t offset, size_t size) const {
    return std::string_view(bytes_).substr(offset % kPeriod, size);
  }
  bool Matches(uint64_t offset, std::span<const uint8_t> bytes) const {
    while (!bytes.empty()) {
      const size_t n = std::min(bytes.size(), kPieceMax);
      if (std::memcmp(bytes.data(), Piece(offset, n).data(), n) != 0) return false;
      offset += n;
      bytes = bytes.subspan(n);
    }
    return true;
  }

 private:
  std::string bytes_;
};

// The version behind an entity tag "v7"; 0 for none.
inline uint8_t SeedOfEtag(std::string_view etag) {
  const size_t v = etag.find('v');
  uint8_t seed = 0;
  if (v == std::string_view::npos) return seed;
  for (const char c : etag.substr(v + 1)) {
    if (c < '0' || c > '9') break;
    seed = static_cast<uint8_t>(seed * 10 + (c - '0'));
  }
  return seed;
}

}  // namespace meridian::bench
