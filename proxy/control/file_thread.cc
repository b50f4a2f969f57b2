#include "control/file_thread.h"

#include <pthread.h>
#include <signal.h>

#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

namespace meridian {

// Under the mutex. The thread holds it, too, and may outlive everything else.
struct FileThread::State {
  std::mutex mutex;
  std::condition_variable wake;
  std::function<void()> work;
  FileThread* owner = nullptr;  // null: gone

  void Serve(const std::shared_ptr<State>& self);
};

void FileThread::State::Serve(const std::shared_ptr<State>& self) {
  std::unique_lock lock(mutex);
  while (true) {
    wake.wait(lock, [this] { return work || !owner; });
    if (!owner) return;
    const std::function<void()> now = std::exchange(work, nullptr);
    lock.unlock();
    now();
    lock.lock();
    if (!owner) return;
    // What is posted is called while the owner lives or not at all; the owner is of the loop's thread.
    owner->loop_.Post([self] {
      if (self->owner) self->owner->OnDone();
    });
  }
}

FileThread::~FileThread() {
  if (!state_) return;
  const std::lock_guard lock(state_->mutex);
  state_->owner = nullptr;
  state_->wake.notify_one();
}

void FileThread::Run(std::function<void()> work, std::function<void()> done) {
  busy_ = true;
  done_ = std::move(done);
  if (!state_) {
    state_ = std::make_shared<State>();
    state_->owner = this;
    // Signals belong to the main thread.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    std::thread([state = state_] { state->Serve(state); }).detach();
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }
  const std::lock_guard lock(state_->mutex);
  state_->work = std::move(work);
  state_->wake.notify_one();
}

void FileThread::OnDone() {
  busy_ = false;
  std::exchange(done_, nullptr)();
}

}  // namespace meridian
