// One thread's event loop, over libevent. The only place that includes event2/.
//
// A turn is visible: wait → descriptor and timer callbacks → posted tasks → turn-end hooks (writes) → destroy retired.
// Everything but Post and Stop belongs to the loop's thread. Callbacks may create and destroy any watch, timer or
// hook, including the one that is calling, but never the loop.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "event/callback.h"
#include "meridian/time.h"

struct event_base;
struct event;

namespace meridian {

class Loop;

// Anything whose destruction may have to wait until no frame of it is on the stack.
class Disposable {
 public:
  virtual ~Disposable() = default;
};

// "Call me once at the end of this turn / early in the next one." Re-armable, cancelled by destruction.
class Hook {
 public:
  Hook(Loop& loop, Callback callback) : loop_(loop), callback_(callback) {}
  ~Hook() { Cancel(); }
  Hook(const Hook&) = delete;
  Hook& operator=(const Hook&) = delete;
  void AtTurnEnd();  // after all input of this turn was handled: the place for writes
  void NextTurn();   // after other descriptors had their chance: the place to continue what was bounded
  void Cancel();
  bool queued() const { return list_ != nullptr; }

 private:
  friend class Loop;
  struct List {
    Hook* head = nullptr;
    Hook* tail = nullptr;
  };
  void PushTo(List* list);
  Loop& loop_;
  Callback callback_;
  List* list_ = nullptr;
  Hook* prev_ = nullptr;
  Hook* next_ = nullptr;
};

// One-shot timer on the loop's wheel. Resolution Loop::kTick, never early. O(1) to arm and to cancel.
class Timer {
 public:
  Timer(Loop& loop, Callback callback) : loop_(loop), callback_(callback) {}
  ~Timer() { Cancel(); }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  void Arm(Duration from_now);  // replaces an earlier arming
  void Cancel();
  bool armed() const { return slot_ >= 0; }

 private:
  friend class Loop;
  Loop& loop_;
  Callback callback_;
  int64_t due_tick_ = 0;
  int slot_ = -1;
  Timer* prev_ = nullptr;
  Timer* next_ = nullptr;
};

// Readiness of one descriptor. Edge-triggered: both directions are registered once, for life, so that steady state
// needs no epoll_ctl. The owner must read until a short read and write until EAGAIN, or continue by a Hook.
// Does not own the descriptor; destroy the watch before closing it.
class Watch {
 public:
  enum class Mode { kEdge, kLevelRead };  // kLevelRead: listeners and mailboxes
  Watch(Loop& loop, int fd, Mode mode, Callback readable, Callback writable = {});
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  // The peer's FIN was seen (EPOLLRDHUP). It may share its edge with data, so a short read is not the end of what is
  // readable.
  bool peer_closed() const { return peer_closed_; }
  // Level mode only: stop and resume being called.
  void Pause();
  void Resume();

 private:
  static void OnEvent(int fd, short what, void* self);
  Loop& loop_;
  std::unique_ptr<::event, void (*)(::event*)> event_;
  Callback readable_, writable_;
  bool peer_closed_ = false;
};

class Loop {
 public:
  static constexpr Duration kTick = 4ms;

  // `manual_clock`: time stands still until Advance, which moves the wall clock too; for tests and simulations.
  explicit Loop(bool manual_clock = false);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // The instant of this turn: read once per turn, at the first call after the wait.
  TimePoint Now();
  // Wall clock of this turn, microseconds since 1970; for logs only.
  int64_t UnixMicros();

  void Run();  // until Stop
  void RunTurn(bool may_wait);
  void Stop();               // thread-safe
  void Advance(Duration d);  // manual clock only: moves time and runs what became due
  // Manual clock only: the same in one turn, to the next instant at which a timer may be due. Hours cost little.
  void AdvanceToTimer(Duration at_most);

  // Runs `f` on the loop's thread in one of the next turns. Thread-safe; tasks not run when the loop is destroyed are
  // dropped.
  template <typename F>
  void Post(F f) {
    struct Bound : Task {
      explicit Bound(F g) : f(std::move(g)) {}
      void Run() override { f(); }
      F f;
    };
    PostTask(std::make_unique<Bound>(std::move(f)));
  }

  // Destroys `p` at the end of this turn.
  void Retire(std::unique_ptr<Disposable> p) { retired_.push_back(std::move(p)); }

 private:
  friend class Hook;
  friend class Timer;
  friend class Watch;
  struct Task {
    virtual ~Task() = default;
    virtual void Run() = 0;
  };
  static constexpr int kSlots = 512;  // 2 s per revolution; later timers stay in their slot for more than one

  void PostTask(std::unique_ptr<Task> task);
  void RunPosted();
  void RunHooks(Hook::List* list, bool until_empty);
  void RunTimers();
  int64_t NextTick() const;
  void ArmWheel();
  int64_t TickOf(TimePoint t) const;
  void OnWake();

  std::unique_ptr<::event_base, void (*)(::event_base*)> base_;
  std::unique_ptr<::event, void (*)(::event*)> wheel_event_;
  int64_t wheel_armed_tick_ = -1;
  bool manual_clock_;
  bool now_valid_ = false;
  TimePoint now_{};
  TimePoint wall_read_{};
  int64_t wall_us_ = 0;

  Hook::List turn_end_, next_turn_;
  std::array<Timer*, kSlots> slots_{};
  std::array<uint64_t, kSlots / 64> occupied_{};
  int64_t tick_ = 0;  // all slots before it were run
  Timer* running_next_ = nullptr;
  const Watch* running_watch_ = nullptr;  // whose callbacks run, until one of them deletes it

  std::vector<std::unique_ptr<Disposable>> retired_;

  std::mutex mutex_;
  std::vector<std::unique_ptr<Task>> posted_;  // guarded by mutex_
  std::atomic<bool> stop_{false};
  int wake_fd_ = -1;
  std::unique_ptr<Watch> wake_watch_;
};

}  // namespace meridian
