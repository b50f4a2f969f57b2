// The demo's own thread as a stage: its story is straight-line code, and load, admin calls and timers play inside its
// waits.
#pragma once

#include "event/loop.h"

namespace meridian {

class DemoStage {
 public:
  DemoStage() : alarm_(loop_, Bind<&DemoStage::OnAlarm>(this)) {}
  Loop& loop() { return loop_; }
  TimePoint Now() { return loop_.Now(); }

  // Runs the loop until `done()`, looked at after every turn; false when `limit` has passed before.
  // REQUIRES: not called from a callback of the loop.
  template <typename Done>
  bool Wait(Duration limit, Done done) {
    const TimePoint end = Now() + limit;
    alarm_.Arm(limit);
    while (!done() && Now() < end) loop_.RunTurn(true);
    alarm_.Cancel();
    return done();
  }

 private:
  void OnAlarm() {}  // ends the turn, which is all it is for
  Loop loop_;
  Timer alarm_;
};

}  // namespace meridian
