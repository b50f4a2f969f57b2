// One body on its way from the codec that receives it to the codec that sends it, with back-pressure.
//
// The writer pushes what arrived and ends the pipe exactly once (Finish or Fail); the reader takes pieces when its peer
// has room. Each Consume tells the writer, which opens its flow-control window or resumes reading: nobody buffers more
// than one window. One thread. Neither side is called from within its own call.
//
// A request's body may have to be sent again: after Keep the pipe holds on to what was consumed, up to a limit, and
// Rewind offers it once more, to the next reader. The writer is told of each byte once, when it is consumed first.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "meridian/message.h"
#include "net/buffer.h"

namespace meridian {

class BodyPipe {
 public:
  class Reader {
   public:
    virtual void OnBodyReadable() = 0;  // bytes, the end, or a failure arrived

   protected:
    ~Reader() = default;
  };
  class Writer {
   public:
    // Bytes left the pipe; `bytes` of them for the first time: none while a body is sent again.
    virtual void OnBodyConsumed(size_t bytes) = 0;

   protected:
    ~Writer() = default;
  };

  class Observer {
   public:
    virtual void OnBodyDrained() = 0;  // the reader has taken everything there will be

   protected:
    ~Observer() = default;
  };

  // A writer that can wait does so from this many unread bytes on, or from the first one while memory is tight.
  static constexpr size_t kHighWater = 64 * 1024;
  bool backlogged() const { return size() >= kHighWater || (size() > 0 && BlockPool::Local().tight()); }

  // The last one counts: a body that no origin has begun to take may move on to another attempt.
  void set_reader(Reader* reader) { reader_ = reader; }
  bool is_reader(const Reader* reader) const { return reader_ == reader; }
  // Nothing if the body moved on.
  void RemoveReader(const Reader* reader) {
    if (reader_ == reader) reader_ = nullptr;
  }
  void set_writer(Writer* writer) { writer_ = writer; }
  void set_observer(Observer* observer) { observer_ = observer; }

  // ---- writer
  void Write(Block* block, std::span<const uint8_t> bytes) {
    written_ += bytes.size();
    buffer_.Append(block, bytes);
    Notify();
  }
  void Finish() {
    if (ended()) return;
    state_ = State::kFinished;
    Notify();
    if (observer_ && buffer_.empty()) observer_->OnBodyDrained();
  }
  // REQUIRES: the trailers' arena outlives the pipe.
  void FinishWithTrailers(const HeaderBlock& trailers) {
    trailers_ = trailers;
    Finish();
  }
  // The body stays incomplete for ever; what the reader sends must look cut.
  void Fail() {
    if (ended()) return;
    state_ = State::kFailed;
    Notify();
  }

  // ---- reader
  std::span<const uint8_t> Front() const { return buffer_.Front(); }
  size_t size() const { return buffer_.size(); }
  void Consume(size_t n) {
    if (kept_) {
      KeepFront(n);
    } else {
      buffer_.Consume(n);
    }
    Consumed(n);
  }
  // Consumes by writing to another pipe, without copies.
  void MoveTo(size_t n, BodyPipe& to) {
    buffer_.MoveTo(n, to.buffer_, 0);
    to.written_ += n;
    Consumed(n);
    to.Notify();
  }
  // Nothing more will come and all was consumed.
  bool AtEnd() const { return state_ == State::kFinished && buffer_.empty(); }
  // All that will ever come is in the buffer.
  bool finished() const { return state_ == State::kFinished; }
  bool failed() const { return state_ == State::kFailed; }
  bool ended() const { return state_ != State::kOpen; }
  const HeaderBlock& trailers() const { return trailers_; }

  // ---- the owner, between readers
  // From now on up to `limit` consumed bytes are kept. REQUIRES: consumed() == 0.
  void Keep(size_t limit) {
    kept_ = std::make_unique<Kept>();
    kept_->limit = limit;
  }
  // What was kept is given up.
  void Forget() { kept_.reset(); }
  bool keeping() const { return kept_ != nullptr; }
  // The next reader can have it from its first byte.
  bool whole() const { return consumed_ == 0 || kept_; }
  // REQUIRES: whole().
  void Rewind() {
    if (consumed_ == 0) return;
    buffer_.MoveTo(buffer_.size(), kept_->bytes);
    std::swap(buffer_, kept_->bytes);
    consumed_ = 0;
  }
  // The body was longer than what could be kept.
  bool overflowed() const { return overflowed_; }

  uint64_t written() const { return written_; }
  uint64_t consumed() const { return consumed_; }
  // Bytes in the pipe that no reader has taken yet.
  uint64_t unreported() const { return written_ - reported_; }

 private:
  enum class State : uint8_t { kOpen, kFinished, kFailed };
  struct Kept {
    Buffer bytes;
    size_t limit = 0;
  };
  void Consumed(size_t n) {
    consumed_ += n;
    const uint64_t fresh = consumed_ > reported_ ? consumed_ - reported_ : 0;
    reported_ += fresh;
    // Also without fresh ones: what was kept counted as a backlog since the rewind.
    if (writer_) writer_->OnBodyConsumed(fresh);
    if (observer_ && AtEnd()) observer_->OnBodyDrained();
  }
  void KeepFront(size_t n) {
    if (kept_->bytes.size() + n > kept_->limit) {
      overflowed_ = true;
      kept_.reset();
      return buffer_.Consume(n);
    }
    buffer_.MoveTo(n, kept_->bytes);
  }
  void Notify() {
    if (reader_) reader_->OnBodyReadable();
  }
  Buffer buffer_;
  State state_ = State::kOpen;
  Reader* reader_ = nullptr;
  Writer* writer_ = nullptr;
  Observer* observer_ = nullptr;
  std::unique_ptr<Kept> kept_;
  bool overflowed_ = false;
  uint64_t written_ = 0;
  uint64_t consumed_ = 0;  // since the last rewind
  uint64_t reported_ = 0;  // to the writer
  HeaderBlock trailers_;
};

}  // namespace meridian
