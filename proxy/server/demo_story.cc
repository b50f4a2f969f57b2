#include "server/demo_story.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "server/demo_table.h"

namespace meridian {
namespace {

constexpr Duration kRecent = 1s;
constexpr size_t kFewAnswers = 5;
constexpr Duration kSparseInterval = 5s;

}  // namespace

DemoStory::DemoStory(DemoSet set)
    : set_(std::move(set)),
      load_(set_.stage.loop(), set_.edge, set_.tls, Self()),
      admin_(set_.stage, set_.admin, set_.over),
      started_(Now()),
      interval_began_(started_),
      next_line_(started_ + 1s) {
  load_.SetRate(set_.rate);
}

void DemoStory::OnAnswer(const DemoAnswer& answer) {
  all_.Add(answer);
  chapter_.Add(answer);
  interval_.Add(answer);
  recent_.push_back({answer.ended, answer.region});
  while (recent_.front().ended < answer.ended - kRecent) recent_.pop_front();
}

double DemoStory::RecentShare(size_t region) {
  const TimePoint from = Now() - kRecent;
  const auto begin = std::find_if(recent_.begin(), recent_.end(), [&](const Recent& r) { return r.ended >= from; });
  const auto all = static_cast<size_t>(recent_.end() - begin);
  if (all < kFewAnswers) return 0;
  const auto here = std::count_if(begin, recent_.end(), [&](const Recent& r) { return r.region == region; });
  return static_cast<double>(here) / static_cast<double>(all);
}

void DemoStory::Drain() {
  drained_ = true;
  set_.drain();
}

void DemoStory::Say(const std::string& text) {
  const std::string line = fmt::format("{:6.1f} s  {}\n", ToSeconds(Now() - started_), text);
  std::fwrite(line.data(), 1, line.size(), stdout);
  std::fflush(stdout);
}

bool DemoStory::Wait(Duration limit, const std::function<bool()>& done) {
  const TimePoint end = Now() + limit;
  while (true) {
    const TimePoint until = std::min(end, next_line_);
    const Duration left = std::max<Duration>(until - Now(), Duration::zero());
    if (set_.stage.Wait(left, [&] { return done() || over(); })) return done();
    if (Now() >= next_line_) TellTraffic();
    if (Now() >= end) return done();
  }
}

bool DemoStory::Pause(Duration duration) {
  Wait(duration, [] { return false; });
  return !over();
}

DemoTally DemoStory::TakeInterval(Duration* over) {
  *over = Now() - std::exchange(interval_began_, Now());
  return std::exchange(interval_, DemoTally());
}

void DemoStory::TellTraffic() {
  next_line_ = Now() + 1s;
  Duration over{};
  const DemoTally last = TakeInterval(&over);
  if (const auto view = admin_.View()) Say(TrafficLine(*view, last, over, all_));
}

void DemoStory::ShowTraffic(bool terminal) {
  DemoScreen screen;
  while (!over()) {
    set_.stage.Wait(terminal ? 1s : kSparseInterval, [this] { return over(); });
    Duration over{};
    const DemoTally last = TakeInterval(&over);
    const auto view = admin_.View();
    if (!view) continue;
    if (terminal) {
      screen.Draw(TrafficTable(*view, last, over, all_));
    } else {
      Say(TrafficLine(*view, last, over, all_));
    }
  }
}

}  // namespace meridian
