// One body on its way from the codec that receives it to the codec that sends it, with back-pressure.
//
// The writer pushes what arrived and ends the pipe exactly once (Finish or Fail); the reader takes pieces when its peer
// has room. Each Consume tells the writer, which opens its flow-control window or resumes reading: nobody buffers more
// than one window. One thread. Neither side is called from within its own call.
#pragma once

#include <cstdint>
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
    virtual void OnBodyConsumed(size_t bytes) = 0;

   protected:
    ~Writer() = default;
  };

  // An h1 writer pauses reading above this many unread bytes.
  static constexpr size_t kHighWater = 64 * 1024;

  // The last one counts: a body that no origin has begun to take may move on to another attempt.
  void set_reader(Reader* reader) { reader_ = reader; }
  bool is_reader(const Reader* reader) const { return reader_ == reader; }
  // Nothing if the body moved on.
  void RemoveReader(const Reader* reader) {
    if (reader_ == reader) reader_ = nullptr;
  }
  void set_writer(Writer* writer) { writer_ = writer; }

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
    buffer_.Consume(n);
    consumed_ += n;
    if (writer_) writer_->OnBodyConsumed(n);
  }
  // Nothing more will come and all was consumed.
  bool AtEnd() const { return state_ == State::kFinished && buffer_.empty(); }
  // All that will ever come is in the buffer.
  bool finished() const { return state_ == State::kFinished; }
  bool failed() const { return state_ == State::kFailed; }
  bool ended() const { return state_ != State::kOpen; }
  const HeaderBlock& trailers() const { return trailers_; }

  uint64_t written() const { return written_; }
  uint64_t consumed() const { return consumed_; }

 private:
  enum class State : uint8_t { kOpen, kFinished, kFailed };
  void Notify() {
    if (reader_) reader_->OnBodyReadable();
  }
  Buffer buffer_;
  State state_ = State::kOpen;
  Reader* reader_ = nullptr;
  Writer* writer_ = nullptr;
  uint64_t written_ = 0;
  uint64_t consumed_ = 0;
  HeaderBlock trailers_;
};

}  // namespace meridian
