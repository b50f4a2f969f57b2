// What every story of the demo has: its clients, its operator, its clock, and a voice.
//
// Straight-line code on one thread; see demo_stage.h.
#pragma once

#include <deque>
#include <functional>
#include <string>

#include "server/demo_admin.h"
#include "server/demo_load.h"
#include "server/demo_origins.h"
#include "server/demo_stage.h"
#include "server/demo_tally.h"

namespace meridian {

// The world that stories act in. All of it outlives them.
struct DemoSet {
  DemoStage& stage;
  DemoOrigins& origins;
  Endpoint edge, admin;
  TlsClientContext& tls;
  int rate;                     // requests per second
  std::function<void()> drain;  // tells the edge to drain
  const bool& over;             // the edge has stopped; changes in turns of the stage's loop
};

class DemoStory final : private DemoLoadSink {
 public:
  explicit DemoStory(DemoSet set);

  DemoLoad& load() { return load_; }
  DemoAdmin& admin() { return admin_; }
  TimePoint Now() { return set_.stage.Now(); }
  bool over() const { return set_.over; }
  // The edge has stopped, but not because the story wanted it.
  bool interrupted() const { return over() && !drained_; }
  void Drain();
  bool SetFault(size_t region, DemoFault fault) { return set_.origins.SetFault(region, fault); }

  // One line, with the time since the start.
  void Say(const std::string& text);
  // Until `done`, the limit, or the end of the edge; the first is success. Traffic is told once a second.
  bool Wait(Duration limit, const std::function<bool()>& done);
  // False if the edge has stopped meanwhile.
  bool Pause(Duration duration);
  // A line every five seconds, or a table that is redrawn every second, until the edge stops.
  void ShowTraffic(bool terminal);

  const DemoTally& all() const { return all_; }
  const DemoTally& chapter() const { return chapter_; }
  // From now on: requests that are sent later.
  void BeginChapter() { chapter_ = DemoTally(Now()); }
  // Share of a region in the answers of the last second; 0 while there are few.
  double RecentShare(size_t region);

 private:
  struct Recent {
    TimePoint ended;
    std::optional<size_t> region;
  };
  void OnAnswer(const DemoAnswer& answer) override;
  void TellTraffic();
  DemoTally TakeInterval(Duration* over);
  DemoLoadSink& Self() { return *this; }

  DemoSet set_;
  DemoLoad load_;  // ends after admin_: its end lets the loop destroy what both have retired
  DemoAdmin admin_;
  const TimePoint started_;
  TimePoint interval_began_;
  TimePoint next_line_;
  DemoTally all_, chapter_, interval_;
  std::deque<Recent> recent_;  // of the last second
  bool drained_ = false;
};

}  // namespace meridian
