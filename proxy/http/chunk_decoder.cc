#include "http/chunk_decoder.h"

#include <algorithm>

#include "http/header_rules.h"
#include "policy/percent.h"

namespace meridian {
namespace {

// What may stand in a quoted string, or behind its backslash (RFC 9110 §5.6.4).
bool IsText(uint8_t c) { return c == '\t' || (c >= 0x20 && c != 0x7f); }

}  // namespace

ChunkDecoder::State ChunkDecoder::Next(uint8_t c) {
  using enum State;
  const auto token = [c] { return IsTokenChar(static_cast<char>(c)); };
  // Behind a size, a name or a value: the line ends, or an extension follows.
  const auto after = [c] { return c == '\r' ? kLineEnd : c == ';' ? kExtensionName : kBad; };
  switch (state_) {
    case kSize:
    case kSizeDigits:
      if (const int digit = HexValue(static_cast<char>(c)); digit >= 0) {
        if (left_ >> 56) return kBad;  // the next one would not fit
        left_ = left_ << 4 | static_cast<uint64_t>(digit);
        return kSizeDigits;
      }
      return state_ == kSize ? kBad : after();
    case kExtensionName:
      return token() ? kExtensionNameMore : kBad;
    case kExtensionNameMore:
      return token() ? kExtensionNameMore : c == '=' ? kExtensionValue : after();
    case kExtensionValue:
      return c == '"' ? kQuoted : token() ? kExtensionToken : kBad;
    case kExtensionToken:
      return token() ? kExtensionToken : after();
    case kQuoted:
      return c == '"' ? kQuotedEnd : c == '\\' ? kQuotedPair : IsText(c) ? kQuoted : kBad;
    case kQuotedPair:
      return IsText(c) ? kQuoted : kBad;
    case kQuotedEnd:
      return after();
    case kLineEnd:
      return c != '\n' ? kBad : left_ > 0 ? kData : kLast;
    case kDataEnd:
      return c == '\r' ? kDataEndMore : kBad;
    case kDataEndMore:
      return c == '\n' ? kSize : kBad;
    case kData:
    case kLast:
    case kBad:
      break;
  }
  return kBad;
}

size_t ChunkDecoder::Feed(std::span<const uint8_t> bytes, std::span<const uint8_t>* data) {
  *data = {};
  for (size_t at = 0; at < bytes.size(); ++at) {
    if (last() || bad()) return at;
    if (state_ == State::kData) {
      const auto n = static_cast<size_t>(std::min<uint64_t>(left_, bytes.size() - at));
      *data = bytes.subspan(at, n);
      left_ -= n;
      if (left_ == 0) state_ = State::kDataEnd;
      return at + n;
    }
    state_ = Next(bytes[at]);
    const bool zero = state_ == State::kSizeDigits && left_ == 0;
    const bool extension = state_ >= State::kExtensionName && state_ <= State::kQuotedEnd;
    if ((zero || extension) && ++extension_bytes_ > kMaxExtensionBytes) state_ = State::kBad;
  }
  return bytes.size();
}

}  // namespace meridian
