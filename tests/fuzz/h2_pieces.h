// What of an HTTP/2 reading must be the same however the bytes are cut.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "fuzz/input.h"
#include "support/h2_raw.h"

namespace meridian::testing {

struct H2Input {
  size_t continued = 0;  // blocks of fields that go on in a CONTINUATION, and those
  bool goaway = false;
};

inline H2Input LookAt(std::string_view bytes) {
  if (bytes.starts_with(h2::kPreface)) bytes.remove_prefix(h2::kPreface.size());
  H2Input input;
  h2::ForEachFrame(bytes, [&](uint8_t type, uint8_t flags, uint32_t, std::string_view) {
    const bool block = type == h2::kHeaders || type == h2::kPush;
    input.continued += type == h2::kContinuation || (block && !(flags & h2::kEndHeaders));
    input.goaway |= type == h2::kGoaway;
  });
  return input;
}

// What is said at the end may differ.
inline std::string WithoutFarewell(const std::string& reading) {
  return reading.substr(0, std::min(reading.rfind(" goaway "), reading.rfind(" dead")));
}

// `read(cuts)`: the reading, without the bytes of broken bodies. Three things depend on the pieces, two of them
// nghttp2's:
// - it counts each piece of a CONTINUATION's frame head as a CONTINUATION, and allows as many as eight have bytes;
// - after a GOAWAY it has no ear for the next piece, but still reads this one to its end: it may hear of more requests;
// - a flood that the heads of a piece's frames show (FrameMeter) ends the connection before that piece is read.
template <typename Read>
void ExpectSameInPieces(std::string_view bytes, uint8_t choice, Read read) {
  const H2Input input = LookAt(bytes);
  const std::string whole = read(std::vector<size_t>{});
  const auto same = [&](const std::vector<size_t>& cuts) {
    const std::string pieces = read(cuts);
    const auto flood = [](const std::string& text) { return text.find("goaway CALM") != std::string::npos; };
    if (flood(whole) && flood(pieces)) return;
    if (input.goaway && WithoutFarewell(whole).starts_with(WithoutFarewell(pieces))) return;
    ExpectSame(whole, pieces);
  };
  if (input.continued > 8) return;
  same(Cuts(choice, bytes.size()));
  same(Bytewise(bytes.size()));
}

}  // namespace meridian::testing
