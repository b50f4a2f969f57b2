#include "event/loop.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace meridian {
namespace {

// A callback out of a lambda, for tests only.
struct Call {
  std::function<void()> f;
  void Run() { f(); }
  Callback callback() { return Bind<&Call::Run>(this); }
};

struct SocketPair {
  SocketPair() { EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd), 0); }
  ~SocketPair() {
    for (int f : fd) {
      if (f >= 0) close(f);
    }
  }
  int fd[2] = {-1, -1};
};

// ---- timers --------------------------------------------------------------------------------------------------------

class TimerTest : public ::testing::Test {
 protected:
  // Advances in steps and returns when the timer fired, counted from now; nullopt: not within `limit`.
  std::optional<Duration> FiredAfter(Duration armed_for, Duration limit) {
    const TimePoint start = loop_.Now();
    std::optional<Duration> fired;
    Call call{[&] { fired = loop_.Now() - start; }};
    Timer timer(loop_, call.callback());
    timer.Arm(armed_for);
    while (!fired && loop_.Now() - start < limit) loop_.Advance(1ms);
    return fired;
  }
  Loop loop_{true};
};

TEST_F(TimerTest, FiresNeverEarlyAndAtMostTwoTicksLate) {
  for (Duration d : {Duration(0ns), Duration(1ns), Duration(1ms), Duration(3999us), Duration(4ms), Duration(100ms),
                     Duration(1999ms), Duration(2044ms), Duration(2048ms), Duration(2052ms), Duration(5s)}) {
    loop_.Advance(1300us);  // an odd place within a tick
    const auto fired = FiredAfter(d, d + 1s);
    ASSERT_TRUE(fired) << d.count();
    EXPECT_GE(*fired, d);
    EXPECT_LE(*fired, d + 2 * Loop::kTick);
  }
}

TEST_F(TimerTest, ATimerBeyondOneRevolutionOfTheWheelWaitsForItsOwnRound) {
  const auto fired = FiredAfter(3600s, 3601s);
  ASSERT_TRUE(fired);
  EXPECT_GE(*fired, 3600s);
}

TEST_F(TimerTest, TimeCanGoFromTimerToTimer) {
  int fired = 0;
  Call call{[&] { ++fired; }};
  Timer timer(loop_, call.callback());
  const TimePoint start = loop_.Now();
  timer.Arm(3600s);
  int turns = 0;
  for (; !fired && turns < 10'000; ++turns) loop_.AdvanceToTimer(1h);
  EXPECT_EQ(fired, 1);
  EXPECT_GE(loop_.Now() - start, 3600s);
  EXPECT_LE(loop_.Now() - start, 3600s + 2 * Loop::kTick);
  EXPECT_LT(turns, 2000) << "one per revolution of the wheel";
  loop_.AdvanceToTimer(5s);
  EXPECT_LE(loop_.Now() - start, 3605s + 2 * Loop::kTick) << "without a timer it goes as far as it was told";
}

TEST_F(TimerTest, TimersFireInTheOrderOfTheirTimes) {
  std::vector<int> order;
  Call a{[&] { order.push_back(1); }}, b{[&] { order.push_back(2); }}, c{[&] { order.push_back(3); }};
  Timer first(loop_, a.callback()), second(loop_, b.callback()), third(loop_, c.callback());
  third.Arm(300ms);
  first.Arm(100ms);
  second.Arm(200ms);
  loop_.Advance(1s);
  EXPECT_EQ(order, (std::vector{1, 2, 3}));
}

TEST_F(TimerTest, ArmingAgainReplacesTheEarlierTime) {
  int fired = 0;
  Call call{[&] { ++fired; }};
  Timer timer(loop_, call.callback());
  timer.Arm(10ms);
  timer.Arm(500ms);
  loop_.Advance(400ms);
  EXPECT_EQ(fired, 0);
  EXPECT_TRUE(timer.armed());
  loop_.Advance(200ms);
  EXPECT_EQ(fired, 1);
  EXPECT_FALSE(timer.armed());
}

TEST_F(TimerTest, ACallbackMayCancelAndDestroyOthersOfTheSameInstant) {
  int fired = 0;
  std::vector<std::unique_ptr<Timer>> timers;
  // Whoever comes first ends all others: by Cancel and by destruction.
  Call call{[&] {
    ++fired;
    for (size_t i = 0; i < timers.size(); ++i) {
      if (i % 2 == 0) {
        timers[i]->Cancel();
      } else {
        timers[i].reset();
      }
    }
  }};
  for (int i = 0; i < 8; ++i) {
    timers.push_back(std::make_unique<Timer>(loop_, call.callback()));
    timers.back()->Arm(20ms);
  }
  loop_.Advance(100ms);
  EXPECT_EQ(fired, 1);
}

TEST_F(TimerTest, ACallbackMayArmItsTimerAgain) {
  int fired = 0;
  std::unique_ptr<Timer> timer;
  Call call{[&] {
    ++fired;
    timer->Arm(100ms);
  }};
  timer = std::make_unique<Timer>(loop_, call.callback());
  timer->Arm(100ms);
  loop_.Advance(1s);
  EXPECT_GE(fired, 9);
  EXPECT_LE(fired, 10);
}

TEST_F(TimerTest, ATimerArmedForNowInACallbackWaitsForALaterTurn) {
  // Else a loop of zero-length timers would never let descriptors have their turn.
  int fired = 0;
  std::unique_ptr<Timer> timer;
  Call call{[&] {
    if (++fired < 1000) timer->Arm(0ns);
  }};
  timer = std::make_unique<Timer>(loop_, call.callback());
  timer->Arm(0ns);
  loop_.Advance(Loop::kTick);
  EXPECT_LE(fired, 2);
}

TEST_F(TimerTest, AJumpOfTimeOverManyRevolutionsLosesNoTimer) {
  // Real clocks jump when a machine is suspended: one turn later everything due has fired, nothing else has.
  int fired = 0, early = 0;
  Call due{[&] { ++fired; }}, later{[&] { ++early; }};
  std::vector<std::unique_ptr<Timer>> timers;
  for (int i = 1; i <= 100; ++i) {
    timers.push_back(std::make_unique<Timer>(loop_, due.callback()));
    timers.back()->Arm(i * 95ms);
  }
  Timer far(loop_, later.callback());
  far.Arm(30s);
  loop_.Advance(9600ms);
  EXPECT_EQ(fired, 100);
  EXPECT_EQ(early, 0);
  loop_.Advance(21s);
  EXPECT_EQ(early, 1);
}

TEST(RealClock, ATimerWakesALoopThatHasNothingElseToDo) {
  Loop loop;
  const TimePoint start = loop.Now();
  Call call{[&] { loop.Stop(); }};
  Timer timer(loop, call.callback());
  timer.Arm(20ms);
  loop.Run();
  EXPECT_GE(loop.Now() - start, 20ms);
}

// ---- hooks ---------------------------------------------------------------------------------------------------------

TEST(HookTest, TurnEndComesAfterEverythingElseOfTheTurn) {
  Loop loop(true);
  std::vector<std::string> order;
  Call end{[&] { order.push_back("end"); }}, tick{[&] { order.push_back("timer"); }},
      next{[&] { order.push_back("next"); }};
  Hook at_end(loop, end.callback()), next_turn(loop, next.callback());
  Timer timer(loop, tick.callback());
  at_end.AtTurnEnd();
  next_turn.NextTurn();
  timer.Arm(0ns);
  loop.Post([&] { order.push_back("task"); });
  loop.Advance(Loop::kTick);
  EXPECT_EQ(order, (std::vector<std::string>{"timer", "task", "next", "end"}));
}

TEST(HookTest, QueuedTwiceRunsOnce) {
  Loop loop(true);
  int runs = 0;
  Call call{[&] { ++runs; }};
  Hook hook(loop, call.callback());
  hook.AtTurnEnd();
  hook.AtTurnEnd();
  loop.RunTurn(false);
  loop.RunTurn(false);
  EXPECT_EQ(runs, 1);
}

TEST(HookTest, AtTurnEndFromATurnEndHookRunsInTheSameTurn) {
  Loop loop(true);
  int second_runs = 0;
  Call second{[&] { ++second_runs; }};
  Hook b(loop, second.callback());
  Call first{[&] { b.AtTurnEnd(); }};
  Hook a(loop, first.callback());
  a.AtTurnEnd();
  loop.RunTurn(false);
  EXPECT_EQ(second_runs, 1);
}

TEST(HookTest, NextTurnFromItselfLetsOthersHaveTheirTurn) {
  Loop loop(true);
  int runs = 0;
  std::unique_ptr<Hook> hook;
  Call call{[&] {
    ++runs;
    hook->NextTurn();
  }};
  hook = std::make_unique<Hook>(loop, call.callback());
  hook->NextTurn();
  loop.RunTurn(false);
  EXPECT_EQ(runs, 1);
  loop.RunTurn(false);
  EXPECT_EQ(runs, 2);
}

TEST(HookTest, AskingAgainForAHookThatIsDueNowDoesNotPutItOff) {
  // Two hooks that keep asking for each other: the second must not starve behind the first.
  Loop loop(true);
  int second_runs = 0;
  Call second{[&] { ++second_runs; }};
  Hook b(loop, second.callback());
  std::unique_ptr<Hook> a;
  Call first{[&] {
    a->NextTurn();
    b.NextTurn();
  }};
  a = std::make_unique<Hook>(loop, first.callback());
  a->NextTurn();
  b.NextTurn();
  for (int i = 0; i < 10; ++i) loop.RunTurn(false);
  EXPECT_GE(second_runs, 5);
}

TEST(HookTest, ARunningHookMayCancelAndDestroyTheOthers) {
  Loop loop(true);
  int runs = 0;
  std::unique_ptr<Hook> a, b, c;
  Call call{[&] {
    ++runs;
    b.reset();
    c->Cancel();
  }};
  a = std::make_unique<Hook>(loop, call.callback());
  b = std::make_unique<Hook>(loop, call.callback());
  c = std::make_unique<Hook>(loop, call.callback());
  a->AtTurnEnd();
  b->AtTurnEnd();
  c->AtTurnEnd();
  loop.RunTurn(false);
  EXPECT_EQ(runs, 1);
  EXPECT_FALSE(c->queued());
}

// ---- descriptors ---------------------------------------------------------------------------------------------------

TEST(WatchTest, AWatchMayDestroyItselfFromItsCallback) {
  Loop loop;
  SocketPair pair;
  int readable = 0;
  std::unique_ptr<Watch> watch;
  // Both directions are ready; after the first callback there must be no second.
  Call call{[&] {
    ++readable;
    watch.reset();
  }};
  ASSERT_EQ(write(pair.fd[1], "x", 1), 1);
  watch = std::make_unique<Watch>(loop, pair.fd[0], Watch::Mode::kEdge, call.callback(), call.callback());
  loop.RunTurn(false);
  loop.RunTurn(false);
  EXPECT_EQ(readable, 1);
}

TEST(WatchTest, APausedListenerIsNotCalledUntilItResumes) {
  Loop loop;
  SocketPair pair;
  int calls = 0;
  Call call{[&] { ++calls; }};
  Watch watch(loop, pair.fd[0], Watch::Mode::kLevelRead, call.callback());
  ASSERT_EQ(write(pair.fd[1], "x", 1), 1);
  loop.RunTurn(false);
  EXPECT_EQ(calls, 1);
  watch.Pause();
  loop.RunTurn(false);
  EXPECT_EQ(calls, 1);
  watch.Resume();
  loop.RunTurn(false);
  EXPECT_EQ(calls, 2);
}

// ---- tasks and retirement ------------------------------------------------------------------------------------------

TEST(PostTest, TasksOfManyThreadsRunOnceEachOnTheLoopsThread) {
  constexpr int kThreads = 4, kTasks = 1000;
  Loop loop;
  const auto home = std::this_thread::get_id();
  int ran = 0;
  bool elsewhere = false;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kTasks; ++i) {
        loop.Post([&] {
          elsewhere |= std::this_thread::get_id() != home;
          if (++ran == kThreads * kTasks) loop.Stop();
        });
      }
    });
  }
  loop.Run();
  for (auto& t : threads) t.join();
  EXPECT_EQ(ran, kThreads * kTasks);
  EXPECT_FALSE(elsewhere);
}

TEST(PostTest, ATaskPostedByATaskRunsInALaterTurn) {
  Loop loop;
  std::vector<int> order;
  loop.Post([&] {
    order.push_back(1);
    loop.Post([&] { order.push_back(2); });
  });
  loop.RunTurn(true);
  EXPECT_EQ(order, (std::vector{1}));
  loop.RunTurn(true);
  EXPECT_EQ(order, (std::vector{1, 2}));
}

TEST(PostTest, TasksThatNeverRanAreDroppedWithTheLoop) {
  auto token = std::make_shared<int>(0);
  {
    Loop loop;
    loop.Post([token] {});
    EXPECT_EQ(token.use_count(), 2);
  }
  EXPECT_EQ(token.use_count(), 1);
}

struct Grave : Disposable {
  Grave(int* count, std::function<void()> last_words = {}) : count_(count), last_words_(std::move(last_words)) {}
  ~Grave() override {
    ++*count_;
    if (last_words_) last_words_();
  }
  int* count_;
  std::function<void()> last_words_;
};

TEST(RetireTest, ARetiredObjectLivesUntilTheEndOfTheTurn) {
  Loop loop(true);
  int gone = 0, gone_at_end = -1;
  Call end{[&] { gone_at_end = gone; }};
  Hook hook(loop, end.callback());
  loop.Post([&] {
    loop.Retire(std::make_unique<Grave>(&gone));
    EXPECT_EQ(gone, 0);
    hook.AtTurnEnd();
  });
  loop.RunTurn(false);
  EXPECT_EQ(gone_at_end, 0);
  EXPECT_EQ(gone, 1);
}

TEST(RetireTest, RetiringFromADestructorIsAllowed) {
  int gone = 0;
  {
    Loop loop(true);
    loop.Retire(std::make_unique<Grave>(&gone, [&] { loop.Retire(std::make_unique<Grave>(&gone)); }));
    loop.RunTurn(false);
    EXPECT_EQ(gone, 2);
    loop.Retire(std::make_unique<Grave>(&gone, [&] { loop.Retire(std::make_unique<Grave>(&gone)); }));
  }
  EXPECT_EQ(gone, 4);
}

TEST(ManualClock, StandsStillUntilAdvanced) {
  Loop loop(true);
  const TimePoint start = loop.Now();
  for (int i = 0; i < 10; ++i) loop.RunTurn(false);
  EXPECT_EQ(loop.Now(), start);
  loop.Advance(1234567ns);
  EXPECT_EQ(loop.Now(), start + 1234567ns);
}

}  // namespace
}  // namespace meridian
