#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "telemetry/access_log.h"
#include "telemetry/log.h"
#include "telemetry/output.h"

namespace meridian {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kFlushTime = std::chrono::milliseconds(900);    // for the thread, from the start of the destructor
constexpr auto kGiveUpTime = std::chrono::milliseconds(1000);  // for the destructor to wait for the thread
constexpr auto kWaitSlice = std::chrono::milliseconds(100);    // how soon a stuck writer sees that we are closing
constexpr size_t kSpares = 8;                                  // written buffers kept for Submit to hand back

std::unique_ptr<Output> OpenOutput(const std::string& path, std::string* error) {
  const bool is_stdout = path == "stdout";
  if (!is_stdout && path != "stderr") return Output::OpenFile(path, error);
  auto output = Output::Share(is_stdout ? STDOUT_FILENO : STDERR_FILENO);
  if (!output) *error = path + " is closed";
  return output;
}

uint64_t CountLines(std::string_view text) { return static_cast<uint64_t>(std::count(text.begin(), text.end(), '\n')); }

}  // namespace

// Everything above the line is shared under the mutex; everything below belongs to the thread.
struct AccessLogWriter::Impl {
  std::mutex mutex;
  std::condition_variable work;  // for the thread: something to do
  std::condition_variable done;  // for the destructor: finished
  std::deque<std::string> queue;
  std::vector<std::string> spares;
  bool reopen = false;
  bool finished = false;
  std::thread thread;
  Clock::time_point deadline;  // set before closing
  std::atomic<bool> closing{false};
  std::atomic<uint64_t> lost_lines{0};
  // ---
  std::string path;
  std::unique_ptr<Output> output;
  bool mid_line = false;  // what went out so far ends inside a line
  bool failing = false;   // the last buffer was not written whole

  void Run();
  bool Next(std::string* buffer, bool* reopen_now);
  void ReopenOutput();
  void Write(std::string_view buffer);
  int WriteAll(std::string_view* rest);
  bool WaitForOutput();
  void OnFailure(int error, std::string_view rest);
  void OnSuccess();
  void Recycle(std::string buffer);
};

void AccessLogWriter::Impl::Run() {
  std::string buffer;
  bool reopen_now = false;
  while (Next(&buffer, &reopen_now)) {
    if (reopen_now) ReopenOutput();
    Write(buffer);
    Recycle(std::move(buffer));
  }
  std::lock_guard lock(mutex);
  finished = true;
  done.notify_all();
}

// Waits for the next thing to do; false: closing and nothing is left. A buffer can come empty, with only a reopen.
bool AccessLogWriter::Impl::Next(std::string* buffer, bool* reopen_now) {
  std::unique_lock lock(mutex);
  work.wait(lock, [this] { return !queue.empty() || reopen || closing.load(); });
  if (queue.empty() && !reopen) return false;
  *reopen_now = std::exchange(reopen, false);
  buffer->clear();
  if (queue.empty()) return true;
  *buffer = std::move(queue.front());
  queue.pop_front();
  return true;
}

void AccessLogWriter::Impl::ReopenOutput() {
  std::string error;
  auto fresh = OpenOutput(path, &error);
  if (!fresh) {
    LogEvent(LogLevel::kError, "access_log_reopen_failed", {{"error", error}});
    return;
  }
  output = std::move(fresh);
  mid_line = false;
  LogEvent(LogLevel::kInfo, "access_log_reopened", {{"path", path}});
}

// On an error the rest of the buffer is given up, so that a full disk costs one failed call per buffer and no memory.
void AccessLogWriter::Impl::Write(std::string_view buffer) {
  // Ends a line that an earlier failure cut off, so that only that one is spoiled.
  std::string_view end_of_cut_line = mid_line ? "\n" : "";
  int error = WriteAll(&end_of_cut_line);
  if (error == 0) error = WriteAll(&buffer);
  if (error == 0) {
    OnSuccess();
  } else {
    OnFailure(error, buffer);
  }
}

// Takes what was written off `rest`. 0, or the errno that stopped it.
int AccessLogWriter::Impl::WriteAll(std::string_view* rest) {
  while (!rest->empty()) {
    const ssize_t n = output->WriteSome(*rest);
    if (n < 0) return static_cast<int>(-n);
    if (n == 0) {
      if (!WaitForOutput()) return ETIMEDOUT;
      continue;
    }
    mid_line = (*rest)[static_cast<size_t>(n) - 1] != '\n';
    rest->remove_prefix(static_cast<size_t>(n));
  }
  return 0;
}

// False: closing, and the time is over.
bool AccessLogWriter::Impl::WaitForOutput() {
  while (!closing.load() || Clock::now() < deadline) {
    if (output->WaitWritable(kWaitSlice)) return true;
  }
  return false;
}

void AccessLogWriter::Impl::OnFailure(int error, std::string_view rest) {
  lost_lines.fetch_add(CountLines(rest), std::memory_order_relaxed);
  if (!std::exchange(failing, true)) {
    LogEvent(LogLevel::kError, "access_log_write_failed", {{"path", path}, {"error", std::strerror(error)}});
  }
}

void AccessLogWriter::Impl::OnSuccess() {
  if (std::exchange(failing, false)) {
    LogEvent(LogLevel::kInfo, "access_log_write_recovered",
             {{"path", path}, {"lost_lines", std::to_string(lost_lines.load(std::memory_order_relaxed))}});
  }
}

void AccessLogWriter::Impl::Recycle(std::string buffer) {
  buffer.clear();
  std::lock_guard lock(mutex);
  if (spares.size() < kSpares) spares.push_back(std::move(buffer));
}

std::unique_ptr<AccessLogWriter> AccessLogWriter::Open(const std::string& path, std::string* error) {
  auto impl = std::make_shared<Impl>();
  impl->path = path;
  impl->output = OpenOutput(path, error);
  if (!impl->output) return nullptr;
  return std::unique_ptr<AccessLogWriter>(new AccessLogWriter(std::move(impl)));
}

AccessLogWriter::AccessLogWriter(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {
  // The thread starts with every signal blocked: they belong to the main thread, and SIGPIPE becomes EPIPE.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  impl_->thread = std::thread([state = impl_] { state->Run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

AccessLogWriter::~AccessLogWriter() {
  const auto now = Clock::now();
  std::unique_lock lock(impl_->mutex);
  impl_->deadline = now + kFlushTime;
  impl_->closing.store(true);
  impl_->work.notify_one();
  const bool finished = impl_->done.wait_until(lock, now + kGiveUpTime, [this] { return impl_->finished; });
  lock.unlock();
  // A thread that sleeps in a write to a dead disk can't be woken: leave it behind rather than hang the exit.
  std::thread thread = std::move(impl_->thread);
  if (finished) {
    thread.join();
  } else {
    thread.detach();
  }
}

bool AccessLogWriter::Submit(std::string* buffer) {
  if (buffer->empty()) return true;
  std::string empty;
  {
    std::lock_guard lock(impl_->mutex);
    if (impl_->queue.size() >= kQueue) {
      buffer->clear();
      return false;
    }
    if (!impl_->spares.empty()) {
      empty = std::move(impl_->spares.back());
      impl_->spares.pop_back();
    }
    impl_->queue.push_back(std::move(*buffer));
  }
  impl_->work.notify_one();
  *buffer = std::move(empty);
  return true;
}

void AccessLogWriter::Reopen() {
  std::lock_guard lock(impl_->mutex);
  impl_->reopen = true;
  impl_->work.notify_one();
}

uint64_t AccessLogWriter::write_errors() const { return impl_->lost_lines.load(std::memory_order_relaxed); }

}  // namespace meridian
