// Finds where the frames of an HTTP/2 connection end, so that one turn of the loop takes only so many of them.
//
// Why: a read of 32 KiB holds up to 3600 frames, or 1600 new streams. With no bound per turn one connection that sends
// such reads held up all others for seconds (seen in four other proxies). It looks at the nine bytes of each frame
// (RFC 9113 §4.1) and understands little else; what is wrong about a frame is the session's to say. Only the stream
// that a PRIORITY frame depends on is read here, since nghttp2 drops such frames without a look.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <utility>

namespace meridian {

class FrameMeter {
 public:
  static constexpr int kFramesPerTurn = 64;
  static constexpr int kStreamsPerTurn = 16;
  // CONTINUATION frames of one header list; each may hold 16 KiB.
  static constexpr int kMaxContinuations = 8;

  // `skip`: bytes that are no frames and come first (the client's preface).
  explicit FrameMeter(size_t skip) : left_(skip) {}

  void BeginTurn() { frames_ = streams_ = 0; }
  // How many of these bytes belong to this turn: all, or up to the end of its last frame.
  size_t Take(std::span<const uint8_t> bytes) {
    size_t at = 0;
    while (at < bytes.size()) {
      if (left_ > 0) {
        const size_t n = std::min(left_, bytes.size() - at);
        left_ -= n;
        at += n;
        continue;
      }
      if (head_size_ == 0 && (frames_ >= kFramesPerTurn || streams_ >= kStreamsPerTurn)) return at;
      head_[head_size_++] = bytes[at++];
      if (head_size_ < kHead) continue;
      const size_t length = static_cast<size_t>(head_[0]) << 16 | static_cast<size_t>(head_[1]) << 8 | head_[2];
      const bool parent = head_[3] == kPriority && length >= kParent;
      if (parent && head_size_ < kHead + kParent) continue;
      left_ = length - (parent ? kParent : 0);
      self_dependent_ |= parent && Id(kHead) == Id(kHead - 4);
      head_size_ = 0;
      ++frames_;
      streams_ += head_[3] == kHeaders;
      unknown_ += head_[3] > kContinuation;
      continuations_ = head_[3] == kContinuation ? continuations_ + 1 : 0;
      endless_ |= continuations_ > kMaxContinuations;
    }
    return at;
  }

  // Frames of types that RFC 9113 does not have, since the last call: nghttp2 drops them without a word.
  int TakeUnknown() { return std::exchange(unknown_, 0); }
  // More than kMaxContinuations for one header list, whole or empty, came by.
  bool endless_headers() const { return endless_; }
  // A PRIORITY frame made a stream depend on itself (RFC 7540 §5.3.1).
  bool self_dependent() const { return self_dependent_; }

 private:
  static constexpr size_t kHead = 9;
  static constexpr size_t kParent = 4;
  static constexpr uint8_t kHeaders = 1;
  static constexpr uint8_t kPriority = 2;
  static constexpr uint8_t kContinuation = 9;  // the last of the types of RFC 9113
  // The number of a stream, without the bit in front of it.
  uint32_t Id(size_t at) const {
    return static_cast<uint32_t>(head_[at] & 0x7f) << 24 | static_cast<uint32_t>(head_[at + 1]) << 16 |
           static_cast<uint32_t>(head_[at + 2]) << 8 | head_[at + 3];
  }

  std::array<uint8_t, kHead + kParent> head_{};
  size_t head_size_ = 0;  // of the next frame's head, as far as it came
  size_t left_;           // of the current frame
  int frames_ = 0;
  int streams_ = 0;
  int unknown_ = 0;
  int continuations_ = 0;
  bool endless_ = false;
  bool self_dependent_ = false;
};

}  // namespace meridian
