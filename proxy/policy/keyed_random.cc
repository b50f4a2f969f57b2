#include "policy/keyed_random.h"

#include <cstring>

namespace meridian {
namespace {

// A row of the state: all four columns (or diagonals) at once.
using Row = uint32_t __attribute__((vector_size(16)));

template <int kBits>
Row RotateLeft(Row x) {
  return x << kBits | x >> (32 - kBits);
}

void QuarterRounds(Row& a, Row& b, Row& c, Row& d) {
  a += b, d = RotateLeft<16>(d ^ a);
  c += d, b = RotateLeft<12>(b ^ c);
  a += b, d = RotateLeft<8>(d ^ a);
  c += d, b = RotateLeft<7>(b ^ c);
}

template <int kBy>
Row Shift(Row x) {
  return Row{x[kBy % 4], x[(kBy + 1) % 4], x[(kBy + 2) % 4], x[(kBy + 3) % 4]};
}

}  // namespace

void KeyedRandom::Refill() {
  const Row begin[4] = {{0x61707865, 0x3320646e, 0x79622d32, 0x6b206574},
                        {key_[0], key_[1], key_[2], key_[3]},
                        {key_[4], key_[5], key_[6], key_[7]},
                        {static_cast<uint32_t>(counter_), static_cast<uint32_t>(counter_ >> 32), 0, 0}};
  Row a = begin[0], b = begin[1], c = begin[2], d = begin[3];
  for (int round = 0; round < 8; round += 2) {
    QuarterRounds(a, b, c, d);
    b = Shift<1>(b), c = Shift<2>(c), d = Shift<3>(d);
    QuarterRounds(a, b, c, d);
    b = Shift<3>(b), c = Shift<2>(c), d = Shift<1>(d);
  }
  const Row out[4] = {a + begin[0], b + begin[1], c + begin[2], d + begin[3]};
  static_assert(sizeof out == sizeof block_);
  std::memcpy(block_.data(), out, sizeof out);
  ++counter_;
  used_ = 0;
}

}  // namespace meridian
