#include "event/loop.h"

#include <event2/event.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <bit>
#include <cstdio>
#include <cstdlib>

namespace meridian {
namespace {

// Failing to make a loop's own descriptors leaves nothing to run on.
[[noreturn]] void Die(const char* what) {
  std::perror(what);
  std::abort();
}

event_base* NewBase() {
  event_config* config = event_config_new();
  event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
  event_base* base = event_base_new_with_config(config);
  event_config_free(config);
  if (!base) Die("event_base");
  return base;
}

}  // namespace

// ---- Hook ----------------------------------------------------------------------------------------------------------

void Hook::PushTo(List* list) {
  if (list_ == list) return;
  Cancel();
  list_ = list;
  prev_ = list->tail;
  next_ = nullptr;
  (list->tail ? list->tail->next_ : list->head) = this;
  list->tail = this;
}

void Hook::AtTurnEnd() { PushTo(&loop_.turn_end_); }
void Hook::NextTurn() {
  // One that is due in this turn stays in its place, or two hooks that ask for each other would starve the later one.
  if (!list_ || list_ == &loop_.turn_end_) PushTo(&loop_.next_turn_);
}

void Hook::Cancel() {
  if (!list_) return;
  (prev_ ? prev_->next_ : list_->head) = next_;
  (next_ ? next_->prev_ : list_->tail) = prev_;
  list_ = nullptr;
  prev_ = next_ = nullptr;
}

// ---- Timer ---------------------------------------------------------------------------------------------------------

void Timer::Arm(Duration from_now) {
  Cancel();
  if (from_now < Duration::zero()) from_now = Duration::zero();
  // Rounded up by a tick: a timer never fires early.
  due_tick_ = loop_.TickOf(loop_.Now() + from_now) + 1;
  if (due_tick_ < loop_.tick_) due_tick_ = loop_.tick_;
  slot_ = static_cast<int>(due_tick_ % Loop::kSlots);
  auto index = static_cast<size_t>(slot_);
  prev_ = nullptr;
  next_ = loop_.slots_[index];
  if (next_) next_->prev_ = this;
  loop_.slots_[index] = this;
  loop_.occupied_[index / 64] |= uint64_t{1} << (index % 64);
}

void Timer::Cancel() {
  if (slot_ < 0) return;
  if (loop_.running_next_ == this) loop_.running_next_ = next_;
  auto index = static_cast<size_t>(slot_);
  (prev_ ? prev_->next_ : loop_.slots_[index]) = next_;
  if (next_) next_->prev_ = prev_;
  if (!loop_.slots_[index]) loop_.occupied_[index / 64] &= ~(uint64_t{1} << (index % 64));
  prev_ = next_ = nullptr;
  slot_ = -1;
}

// ---- Watch ---------------------------------------------------------------------------------------------------------

Watch::Watch(Loop& loop, int fd, Mode mode, Callback readable, Callback writable)
    : loop_(loop), event_(nullptr, event_free), readable_(readable), writable_(writable) {
  const int edge = EV_READ | EV_WRITE | EV_CLOSED | EV_ET | EV_PERSIST;
  const int level = EV_READ | EV_PERSIST;
  const auto flags = static_cast<short>(mode == Mode::kEdge ? edge : level);
  event_.reset(event_new(loop.base_.get(), fd, flags, &Watch::OnEvent, this));
  if (!event_ || event_add(event_.get(), nullptr) != 0) Die("event_add");
}

Watch::~Watch() {
  if (loop_.running_watch_ == this) loop_.running_watch_ = nullptr;
}

void Watch::Pause() { event_del(event_.get()); }
void Watch::Resume() { event_add(event_.get(), nullptr); }

void Watch::OnEvent(int, short what, void* self) {
  auto* watch = static_cast<Watch*>(self);
  Loop& loop = watch->loop_;
  loop.running_watch_ = watch;
  if (what & EV_CLOSED) watch->peer_closed_ = true;
  // Writes first: room that just appeared lets this turn's answers leave.
  if ((what & EV_WRITE) && watch->writable_.function) watch->writable_();
  const bool alive = loop.running_watch_ == watch;
  if (alive && (what & (EV_READ | EV_CLOSED))) watch->readable_();
  loop.running_watch_ = nullptr;
}

// ---- Loop ----------------------------------------------------------------------------------------------------------

Loop::Loop(bool manual_clock)
    : base_(NewBase(), event_base_free), wheel_event_(nullptr, event_free), manual_clock_(manual_clock) {
  if (manual_clock_) {
    now_ = TimePoint{} + 1h;  // far from zero, so that "long ago" can be expressed
    now_valid_ = true;
  }
  wheel_event_.reset(evtimer_new(
      base_.get(), [](evutil_socket_t, short, void*) {}, nullptr));
  wake_fd_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (wake_fd_ < 0 || !wheel_event_) Die("eventfd");
  wake_watch_ = std::make_unique<Watch>(*this, wake_fd_, Watch::Mode::kLevelRead, Bind<&Loop::OnWake>(this));
  tick_ = TickOf(Now());
}

Loop::~Loop() {
  // Retired objects may retire others from their destructors.
  while (!retired_.empty()) {
    auto batch = std::move(retired_);
    retired_.clear();
    batch.clear();
  }
  posted_.clear();
  wake_watch_.reset();
  wheel_event_.reset();
  close(wake_fd_);
}

TimePoint Loop::Now() {
  if (!now_valid_) {
    timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    now_ = TimePoint{} + std::chrono::seconds(ts.tv_sec) + std::chrono::nanoseconds(ts.tv_nsec);
    now_valid_ = true;
  }
  return now_;
}

int64_t Loop::UnixMicros() {
  const TimePoint now = Now();
  if (wall_us_ == 0 || (now - wall_read_ > 1s && !manual_clock_)) {
    timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    wall_us_ = ts.tv_sec * 1'000'000 + ts.tv_nsec / 1000;
    wall_read_ = now;
  }
  return wall_us_ + ToMicroseconds(now - wall_read_);
}

int64_t Loop::TickOf(TimePoint t) const { return t.time_since_epoch() / kTick; }

void Loop::Run() {
  while (!stop_.load(std::memory_order_relaxed)) RunTurn(true);
}

void Loop::RunTurn(bool may_wait) {
  const bool busy = next_turn_.head || turn_end_.head || !retired_.empty();
  ArmWheel();
  if (!manual_clock_) now_valid_ = false;
  event_base_loop(base_.get(), EVLOOP_ONCE | (busy || !may_wait ? EVLOOP_NONBLOCK : 0));
  RunTimers();
  RunPosted();
  RunHooks(&next_turn_, false);
  RunHooks(&turn_end_, true);
  while (!retired_.empty()) {
    auto batch = std::move(retired_);
    retired_.clear();
    batch.clear();
  }
}

void Loop::Stop() {
  stop_.store(true, std::memory_order_relaxed);
  const uint64_t one = 1;
  [[maybe_unused]] ssize_t n = write(wake_fd_, &one, sizeof one);
}

void Loop::Advance(Duration d) {
  const TimePoint target = now_ + d;
  while (now_ + kTick < target) {
    now_ += kTick;
    RunTurn(false);
  }
  now_ = target;
  RunTurn(false);
}

void Loop::AdvanceToTimer(Duration at_most) {
  const int64_t next = NextTick();
  const Duration wait = next < 0 ? at_most : std::max(TimePoint{} + next * kTick - now_, Duration::zero());
  now_ += std::min(wait, at_most);
  RunTurn(false);
}

void Loop::PostTask(std::unique_ptr<Task> task) {
  bool first;
  {
    std::lock_guard lock(mutex_);
    first = posted_.empty();
    posted_.push_back(std::move(task));
  }
  if (first) {
    const uint64_t one = 1;
    [[maybe_unused]] ssize_t n = write(wake_fd_, &one, sizeof one);
  }
}

void Loop::OnWake() {
  uint64_t count;
  [[maybe_unused]] ssize_t n = read(wake_fd_, &count, sizeof count);
}

void Loop::RunPosted() {
  std::vector<std::unique_ptr<Task>> batch;
  {
    std::lock_guard lock(mutex_);
    batch.swap(posted_);
  }
  for (auto& task : batch) task->Run();
}

void Loop::RunHooks(Hook::List* list, bool until_empty) {
  // Without until_empty, hooks queued meanwhile wait for the next turn.
  Hook::List round;
  do {
    round = *list;
    *list = {};
    for (Hook* h = round.head; h; h = h->next_) h->list_ = &round;
    while (Hook* hook = round.head) {
      const Callback callback = hook->callback_;
      hook->Cancel();
      callback();
    }
  } while (until_empty && list->head);
}

// The next slot that holds a timer, be it of a later revolution; −1: none does.
int64_t Loop::NextTick() const {
  const auto from = static_cast<size_t>(tick_ % kSlots);
  for (size_t step = 0; step <= kSlots / 64; ++step) {
    const size_t word = (from / 64 + step) % (kSlots / 64);
    uint64_t bits = occupied_[word];
    if (step == 0) bits &= ~uint64_t{0} << (from % 64);
    if (step == kSlots / 64) bits &= (uint64_t{1} << (from % 64)) - 1;
    if (!bits) continue;
    const size_t slot = word * 64 + static_cast<size_t>(std::countr_zero(bits));
    return tick_ + static_cast<int64_t>((slot + kSlots - from) % kSlots);
  }
  return -1;
}

void Loop::ArmWheel() {
  const int64_t next = NextTick();
  if (next == wheel_armed_tick_ && next >= 0 && evtimer_pending(wheel_event_.get(), nullptr)) return;
  wheel_armed_tick_ = next;
  if (next < 0) {
    evtimer_del(wheel_event_.get());
    return;
  }
  const Duration wait = std::max<Duration>(TimePoint{} + next * kTick - Now(), 0ns);
  timeval tv;
  tv.tv_sec = static_cast<time_t>(wait / 1s);
  tv.tv_usec = static_cast<suseconds_t>((wait % 1s) / 1us) + 1;
  if (tv.tv_usec >= 1'000'000) tv.tv_usec = 999'999;
  evtimer_add(wheel_event_.get(), &tv);
}

void Loop::RunTimers() {
  const int64_t now_tick = TickOf(Now());
  if (now_tick < tick_) return;
  // After a long pause one revolution visits every slot once.
  const int64_t last = std::min(now_tick, tick_ + kSlots - 1);
  for (int64_t tick = tick_; tick <= last; ++tick) {
    const auto slot = static_cast<size_t>(tick % kSlots);
    if (!(occupied_[slot / 64] >> (slot % 64) & 1)) continue;
    for (Timer* timer = slots_[slot]; timer; timer = running_next_) {
      running_next_ = timer->next_;
      if (timer->due_tick_ > now_tick) continue;
      timer->Cancel();
      timer->callback_();
    }
    running_next_ = nullptr;
  }
  tick_ = now_tick + 1;
}

}  // namespace meridian
