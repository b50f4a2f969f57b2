// The body of an answer of our own, written as its client takes it: a text that may be long stands once in memory, with
// the route, and not once per client that is slow.
#pragma once

#include <algorithm>
#include <string_view>

#include "event/loop.h"
#include "http/body_pipe.h"

namespace meridian {

class ReplySource final : private BodyPipe::Writer {
 public:
  ReplySource(Loop& loop, BodyPipe& pipe) : pipe_(pipe), hook_(loop, Bind<&ReplySource::Next>(this)) {}
  // `body` outlives the pipe's reader.
  void Start(std::string_view body) {
    left_ = body;
    if (left_.size() > kPiece) pipe_.set_writer(this);
    Next();
  }

 private:
  static constexpr size_t kPiece = 16 * 1024;
  void OnBodyConsumed(size_t) override {
    if (pipe_.size() == 0 && !pipe_.ended()) hook_.NextTurn();
  }
  void Next() {
    const std::string_view piece = left_.substr(0, kPiece);
    left_.remove_prefix(piece.size());
    if (!piece.empty()) pipe_.Write(nullptr, {reinterpret_cast<const uint8_t*>(piece.data()), piece.size()});
    if (left_.empty()) pipe_.Finish();
  }
  BodyPipe& pipe_;
  Hook hook_;  // a reader is not called from within its own call
  std::string_view left_;
};

}  // namespace meridian
