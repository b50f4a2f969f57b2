// A codec and the nghttp2 at its other end, without a network between them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "support/h2_peer.h"
#include "support/scripted_http.h"

namespace meridian::testing {

// Moves bytes both ways, to the codec in pieces of `step`, until neither has anything to say. False: they never stop.
inline bool Talk(Codec& codec, H2Peer& peer, size_t step = SIZE_MAX) {
  for (int i = 0; i < 100; ++i) {
    const std::string to_peer = Produce(codec);
    if (!to_peer.empty()) peer.Input(to_peer);
    const std::string to_codec = peer.Output();
    if (!to_codec.empty()) Feed(codec, to_codec, step);
    if (to_peer.empty() && to_codec.empty()) return true;
  }
  return false;
}

}  // namespace meridian::testing
