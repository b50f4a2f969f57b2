// Whether a peer whose turn it is moves at all fast enough: a byte now and then is progress, but holds what it uses for
// ever.
//
// Looked at from time to time; a window begins when the peer's turn does and is judged once `span` long. Pure; one
// owner.
#pragma once

#include <cstdint>

#include "meridian/time.h"

namespace meridian {

class RateWatch {
 public:
  // `moved`: bytes in all, now. `its_turn`: it could move more; else the window begins anew. True: over a whole window
  // it moved less than `per_second` (0: never).
  bool TooSlow(TimePoint now, uint64_t moved, bool its_turn, uint64_t per_second, Duration span) {
    const bool judged = running_ && its_turn && now - begun_ >= span;
    const bool slow =
        judged && static_cast<double>(moved - from_) < static_cast<double>(per_second) * ToSeconds(now - begun_);
    if (judged || !running_ || !its_turn) {
      begun_ = now;
      from_ = moved;
    }
    running_ = its_turn;
    return slow;
  }

 private:
  bool running_ = false;
  uint64_t from_ = 0;
  TimePoint begun_{};
};

}  // namespace meridian
