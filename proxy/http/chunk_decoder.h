// The chunks of a body (RFC 9112 §7.1), up to the line of the last one; the trailers behind it are fields like others.
//
// Ours and not llhttp's, which refuses an extension behind one with a value and takes others for names. Strict where
// two readers could disagree: no white space beside the size (§7.1.1 would let it pass as "bad"), no bare LF or CR, no
// controls in a quote.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace meridian {

class ChunkDecoder {
 public:
  // Extensions of one message belong to no body, but cost their bytes (RFC 9112 §7.1.1), as do zeros before sizes.
  static constexpr size_t kMaxExtensionBytes = 4 * 1024;

  enum class State : uint8_t {
    kSize,  // the first digit is next
    kSizeDigits,
    kExtensionName,
    kExtensionNameMore,
    kExtensionValue,
    kExtensionToken,
    kQuoted,
    kQuotedPair,
    kQuotedEnd,
    kLineEnd,  // the LF of the size's line is next
    kData,
    kDataEnd,      // the CR behind the data is next
    kDataEndMore,  // and its LF
    kLast,         // the line of the last chunk was read; no further byte is taken
    kBad
  };

  // Takes bytes until they end, the data of a chunk is over, the last chunk's line was read, or something is wrong.
  // Returns how many; `data`, a part of them, belongs to the body.
  size_t Feed(std::span<const uint8_t> bytes, std::span<const uint8_t>* data);
  bool last() const { return state_ == State::kLast; }
  bool bad() const { return state_ == State::kBad; }

 private:
  State Next(uint8_t c);

  State state_ = State::kSize;
  uint64_t left_ = 0;  // of the chunk: its size while that is read, then its data
  size_t extension_bytes_ = 0;
};

}  // namespace meridian
